// SPDX-License-Identifier: Apache-2.0
// Little-endian loads and stores for the formats of docs/flash.md. Private to slots.
#pragma once
#include "crc/crc32.h"

#include <stdbool.h>
#include <stdint.h>

// One instruction where the core loads unaligned words; a call costs more.
__attribute__((always_inline)) static inline uint16_t load_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

__attribute__((always_inline)) static inline uint32_t load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void store_u16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void store_u32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

// What a CRC-32 becomes behind its own four bytes.
enum { CRC_SEALED = 0x2144DF1C };

// True if the last four bytes are the CRC of those before.
static inline bool is_sealed(const uint8_t *bytes, uint32_t size) {
    return crc32(0, bytes, size) == CRC_SEALED;
}
