// SPDX-License-Identifier: Apache-2.0
// Internet checksum's middle: words are added and carries counted apart, since there is no flag.
#include "hal/checksum.h"

static inline void add(uint32_t word, uint32_t *sum, uint32_t *carries) {
    *sum += word;
    *carries += *sum < word;
}

uint32_t hal_checksum_turns(const uint32_t *words, uint32_t turns, uint32_t sum) {
    uint32_t carries = 0;
    for (; turns > 0; turns--) {
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
    sum += carries;
    return sum + (sum < carries);
}
