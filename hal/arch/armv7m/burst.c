// SPDX-License-Identifier: Apache-2.0
// FIFO access by LDM and STM: eight words per pair of instructions.
#include "hal/burst.h"

void hal_burst_in(const volatile uint32_t *port, uint32_t *to, uint32_t words) {
    uint32_t turns = words / 8;
    if (turns > 0) {
        __asm__ volatile("1: ldmia %2, {r4, r5, r6, r8, r9, r10, r11, r12}\n"
                         "stmia %0!, {r4, r5, r6, r8, r9, r10, r11, r12}\n"
                         "subs %1, #1\n"
                         "bne 1b"
                         : "+r"(to), "+r"(turns)
                         : "r"(port)
                         : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
    }
    for (uint32_t rest = words % 8; rest > 0; rest--) {
        *to++ = *port;
    }
}

void hal_burst_out(volatile uint32_t *port, const uint32_t *from, uint32_t words) {
    uint32_t turns = words / 8;
    if (turns > 0) {
        __asm__ volatile("1: ldmia %0!, {r4, r5, r6, r8, r9, r10, r11, r12}\n"
                         "stmia %2, {r4, r5, r6, r8, r9, r10, r11, r12}\n"
                         "subs %1, #1\n"
                         "bne 1b"
                         : "+r"(from), "+r"(turns)
                         : "r"(port)
                         : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
    }
    for (uint32_t rest = words % 8; rest > 0; rest--) {
        *port = *from++;
    }
}
