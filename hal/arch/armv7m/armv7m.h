// SPDX-License-Identifier: Apache-2.0
// Registers of the Armv7-M core (DDI 0403E, chapter B3), for hal/arch/armv7m alone.
#pragma once
#include <stdint.h>

enum {
    SYST_CSR = 0xE000E010, // B3.3.3
    SYST_RVR = 0xE000E014,
    SYST_CVR = 0xE000E018,
    NVIC_ISER = 0xE000E100, // B3.4.4
    NVIC_ICPR = 0xE000E280,
    SCB_ICSR = 0xE000ED04, // B3.2.4
    SCB_VTOR = 0xE000ED08,
    SCB_AIRCR = 0xE000ED0C,
    SCB_CFSR = 0xE000ED28, // B3.2.15
    SCB_HFSR = 0xE000ED2C,
    SCB_MMFAR = 0xE000ED34,
    SCB_BFAR = 0xE000ED38,
    MPU_CTRL = 0xE000ED94, // B3.5
    MPU_RBAR = 0xE000ED9C,
};

static inline uint32_t reg_read(uint32_t address) {
    return *(const volatile uint32_t *)address;
}

static inline void reg_write(uint32_t address, uint32_t value) {
    *(volatile uint32_t *)address = value;
}

void hal_fault_entry(void);
_Noreturn void hal_fault_gather(uint32_t sp);
