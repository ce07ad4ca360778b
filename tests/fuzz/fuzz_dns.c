// SPDX-License-Identifier: Apache-2.0
// sources: firmware/net/dns/dns_message.c
// include: firmware/net/dns
// Answers to a DNS query, from anybody on the way: each is refused in a way that is known, or has
// an address that it holds.
#include "check.h"
#include "dns_message.h"
#include "hal/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool holds(const uint8_t *data, size_t size, uint32_t address) {
    for (size_t at = 0; at + 4 <= size; at++) {
        const uint8_t *d = data + at;
        if (address == ((uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3])) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t query[DNS_QUERY_BYTES_MAX];
    uint32_t address = 0;
    int query_n = dns_write_query(query, 0x1234, "Updates.example.com");
    CHECK(query_n > 0);
    (void)dns_message_id(data, (uint32_t)size);
    int err = dns_read_answer(data, (uint32_t)size, query, (uint32_t)query_n, &address);
    CHECK(err == 0 || err == ERR_FORMAT || err == ERR_NOT_FOUND || err == ERR_IO);
    CHECK(err < 0 || holds(data, size, address));
    return 0;
}
