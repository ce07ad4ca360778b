// SPDX-License-Identifier: Apache-2.0
// RISC-V: masking and the jump into an image.
#include "csr.h"
#include "hal/arch.h"

enum { MSTATUS_MIE = 8 };

uint32_t hal_irq_lock(void) {
    uintptr_t state;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(state)::"memory");
    return (uint32_t)state & MSTATUS_MIE;
}

void hal_irq_unlock(uint32_t state) {
    CSR_SET(mstatus, (uintptr_t)state);
}

_Noreturn void hal_jump(uintptr_t body, const struct handover *handover) {
    hal_irq_lock();
    __asm__ volatile("mv a0, %1\n"
                     "fence.i\n"
                     "jr %0" ::"r"(body),
                     "r"(handover)
                     : "a0", "memory");
    __builtin_unreachable();
}
