// SPDX-License-Identifier: Apache-2.0
// RISC-V PLIC, machine mode of hart 0 (PLIC specification 1.0.0): lines only wake, no handlers.
#include "arch/riscv/csr.h"
#include "chip/virt/virt.h"
#include "drivers/timer/clint.h"
#include "hal/arch.h"
#include "hal/timer.h"

enum { MIE_TIMER_AND_EXTERNAL = 1 << 7 | 1 << 11 };

static volatile uint32_t *reg(uint32_t offset) {
    return (volatile uint32_t *)((uintptr_t)VIRT_PLIC + offset);
}

void hal_irq_wake(uint32_t line) {
    *reg(line * 4) = 1; // priority
    *reg(0x2000 + line / 32 * 4) |= 1U << line % 32;
    *reg(0x200000) = 0; // threshold
}

void hal_idle_for(uint32_t us) {
    clint_alarm_in(us);
    CSR_WRITE(mie, MIE_TIMER_AND_EXTERNAL);
    __asm__ volatile("wfi" ::: "memory"); // ends on a pending interrupt though mstatus masks it
    volatile uint32_t *claim = reg(0x200004);
    for (uint32_t line = *claim; line != 0; line = 0) {
        *claim = line; // a device that still asks pends again
    }
}
