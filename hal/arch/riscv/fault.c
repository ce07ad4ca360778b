// SPDX-License-Identifier: Apache-2.0
// RISC-V: what a trap left, in the form that hal_fault takes. The entry is in startup.S.
#include "csr.h"
#include "hal/arch.h"

_Static_assert(RETAINED_CRASH_OFFSET == 128, "startup.S has the number");

enum { CAUSE_BREAKPOINT = 3, CAUSE_ECALL = 11 };

void hal_fault_gather(struct hal_fault *f);

__attribute__((used)) void hal_fault_gather(struct hal_fault *f) {
    uint32_t cause = CSR_READ(mcause);
    f->regs[2] = CSR_READ(mscratch);
    f->regs[0] = CSR_READ(mepc);
    f->status[0] = cause;
    f->status[1] = CSR_READ(mstatus);
    f->status[2] = CSR_READ(mtval);
    f->status[3] = 0;
    f->kind = cause == CAUSE_ECALL        ? HAL_FAULT_PANIC
              : cause == CAUSE_BREAKPOINT ? HAL_FAULT_ASSERT
                                          : HAL_FAULT_CPU;
    f->pc = cause == CAUSE_ECALL ? f->regs[1] - 2 : f->regs[0]; // inside the call
    f->lr = f->regs[1];
    f->sp = f->regs[2];
    f->arch = HAL_ARCH_RISCV32;
    hal_fault(f);
}
