// SPDX-License-Identifier: Apache-2.0
// RISC-V: what a trap left, in the form that hal_fault takes. The entry is in startup.S.
#include "csr.h"
#include "hal/arch.h"

_Static_assert(RETAINED_CRASH_OFFSET == 128, "startup.S has the number");

enum { CAUSE_BREAKPOINT = 3, CAUSE_ECALL = 11, IS_64_BIT = sizeof(uintptr_t) == 8 };

void hal_fault_gather(struct hal_fault *f);

__attribute__((used)) void hal_fault_gather(struct hal_fault *f) {
    uint32_t cause = (uint32_t)CSR_READ(mcause);
    uint64_t address = CSR_READ(mtval);
    f->regs[2] = (uint32_t)CSR_READ(mscratch);
    f->regs[0] = (uint32_t)CSR_READ(mepc);
    f->status[0] = cause;
    f->status[1] = IS_64_BIT ? (uint32_t)(address >> 32) : (uint32_t)CSR_READ(mstatus);
    f->status[2] = (uint32_t)address;
    f->status[3] = 0;
    f->kind = cause == CAUSE_ECALL        ? HAL_FAULT_PANIC
              : cause == CAUSE_BREAKPOINT ? HAL_FAULT_ASSERT
                                          : HAL_FAULT_CPU;
    f->pc = cause == CAUSE_ECALL ? f->regs[1] - 2 : f->regs[0]; // inside the call
    f->lr = f->regs[1];
    f->sp = f->regs[2];
    f->arch = IS_64_BIT ? HAL_ARCH_RISCV64 : HAL_ARCH_RISCV32;
    hal_fault(f);
}
