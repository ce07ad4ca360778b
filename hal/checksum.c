// SPDX-License-Identifier: Apache-2.0
// Internet checksum: what stands before and behind the whole words in the middle.
#include "hal/checksum.h"

enum { TURN_WORDS = 8, TURN_BYTES = 4 * TURN_WORDS };

uint16_t hal_checksum(const void *data, int size) {
    const uint8_t *p = data;
    uint32_t n = size > 0 ? (uint32_t)size : 0;
    uint32_t sum = 0;
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
    uint32_t turns = n / TURN_BYTES;
    if (turns > 0) {
        sum = hal_checksum_turns(words, turns, sum);
        words += turns * TURN_WORDS;
        n %= TURN_BYTES;
    }
    for (; n >= 4; n -= 4) {
        uint32_t word = *words++;
        sum += word;
        sum += sum < word;
    }
    p = (const uint8_t *)words;
    sum = (sum & 0xFFFF) + (sum >> 16);
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
