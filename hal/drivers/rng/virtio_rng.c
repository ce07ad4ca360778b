// SPDX-License-Identifier: Apache-2.0
// virtio entropy device, polled; silent again after each read, so nothing writes RAM later.
#include "drivers/rng/virtio_rng.h"
#include "hal/err.h"
#include "hal/timer.h"

enum {
    MAGIC = 0x00 / 4,
    DEVICE_ID = 0x08 / 4,
    FEATURES = 0x20 / 4,
    FEATURES_SELECT = 0x24 / 4,
    QUEUE_SELECT = 0x30 / 4,
    QUEUE_SIZE = 0x38 / 4,
    QUEUE_READY = 0x44 / 4,
    NOTIFY = 0x50 / 4,
    STATUS = 0x70 / 4,
    DESCRIPTORS = 0x80 / 4,
    AVAILABLE = 0x90 / 4,
    USED = 0xA0 / 4,
    ID_ENTROPY = 4,
    VERSION_1 = 1,      // feature 32
    STATUS_READY = 0xB, // acknowledge, driver, features ok
    STATUS_DRIVING = 0xF,
    WRITABLE = 2,
    WAIT_US = 1000000,
};

// A queue of one entry (2.6).
struct queue {
    struct {
        uint64_t address;
        uint32_t size;
        uint16_t flags;
        uint16_t next;
    } descriptor;
    struct {
        uint16_t flags;
        uint16_t index;
        uint16_t ring[1];
    } available;
    struct {
        volatile uint16_t flags;
        volatile uint16_t index;
        struct {
            uint32_t id;
            volatile uint32_t size;
        } ring[1];
    } used __attribute__((aligned(4)));
};

static void set_address(volatile uint32_t *r, uint32_t word, const void *at) {
    r[word] = (uint32_t)(uintptr_t)at;
    r[word + 1] = 0;
}

// Ask once; returns how many bytes came.
static int ask(volatile uint32_t *r, struct queue *q) {
    r[STATUS] = 0;
    r[STATUS] = 3;
    r[FEATURES_SELECT] = 1;
    r[FEATURES] = VERSION_1;
    r[STATUS] = STATUS_READY;
    r[QUEUE_SELECT] = 0;
    r[QUEUE_SIZE] = 1;
    set_address(r, DESCRIPTORS, &q->descriptor);
    set_address(r, AVAILABLE, &q->available);
    set_address(r, USED, &q->used);
    r[QUEUE_READY] = 1;
    r[STATUS] = STATUS_DRIVING;
    __asm__ volatile("fence" ::: "memory");
    r[NOTIFY] = 0;
    uint64_t start_us = hal_timer_us();
    while (q->used.index == 0) {
        if (hal_timer_us() - start_us > WAIT_US) {
            return ERR_TIMED_OUT;
        }
    }
    return (int)q->used.ring[0].size;
}

int hal_rng_read(void *to, size_t size) {
    volatile uint32_t *r = (volatile uint32_t *)board_rng.base;
    if (r[MAGIC] != 0x74726976 || r[DEVICE_ID] != ID_ENTROPY) {
        return ERR_UNSUPPORTED;
    }
    uint8_t *p = to;
    while (size > 0) {
        struct queue q __attribute__((aligned(16))) = {
            .descriptor = {(uintptr_t)p, (uint32_t)size, WRITABLE, 0},
            .available.index = 1,
        };
        int n = ask(r, &q);
        r[STATUS] = 0;
        if (n <= 0 || (size_t)n > size) {
            return ERR_TIMED_OUT;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}
