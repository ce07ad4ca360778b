// SPDX-License-Identifier: Apache-2.0
// Starts lwIP's DHCP client; it keeps the lease by itself.
#include "lwip/dhcp.h"
#include "core.h"
#include "hal/err.h"

int net_dhcp_init(void);

int net_dhcp_init(void) {
    static struct dhcp state; // instead of one from lwIP's heap
    dhcp_set_struct(net_netif(), &state);
    return dhcp_start(net_netif()) == ERR_OK ? 0 : ERR_NO_MEMORY;
}
