// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035): the one question that we ask, and its answers. Pure.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    DNS_HEADER_BYTES = 12,
    DNS_QUERY_BYTES_MAX = DNS_HEADER_BYTES + 255 + 4,
};

// Write a query for the A record of `name` ("host.example.com", a last dot allowed). Returns its
// size, ERR_RANGE if the name is none.
int dns_write_query(uint8_t out[DNS_QUERY_BYTES_MAX], uint16_t id, const char *name);

// The first 16 bits, 0 if there are none.
uint16_t dns_message_id(const uint8_t *message, uint32_t n);

// Find the address in an answer to that query. ERR_FORMAT if it is no answer to it (go on waiting),
// ERR_NOT_FOUND if there is no such name or it has no address, ERR_IO if the server failed.
int dns_read_answer(const uint8_t *message, uint32_t n, const uint8_t *query, uint32_t query_n,
                    uint32_t *address);
