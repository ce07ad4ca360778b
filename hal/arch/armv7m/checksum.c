// SPDX-License-Identifier: Apache-2.0
// Internet checksum: 32 bytes a turn by LDM and add with carry.
#include "hal/checksum.h"

// Sum of `turns` times 32 bytes at a word boundary; the carry comes back into it.
static uint32_t sum_blocks(const uint32_t **words, uint32_t turns, uint32_t sum) {
    const uint32_t *p = *words;
    __asm__ volatile("1: ldmia %0!, {r4-r7}\n"
                     "adds %1, %1, r4\n"
                     "adcs %1, %1, r5\n"
                     "adcs %1, %1, r6\n"
                     "adcs %1, %1, r7\n"
                     "ldmia %0!, {r4-r7}\n"
                     "adcs %1, %1, r4\n"
                     "adcs %1, %1, r5\n"
                     "adcs %1, %1, r6\n"
                     "adcs %1, %1, r7\n"
                     "adc %1, %1, #0\n"
                     "subs %2, %2, #1\n"
                     "bne 1b"
                     : "+r"(p), "+r"(sum), "+r"(turns)
                     :
                     : "r4", "r5", "r6", "r7", "cc", "memory");
    *words = p;
    return sum;
}

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
    if (n >= 32) {
        sum = sum_blocks(&words, n / 32, sum);
        n %= 32;
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
