// SPDX-License-Identifier: Apache-2.0
// An image_source over bytes in RAM that objects to any read outside, and counts what was read.
#pragma once
#include "check.h"
#include "image/image.h"

struct memory {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t highest; // end of the furthest read
    struct image_source source;
};

static inline int memory_read(void *ctx, uint32_t offset, void *to, uint32_t size) {
    struct memory *m = ctx;
    CHECK(offset <= m->size && size <= m->size - offset);
    memcpy(to, m->bytes + offset, size);
    m->highest = offset + size > m->highest ? offset + size : m->highest;
    return 0;
}

static inline void memory_init(struct memory *m, const uint8_t *bytes, uint32_t size) {
    *m = (struct memory){.bytes = bytes, .size = size};
    m->source = (struct image_source){.read = memory_read, .ctx = m};
}
