// SPDX-License-Identifier: Apache-2.0
// Control and status registers, for hal/arch/riscv and drivers of the CPU's own blocks.
#pragma once
#include <stdint.h>

#define CSR_READ(name)                                                                             \
    ({                                                                                             \
        uintptr_t value_;                                                                          \
        __asm__ volatile("csrr %0, " #name : "=r"(value_));                                        \
        value_;                                                                                    \
    })
#define CSR_WRITE(name, value) __asm__ volatile("csrw " #name ", %0" ::"rK"(value) : "memory")
#define CSR_SET(name, value) __asm__ volatile("csrs " #name ", %0" ::"rK"(value) : "memory")
