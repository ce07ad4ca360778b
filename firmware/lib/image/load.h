// SPDX-License-Identifier: Apache-2.0
// Little-endian loads, byte by byte, for the readers in this folder.
#pragma once
#include <stdint.h>

static inline uint32_t load_u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t load_u32(const uint8_t *p) {
    return load_u16(p) | load_u16(p + 2) << 16;
}
