// SPDX-License-Identifier: Apache-2.0
// FIFO access word by word: RISC-V has no load or store of several registers.
#include "hal/burst.h"

void hal_burst_in(const volatile uint32_t *port, uint32_t *to, uint32_t words) {
    while (words-- > 0) {
        *to++ = *port;
    }
}

void hal_burst_out(volatile uint32_t *port, const uint32_t *from, uint32_t words) {
    while (words-- > 0) {
        *port = *from++;
    }
}
