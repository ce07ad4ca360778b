// SPDX-License-Identifier: Apache-2.0
// virtio-net, polled, no copies in either direction. Section numbers are those of the Virtual I/O
// Device specification 1.1.
#include "drivers/net/virtio_net.h"

#include "hal/err.h"
#include "hal/timer.h"

enum {
    // virtio-mmio registers, 4.2.2.
    MAGIC = 0x00,
    VERSION = 0x04,
    DEVICE_ID = 0x08,
    DEVICE_FEATURES = 0x10,
    DEVICE_FEATURES_SEL = 0x14,
    DRIVER_FEATURES = 0x20,
    DRIVER_FEATURES_SEL = 0x24,
    QUEUE_SEL = 0x30,
    QUEUE_SIZE_MAX = 0x34,
    QUEUE_SIZE = 0x38,
    QUEUE_READY = 0x44,
    QUEUE_NOTIFY = 0x50,
    INTERRUPT_STATUS = 0x60,
    INTERRUPT_ACK = 0x64,
    STATUS = 0x70,
    QUEUE_DESC = 0x80,
    QUEUE_DRIVER = 0x90,
    QUEUE_DEVICE = 0xA0,
    CONFIG = 0x100, // the station address comes first, 5.1.4
};

enum {
    MAGIC_VALUE = 0x74726976,
    MODERN = 2,
    NETWORK = 1,
    FEATURE_MAC = 1 << 5,       // word 0
    FEATURE_VERSION_1 = 1 << 0, // word 1
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    RX_QUEUE = 0,
    TX_QUEUE = 1,
    DESC_NEXT = 1,
    DESC_WRITE = 2,
    NO_INTERRUPT = 1,  // available ring's flags, 2.6.7
    NO_NOTIFY = 1,     // used ring's flags, 2.6.10
    HEADER_BYTES = 12, // struct virtio_net_hdr, always with num_buffers under VERSION_1
    FRAME_BYTES_MIN = 14,
};

static const uint8_t no_offload[HEADER_BYTES];

static const struct virtio_net *of(const struct hal_netif *n) {
    return (const struct virtio_net *)n;
}

static volatile uint32_t *reg(const struct virtio_net *d, uint32_t offset) {
    return (volatile uint32_t *)(d->base + offset);
}

