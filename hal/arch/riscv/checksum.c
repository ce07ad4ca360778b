// SPDX-License-Identifier: Apache-2.0
// Internet checksum: words are added, carries counted apart, 32 bytes a turn.
#include "hal/checksum.h"

static inline void add(uint32_t word, uint32_t *sum, uint32_t *carries) {
    *sum += word;
    *carries += *sum < word;
}

uint16_t hal_checksum(const void *data, int size) {
    const uint8_t *p = data;
    uint32_t n = size > 0 ? (uint32_t)size : 0;
    uint32_t sum = 0;
    uint32_t carries = 0;
    uint32_t odd = (uintptr_t)p & 1;
    if (odd != 0 && n > 0) {
        sum = (uint32_t)*p++ << 8;
        n--;
    }
    if (((uintptr_t)p & 2) != 0 && n >= 2) {
        sum += *(const uint16_t *)(const void *)p;
        p += 2;
        n -= 2;
    }
    const uint32_t *words = (const uint32_t *)(const void *)p;
    for (; n >= 32; n -= 32) {
        add(words[0], &sum, &carries);
        add(words[1], &sum, &carries);
        add(words[2], &sum, &carries);
        add(words[3], &sum, &carries);
        add(words[4], &sum, &carries);
        add(words[5], &sum, &carries);
        add(words[6], &sum, &carries);
        add(words[7], &sum, &carries);
        words += 8;
    }
    for (; n >= 4; n -= 4) {
        add(*words++, &sum, &carries);
    }
    p = (const uint8_t *)words;
    sum = (sum & 0xFFFF) + (sum >> 16) + carries;
    if ((n & 2) != 0) {
        sum += *(const uint16_t *)(const void *)p;
        p += 2;
    }
    if ((n & 1) != 0) {
        sum += *p;
    }
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)(odd != 0 ? (sum & 0xFF) << 8 | sum >> 8 : sum);
}
