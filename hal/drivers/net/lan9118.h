// SPDX-License-Identifier: Apache-2.0
// SMSC LAN9118 Ethernet controller with 16 KiB of FIFO, on a 32-bit bus.
#pragma once
#include "hal/netif.h"
#include <stdbool.h>

enum {
    // TX FIFO 5 KiB leaves 10,560 bytes for received data; a frame that does not fit is lost
    // silently.
    LAN9118_RECEIVE_FRAMES = 6,
    LAN9118_WORDS = (HAL_NET_HEADROOM_BYTES - 2 + 2 + HAL_NET_FRAME_BYTES + 4 + 3) / 4,
};

// One frame at a time leaves the FIFO, so one buffer is enough.
struct lan9118_state {
    uint32_t buffer[LAN9118_WORDS];
    bool lent;
};

struct lan9118 {
    struct hal_netif netif; // {&lan9118_ops, LAN9118_RECEIVE_FRAMES}
    uintptr_t base;
    uint32_t irq;
    struct lan9118_state *state;
};

extern const struct hal_netif_ops lan9118_ops;
