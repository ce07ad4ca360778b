// SPDX-License-Identifier: Apache-2.0
// LAN9118, polled. Section numbers are those of the LAN9118 datasheet (DS00002266).
#include "drivers/net/lan9118.h"

#include "hal/burst.h"
#include "hal/err.h"
#include "hal/timer.h"

enum {
    // Offsets of direct registers, section 5.3.
    RX_DATA = 0x00, // the port is visible at 0x00..0x1F
    TX_DATA = 0x20, // and at 0x20..0x3F
    RX_STATUS = 0x40,
    TX_STATUS = 0x48,
    IRQ_CFG = 0x54,
    INT_STS = 0x58,
    INT_EN = 0x5C,
    BYTE_TEST = 0x64,
    FIFO_INT = 0x68,
    RX_CFG = 0x6C,
    TX_CFG = 0x70,
    HW_CFG = 0x74,
    RX_FIFO_INF = 0x7C,
    TX_FIFO_INF = 0x80,
    PMT_CTRL = 0x84,
    MAC_CSR_CMD = 0xA4,
    MAC_CSR_DATA = 0xA8,
    AFC_CFG = 0xAC,
    // MAC registers behind MAC_CSR_CMD, section 5.4.
    MAC_CR = 1,
    MAC_ADDRH = 2,
    MAC_ADDRL = 3,
    MII_ACC = 6,
    MII_DATA = 7,
};

enum {
    RX_LEVEL_IRQ = 1 << 3,     // INT_STS: more frames wait than FIFO_INT's level
    RX_STATUS_ERROR = 1 << 15, // 3.13.3
    TX_FIRST = 1 << 13,        // TX command A, 3.12.2
    TX_LAST = 1 << 12,
    TX_COMMAND_BYTES = 8,
    FCS_BYTES = 4,
    PAD_BYTES = 2, // RX_CFG.RXDOFF: the IP header comes to lie at a word
    FRAME_BYTES_MIN = 14,
    WAIT_US = 10000,
};

static const struct lan9118 *of(const struct hal_netif *n) {
    return (const struct lan9118 *)n;
}

static volatile uint32_t *reg(const struct lan9118 *d, uint32_t offset) {
    return (volatile uint32_t *)(d->base + offset);
}

// Wait until the masked bits of a register read as `value`. ERR_IO.
static int await(const struct lan9118 *d, uint32_t offset, uint32_t mask, uint32_t value) {
    uint64_t end_us = hal_timer_us() + WAIT_US;
    while ((*reg(d, offset) & mask) != value) {
        if (hal_timer_us() > end_us) {
            return ERR_IO;
        }
    }
    return 0;
}

static int mac_write(const struct lan9118 *d, uint32_t index, uint32_t value) {
    *reg(d, MAC_CSR_DATA) = value;
    *reg(d, MAC_CSR_CMD) = 0x80000000U | index;
    return await(d, MAC_CSR_CMD, 0x80000000U, 0);
}

static int mac_read(const struct lan9118 *d, uint32_t index, uint32_t *value) {
    *reg(d, MAC_CSR_CMD) = 0xC0000000U | index;
    int err = await(d, MAC_CSR_CMD, 0x80000000U, 0);
    *value = *reg(d, MAC_CSR_DATA);
    return err;
}

static int reset(const struct lan9118 *d) {
    (void)*reg(d, BYTE_TEST); // any access wakes it, 3.10.2
    int err = await(d, PMT_CTRL, 1, 1);
    if (err < 0) {
        return err;
    }
    *reg(d, HW_CFG) = 1; // software reset
    err = await(d, HW_CFG, 1, 0);
    if (err < 0) {
        return err;
    }
    *reg(d, HW_CFG) = 5 << 16 | 1 << 20; // TX FIFO 5 KiB, must-be-one bit
    *reg(d, AFC_CFG) = 0x006E3740;       // recommended flow control levels, 5.3.22
    *reg(d, INT_EN) = 0;
    *reg(d, INT_STS) = 0xFFFFFFFFU;
    *reg(d, FIFO_INT) = 0x48000000; // one received frame is enough to ask
    return 0;
}

static int start_phy(const struct lan9118 *d) {
    int err = mac_write(d, MII_DATA, 0x1200); // control: negotiate, anew
    return err < 0 ? err : mac_write(d, MII_ACC, 1 << 11 | 0 << 6 | 2 | 1);
}

