// SPDX-License-Identifier: Apache-2.0
// What net/core offers to the other parts of net/, and not to applications.
#pragma once
#include "lwip/netif.h"
#include "net/net.h"

enum { NET_HOSTNAME_BYTES = 16 };

struct netif *net_netif(void);
