// SPDX-License-Identifier: Apache-2.0
// The network as a whole: is it up, and under which address. IPv4 addresses are uint32_t with the
// first octet in the highest bits.
#pragma once
#include "hal/language.h"
#include <stdbool.h>
#include <stdint.h>

C_BEGIN

enum { NET_ADDRESS_TEXT_BYTES = 16 };

// True while there is an address.
bool net_up(void);

// The caller's memory; it must live for ever.
struct net_watcher {
    struct net_watcher *next;
    void (*fn)(struct net_watcher *watcher);
    bool told;
};

// Call `fn(watcher)` whenever the network comes up (again); from the run loop, also if it is up
// now.
void net_on_up(struct net_watcher *watcher, void (*fn)(struct net_watcher *watcher));

// 0 while down, or where none is known.
uint32_t net_address(void);
uint32_t net_gateway(void);
uint32_t net_dns_server(void);

// Set them by hand, for an image without net/dhcp. `dns_server` may be 0.
void net_set_address(uint32_t address, uint32_t mask, uint32_t gateway, uint32_t dns_server);

// "10.0.2.15"; returns `out`.
char *net_address_text(uint32_t address, char out[NET_ADDRESS_TEXT_BYTES]);

// Parse exactly `n` characters, four decimal octets without leading zeros. ERR_FORMAT.
int net_address_parse(const char *text, uint32_t n, uint32_t *address);

// For the generated init: the stack and board_netif. ERR_IO if the device does not start.
int net_core_init(void);

C_END