static int lan9118_open(const struct hal_netif *n, uint8_t mac[6]) {
    const struct lan9118 *d = of(n);
    uint32_t low;
    uint32_t high;
    int err = reset(d);
    if (err < 0) {
        return err;
    }
    err = start_phy(d);
    if (err < 0) {
        return err;
    }
    err = mac_read(d, MAC_ADDRL, &low);
    if (err < 0) {
        return err;
    }
    err = mac_read(d, MAC_ADDRH, &high);
    if (err < 0) {
        return err;
    }
    for (uint32_t i = 0; i < 6; i++) {
        mac[i] = (uint8_t)(i < 4 ? low >> (8 * i) : high >> (8 * (i - 4)));
    }
    *reg(d, RX_CFG) = PAD_BYTES << 8;
    *reg(d, TX_CFG) = 2;                                   // on
    err = mac_write(d, MAC_CR, 1 << 28 | 1 << 20 | 8 | 4); // full duplex, TX, RX, own frames only
    *reg(d, IRQ_CFG) = 0x22000111; // 340 us apart, enabled, active high, push-pull
    *reg(d, INT_EN) = RX_LEVEL_IRQ;
    hal_irq_wake(d->irq);
    return err;
}

// RX_DP_CTRL's fast-forward damages the FIFO in some implementations: reading is always right.
static void discard(const struct lan9118 *d, uint32_t words) {
    while (words-- > 0) {
        (void)*reg(d, RX_DATA);
    }
}

static uint32_t frames_waiting(const struct lan9118 *d) {
    return *reg(d, RX_FIFO_INF) >> 16 & 0xFF;
}

static int lan9118_receive(const struct hal_netif *n, struct hal_net_frame *frame) {
    const struct lan9118 *d = of(n);
    struct lan9118_state *s = d->state;
    if (s->lent) {
        return 0;
    }
    for (;;) {
        if (frames_waiting(d) == 0) {
            *reg(d, INT_STS) = RX_LEVEL_IRQ; // it is set on arrival only, so look again
            if (frames_waiting(d) == 0) {
                return 0;
            }
        }
        uint32_t status = *reg(d, RX_STATUS);
        uint32_t bytes = status >> 16 & 0x3FFF; // with FCS
        uint32_t words = (PAD_BYTES + bytes + 3) / 4;
        if ((status & RX_STATUS_ERROR) != 0 || bytes < FRAME_BYTES_MIN + FCS_BYTES ||
            bytes > HAL_NET_FRAME_BYTES + FCS_BYTES) {
            discard(d, words);
            continue;
        }
        uint32_t *to = s->buffer + (HAL_NET_HEADROOM_BYTES - PAD_BYTES) / 4;
        hal_burst_in(reg(d, RX_DATA), to, words);
        s->lent = true;
        frame->data = (uint8_t *)to + PAD_BYTES;
        frame->size = bytes - FCS_BYTES;
        return 1;
    }
}

static void lan9118_release(const struct hal_netif *n, uint8_t *data) {
    (void)data;
    of(n)->state->lent = false;
}

// Words that the FIFO takes for a piece: from the word in which it begins.
static uint32_t words_of(const struct hal_net_part *part) {
    return (((uintptr_t)part->data & 3) + part->size + 3) / 4;
}

static int lan9118_send(const struct hal_netif *n, const struct hal_net_part *parts,
                        uint32_t n_parts, void *owner) {
    const struct lan9118 *d = of(n);
    (void)owner;
    uint32_t info = *reg(d, TX_FIFO_INF);
    for (uint32_t done = info >> 16 & 0xFF; done > 0; done--) {
        (void)*reg(d, TX_STATUS); // a full status FIFO would stop transmission
    }
    uint32_t total = 0;
    uint32_t room = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < n_parts; i++) {
        if (parts[i].size > 0) {
            total += parts[i].size;
            room += TX_COMMAND_BYTES + 4 * words_of(&parts[i]);
            last = i;
        }
    }
    if (total == 0 || total > HAL_NET_FRAME_BYTES) {
        return ERR_RANGE;
    }
    if ((info & 0xFFFF) < room) {
        return ERR_BUSY;
    }
    uint32_t flags = TX_FIRST;
    for (uint32_t i = 0; i <= last; i++) {
        if (parts[i].size == 0) {
            continue;
        }
        uint32_t skew = (uintptr_t)parts[i].data & 3;
        flags |= i == last ? TX_LAST : 0;
        *reg(d, TX_DATA) = skew << 16 | flags | parts[i].size;
        *reg(d, TX_DATA) = total << 16 | total;
        hal_burst_out(reg(d, TX_DATA), (const uint32_t *)(const void *)(parts[i].data - skew),
                      words_of(&parts[i]));
        flags = 0;
    }
    return 0;
}

static void *lan9118_sent(const struct hal_netif *n) {
    (void)n;
    return 0; // send copies
}

const struct hal_netif_ops lan9118_ops = {
    .open = lan9118_open,
    .receive = lan9118_receive,
    .release = lan9118_release,
    .send = lan9118_send,
    .sent = lan9118_sent,
};
