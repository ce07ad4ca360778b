// SPDX-License-Identifier: Apache-2.0
// The application's heap. os, net and update never allocate from it.
#pragma once
#include "hal/language.h"
#include <stddef.h>

C_BEGIN

struct os_heap_stats {
    size_t size;         // bytes that can be given out in all
    size_t used;         // bytes in use, the allocator's own included
    size_t peak;         // highest `used` since start
    size_t largest_free; // the largest block that could be had now
};

// `size` bytes aligned to 8, or null. os_alloc(0) is null.
void *os_alloc(size_t size);

// Give back what os_alloc gave; null is allowed. heap/bump keeps it unless it was the last block.
void os_free(void *block);

void os_heap_stats(struct os_heap_stats *stats);

C_END
