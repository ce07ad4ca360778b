// SPDX-License-Identifier: Apache-2.0
// Contract of an Ethernet device: whole frames in and out, polled, without copies where the device
// can. Several devices per image may exist. Nothing here may be called from an interrupt handler.
#pragma once
#include <stdint.h>

struct hal_netif;

enum {
    HAL_NET_FRAME_BYTES = 1514,  // largest frame, without FCS
    HAL_NET_HEADROOM_BYTES = 34, // of a received frame, before its data; the holder may use them
};

// A received frame. `data` begins with the Ethernet header and lies at an address that is 2 modulo
// 4, so that the IP header behind it is aligned. HAL_NET_HEADROOM_BYTES before it and the bytes up
// to the next multiple of 4 behind it belong to the holder too.
struct hal_net_frame {
    uint8_t *data;
    uint32_t size; // without FCS
};

// A piece of a frame to send, at any alignment; the first one begins with the Ethernet header.
struct hal_net_part {
    const uint8_t *data;
    uint32_t size; // may be 0
};

struct hal_netif_ops {
    // Start the device and deliver its station address. Has its interrupt line end sleep
    // (hal_irq_wake). ERR_IO if it is absent or does not answer.
    int (*open)(const struct hal_netif *n, uint8_t mac[6]);

    // 1 and a frame, which must go back by `release`; 0 if none has arrived: cannot fail, what was
    // received badly is dropped. Having returned 0, the device asks by its interrupt line as soon
    // as one arrives.
    int (*receive)(const struct hal_netif *n, struct hal_net_frame *frame);

    // Give the buffer of a received frame back.
    void (*release)(const struct hal_netif *n, uint8_t *data);

    // Send one frame. 0: all of it was copied. 1: the parts are lent to the device until `sent`
    // returns `owner` (not null). ERR_BUSY: no room now. ERR_RANGE: more parts than it can chain.
    int (*send)(const struct hal_netif *n, const struct hal_net_part *parts, uint32_t n_parts,
                void *owner);

    // The owner of a lent frame that has been sent, in any order; null if there is none.
    void *(*sent)(const struct hal_netif *n);
};

// A driver's own struct begins with this one; board.c defines it const.
struct hal_netif {
    const struct hal_netif_ops *ops;
    uint32_t receive_frames; // so many full frames may arrive while nobody looks, and none is lost
};

extern const struct hal_netif *const board_netif; // the one that net/core uses
