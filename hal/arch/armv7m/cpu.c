// SPDX-License-Identifier: Apache-2.0
// Armv7-M: masking, reset, the jump into an image, sleep.
#include "armv7m.h"
#include "hal/arch.h"
#include "hal/timer.h"
#include "layout.h"

enum {
    TICKS_PER_US = LAYOUT_CLK_HZ / 1000000,
    IRQ_WORDS = (LAYOUT_IRQS + 31) / 32,
};
_Static_assert((uint64_t)HAL_IDLE_US_MAX *TICKS_PER_US < 1 << 24, "SysTick counts 24 bits");

uint32_t hal_irq_lock(void) {
    uint32_t state;
    __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(state)::"memory");
    return state;
}

void hal_irq_unlock(uint32_t state) {
    __asm__ volatile("msr primask, %0" ::"r"(state) : "memory");
}

_Noreturn void hal_reset_now(void) {
    __asm__ volatile("dsb" ::: "memory");
    reg_write(SCB_AIRCR, 0x05FA0004);
    for (;;) {
    }
}

enum { VECTORS_ALIGN = 256 }; // B3.2.5: a power of two that holds the table, here with room

_Noreturn void hal_jump(uintptr_t body, const struct handover *handover) {
    if (body % VECTORS_ALIGN != 0) {
        hal_reset(RESET_PANIC); // counts as a crash of that image, which is left after three
    }
    reg_write(SCB_VTOR, body);
    __asm__ volatile("cpsid i\n"
                     "dsb\n"
                     "isb\n"
                     "mov r0, %1\n"
                     "ldr r1, [%0]\n"
                     "ldr r2, [%0, #4]\n"
                     "msr msp, r1\n"
                     "bx r2" ::"r"(body),
                     "r"(handover)
                     : "r0", "r1", "r2", "memory");
    __builtin_unreachable();
}

void hal_irq_wake(uint32_t line) {
    reg_write(NVIC_ISER + line / 32 * 4, 1U << line % 32);
}

// With interrupts masked a pending one still ends WFI. SysTick is armed at every sleep, however
// long: QEMU's user network only looks for work when a timer is set after a frame was sent.
void hal_idle_for(uint32_t us) {
    reg_write(SYST_RVR, us * TICKS_PER_US);
    reg_write(SYST_CVR, 0);
    reg_write(SYST_CSR, 7);
    __asm__ volatile("dsb\n wfi" ::: "memory");
    reg_write(SYST_CSR, 0);
    reg_write(SCB_ICSR, 1 << 25);
    for (uint32_t i = 0; i < IRQ_WORDS; i++) {
        reg_write(NVIC_ICPR + i * 4, ~0U); // a line whose device still asks pends again
    }
}
