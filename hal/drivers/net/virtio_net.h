// SPDX-License-Identifier: Apache-2.0
// virtio network device behind virtio-mmio, version 1 ("modern"), split queues.
#pragma once
#include "hal/netif.h"
#include <stdbool.h>

enum {
    VIRTIO_NET_RX = 4,  // buffers; a power of two
    VIRTIO_NET_TX = 32, // descriptors; a power of two. A frame takes its parts and one more
    // The host holds back what finds no buffer, so more may be on its way than there are.
    VIRTIO_NET_RECEIVE_FRAMES = 8,
    VIRTIO_NET_BUFFER_WORDS = (HAL_NET_HEADROOM_BYTES + HAL_NET_FRAME_BYTES + 3) / 4,
};

// Virtual I/O Device specification 1.1, section 2.6.
struct virtio_desc {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

struct virtio_used {
    uint32_t id;
    uint32_t size;
};

struct virtio_net_state {
    _Alignas(16) struct virtio_desc rx_desc[VIRTIO_NET_RX];
    _Alignas(16) struct virtio_desc tx_desc[VIRTIO_NET_TX];
    _Alignas(4) struct {
        volatile uint16_t flags, index;
        uint16_t ring[VIRTIO_NET_RX], event;
    } rx_avail;
    _Alignas(4) struct {
        volatile uint16_t flags, index;
        uint16_t ring[VIRTIO_NET_TX], event;
    } tx_avail;
    _Alignas(4) struct {
        volatile uint16_t flags, index;
        struct virtio_used ring[VIRTIO_NET_RX];
        uint16_t event;
    } rx_used;
    _Alignas(4) struct {
        volatile uint16_t flags, index;
        struct virtio_used ring[VIRTIO_NET_TX];
        uint16_t event;
    } tx_used;
    void *owner[VIRTIO_NET_TX]; // by first descriptor of a lent frame
    uint16_t rx_seen, tx_seen;  // used entries taken
    uint16_t tx_free, tx_free_first;
    bool rx_given; // buffers were given back since the device was told
    uint32_t buffer[VIRTIO_NET_RX][VIRTIO_NET_BUFFER_WORDS];
};

struct virtio_net {
    struct hal_netif netif; // {&virtio_net_ops, VIRTIO_NET_RECEIVE_FRAMES}
    uintptr_t base;
    uint32_t irq;
    struct virtio_net_state *state;
};

extern const struct hal_netif_ops virtio_net_ops;
