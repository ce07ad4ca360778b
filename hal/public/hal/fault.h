// SPDX-License-Identifier: Apache-2.0
// What a fault leaves, and faulting on purpose.
#pragma once
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

// What a fault leaves. `regs`: Arm r0..r12, sp, lr, pc, xPSR; RISC-V pc, x1..x31.
// `status`: Arm CFSR, HFSR, MMFAR or BFAR, exception number; RV32 mcause, mstatus, mtval, 0; RV64
// mcause, upper half of mtval, lower half, 0. Registers of 64 bits leave their lower half.
enum { HAL_FAULT_REGS = 32, HAL_FAULT_STATUS = 4 };
enum hal_fault_arch { HAL_ARCH_ARMV7M = 1, HAL_ARCH_RISCV32 = 2, HAL_ARCH_RISCV64 = 3 };
enum hal_fault_kind {
    HAL_FAULT_CPU = 1,
    HAL_FAULT_PANIC = 2,
    HAL_FAULT_ASSERT = 3,
    HAL_FAULT_WATCHDOG = 4
};

struct hal_fault {
    uint32_t regs[HAL_FAULT_REGS];
    uint32_t status[HAL_FAULT_STATUS];
    uint32_t pc, lr, sp;
    uint32_t kind; // enum hal_fault_kind
    uint32_t arch; // enum hal_fault_arch
};

// Fault on purpose, so that the registers of the caller are kept. `message` may be read later.
NORETURN void hal_trap_panic(const char *message);

C_END