static void barrier(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void notify(const struct virtio_net *d, uint32_t queue, uint16_t used_flags) {
    if ((used_flags & NO_NOTIFY) == 0) {
        *reg(d, QUEUE_NOTIFY) = queue;
    }
}

struct queue {
    uint32_t index;
    uint32_t size;
    const volatile void *desc, *avail, *used;
};

static int set_up_queue(const struct virtio_net *d, const struct queue *q) {
    *reg(d, QUEUE_SEL) = q->index;
    if (*reg(d, QUEUE_SIZE_MAX) < q->size) {
        return ERR_IO;
    }
    const uint64_t address[3] = {(uintptr_t)q->desc, (uintptr_t)q->avail, (uintptr_t)q->used};
    *reg(d, QUEUE_SIZE) = q->size;
    for (uint32_t i = 0; i < 3; i++) {
        *reg(d, QUEUE_DESC + 0x10 * i) = (uint32_t)address[i];
        *reg(d, QUEUE_DESC + 0x10 * i + 4) = (uint32_t)(address[i] >> 32);
    }
    *reg(d, QUEUE_READY) = 1;
    return 0;
}

static int negotiate(const struct virtio_net *d) {
    if (*reg(d, MAGIC) != MAGIC_VALUE || *reg(d, VERSION) != MODERN ||
        *reg(d, DEVICE_ID) != NETWORK) {
        return ERR_IO;
    }
    *reg(d, STATUS) = 0; // reset
    *reg(d, STATUS) = STATUS_ACKNOWLEDGE;
    *reg(d, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    *reg(d, DRIVER_FEATURES_SEL) = 0;
    *reg(d, DRIVER_FEATURES) = FEATURE_MAC;
    *reg(d, DRIVER_FEATURES_SEL) = 1;
    *reg(d, DRIVER_FEATURES) = FEATURE_VERSION_1;
    *reg(d, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    return (*reg(d, STATUS) & STATUS_FEATURES_OK) != 0 ? 0 : ERR_IO;
}

// The device writes its header right before the frame, into the headroom.
static uint8_t *frame_of(struct virtio_net_state *s, uint32_t i) {
    return (uint8_t *)s->buffer[i] + HAL_NET_HEADROOM_BYTES;
}

static void give(struct virtio_net_state *s, uint32_t i) {
    s->rx_avail.ring[s->rx_avail.index % VIRTIO_NET_RX] = (uint16_t)i;
    barrier();
    s->rx_avail.index++;
    s->rx_given = true;
}

static void fill_rings(struct virtio_net_state *s) {
    s->rx_avail.flags = NO_INTERRUPT;
    s->tx_avail.flags = NO_INTERRUPT;
    for (uint32_t i = 0; i < VIRTIO_NET_RX; i++) {
        s->rx_desc[i] = (struct virtio_desc){
            .address = (uintptr_t)(frame_of(s, i) - HEADER_BYTES),
            .size = HEADER_BYTES + HAL_NET_FRAME_BYTES,
            .flags = DESC_WRITE,
        };
        give(s, i);
    }
    for (uint32_t i = 0; i < VIRTIO_NET_TX; i++) {
        s->tx_desc[i].next = (uint16_t)(i + 1);
    }
    s->tx_free = VIRTIO_NET_TX;
}

static int virtio_net_open(const struct hal_netif *n, uint8_t mac[6]) {
    const struct virtio_net *d = of(n);
    struct virtio_net_state *s = d->state;
    int err = negotiate(d);
    if (err < 0) {
        return err;
    }
    for (uint32_t i = 0; i < 6; i++) {
        mac[i] = *(volatile uint8_t *)(d->base + CONFIG + i);
    }
    *s = (struct virtio_net_state){0};
    const struct queue rx = {RX_QUEUE, VIRTIO_NET_RX, s->rx_desc, &s->rx_avail, &s->rx_used};
    const struct queue tx = {TX_QUEUE, VIRTIO_NET_TX, s->tx_desc, &s->tx_avail, &s->tx_used};
    err = set_up_queue(d, &rx);
    if (err == 0) {
        err = set_up_queue(d, &tx);
    }
    if (err < 0) {
        return err;
    }
    fill_rings(s);
    barrier();
    *reg(d, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    *reg(d, QUEUE_NOTIFY) = RX_QUEUE;
    hal_irq_wake(d->irq);
    return 0;
}

// Nothing waits: hand free buffers to the device, let it ask, and look once more.
static bool is_idle(const struct virtio_net *d, struct virtio_net_state *s) {
    if (s->rx_seen != s->rx_used.index) {
        return false;
    }
    if (s->rx_given) {
        s->rx_given = false;
        barrier();
        notify(d, RX_QUEUE, s->rx_used.flags);
    }
    *reg(d, INTERRUPT_ACK) = *reg(d, INTERRUPT_STATUS);
    s->rx_avail.flags = 0;
    barrier();
    return s->rx_seen == s->rx_used.index;
}

static int virtio_net_receive(const struct hal_netif *n, struct hal_net_frame *frame) {
    const struct virtio_net *d = of(n);
    struct virtio_net_state *s = d->state;
    while (!is_idle(d, s)) {
        s->rx_avail.flags = NO_INTERRUPT; // while the loop is awake anyway
        barrier();
        const struct virtio_used used = s->rx_used.ring[s->rx_seen % VIRTIO_NET_RX];
        s->rx_seen++;
        uint32_t i = used.id % VIRTIO_NET_RX;
        if (used.size < HEADER_BYTES + FRAME_BYTES_MIN ||
            used.size > HEADER_BYTES + HAL_NET_FRAME_BYTES) {
            give(s, i);
            continue;
        }
        frame->data = frame_of(s, i);
        frame->size = used.size - HEADER_BYTES;
        return 1;
    }
    return 0;
}

static void virtio_net_release(const struct hal_netif *n, uint8_t *data) {
    struct virtio_net_state *s = of(n)->state;
    give(s, (uint32_t)(data - (uint8_t *)s->buffer) / sizeof(s->buffer[0]));
}

static void chain(struct virtio_net_state *s, uint16_t *at, const void *data, uint32_t size) {
    struct virtio_desc *desc = &s->tx_desc[*at];
    desc->address = (uintptr_t)data;
    desc->size = size;
    desc->flags = DESC_NEXT;
    *at = desc->next;
    s->tx_free--;
}

static int virtio_net_send(const struct hal_netif *n, const struct hal_net_part *parts,
                           uint32_t n_parts, void *owner) {
    const struct virtio_net *d = of(n);
    struct virtio_net_state *s = d->state;
    if (n_parts == 0 || n_parts >= VIRTIO_NET_TX) {
        return ERR_RANGE;
    }
    if (n_parts >= s->tx_free) {
        return ERR_BUSY;
    }
    uint16_t first = s->tx_free_first;
    uint16_t at = first;
    uint16_t last = first;
    chain(s, &at, no_offload, HEADER_BYTES);
    for (uint32_t i = 0; i < n_parts; i++) {
        if (parts[i].size > 0) {
            last = at;
            chain(s, &at, parts[i].data, parts[i].size);
        }
    }
    s->tx_desc[last].flags = 0;
    s->tx_free_first = at;
    s->owner[first] = owner;
    s->tx_avail.ring[s->tx_avail.index % VIRTIO_NET_TX] = first;
    barrier();
    s->tx_avail.index++;
    barrier();
    notify(d, TX_QUEUE, s->tx_used.flags);
    return 1;
}

static void *virtio_net_sent(const struct hal_netif *n) {
    struct virtio_net_state *s = of(n)->state;
    if (s->tx_seen == s->tx_used.index) {
        return 0;
    }
    barrier();
    uint16_t first = (uint16_t)(s->tx_used.ring[s->tx_seen % VIRTIO_NET_TX].id % VIRTIO_NET_TX);
    s->tx_seen++;
    uint16_t last = first;
    s->tx_free++;
    while ((s->tx_desc[last].flags & DESC_NEXT) != 0) {
        last = s->tx_desc[last].next;
        s->tx_free++;
    }
    s->tx_desc[last].next = s->tx_free_first;
    s->tx_free_first = first;
    return s->owner[first];
}

const struct hal_netif_ops virtio_net_ops = {
    .open = virtio_net_open,
    .receive = virtio_net_receive,
    .release = virtio_net_release,
    .send = virtio_net_send,
    .sent = virtio_net_sent,
};
