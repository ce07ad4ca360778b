// SPDX-License-Identifier: Apache-2.0
// Names to IPv4 addresses by the DNS server that DHCP named. No cache beyond the caller's.
#pragma once
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

// The caller's memory, zero at first; all fields are private. Any number may be under way.
struct net_dns_query {
    struct net_dns_query *next;
    const char *name;
    void (*fn)(struct net_dns_query *query, int err, uint32_t address);
    uint32_t due_ms;
    uint16_t id;
    uint8_t tries_left;
};

// Look `name` up (the caller's until `fn`) and call `fn` from the run loop: 0 and the address, or
// ERR_NOT_FOUND no such name, ERR_TIMED_OUT, ERR_IO the server failed.
// Returns ERR_STATE while the network is down or no server is known, ERR_RANGE for a bad name.
int net_dns_resolve(struct net_dns_query *query, const char *name,
                    void (*fn)(struct net_dns_query *query, int err, uint32_t address));

// Forget it; `fn` is not called. Harmless if it is not under way.
void net_dns_cancel(struct net_dns_query *query);

C_END
