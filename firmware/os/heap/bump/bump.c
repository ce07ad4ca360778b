// SPDX-License-Identifier: Apache-2.0
// Heap that grows; only the last block can be given back.
#include "hal/arch.h"
#include "os/heap.h"
#include <stdint.h>

enum { ALIGN_BYTES = 8 };

static uint8_t *top, *last, *highest; // null: nothing allocated yet

static uint8_t *start(void) {
    return (uint8_t *)(((uintptr_t)hal_heap_start + ALIGN_BYTES - 1) &
                       ~(uintptr_t)(ALIGN_BYTES - 1));
}

void *os_alloc(size_t size) {
    if (top == NULL) {
        top = highest = start();
    }
    size_t left = (size_t)(hal_heap_end - top) & ~(size_t)(ALIGN_BYTES - 1);
    if (size == 0 || size > left) {
        return NULL;
    }
    last = top;
    top += (size + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    highest = top > highest ? top : highest;
    return last;
}

void os_free(void *block) {
    if (block != NULL && block == last) {
        top = last;
        last = NULL;
    }
}

void os_heap_stats(struct os_heap_stats *stats) {
    size_t used = top != NULL ? (size_t)(top - start()) : 0;
    stats->size = (size_t)(hal_heap_end - start());
    stats->used = used;
    stats->peak = highest != NULL ? (size_t)(highest - start()) : 0;
    stats->largest_free = (stats->size - used) & ~(size_t)(ALIGN_BYTES - 1);
}
