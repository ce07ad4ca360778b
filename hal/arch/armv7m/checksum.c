// SPDX-License-Identifier: Apache-2.0
// Internet checksum's middle: 32 bytes a turn by LDM and add with carry.
#include "hal/checksum.h"

uint32_t hal_checksum_turns(const uint32_t *words, uint32_t turns, uint32_t sum) {
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
                     : "+r"(words), "+r"(sum), "+r"(turns)
                     :
                     : "r4", "r5", "r6", "r7", "cc", "memory");
    return sum;
}
