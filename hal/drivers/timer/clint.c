// SPDX-License-Identifier: Apache-2.0
// RISC-V CLINT: the clock is mtime, the alarm mtimecmp of hart 0 (SiFive E31 manual, chapter 6).
#include "drivers/timer/clint.h"
#include "chip/virt/virt.h"
#include "hal/timer.h"

enum { TICKS_PER_US = VIRT_CLOCK_HZ / 1000000 };

static volatile uint32_t *const mtimecmp = (volatile uint32_t *)(VIRT_CLINT + 0x4000);
static volatile uint32_t *const mtime = (volatile uint32_t *)(VIRT_CLINT + 0xBFF8);
static uint32_t last_ticks;
static uint64_t now_us;

void hal_timer_start(void) {
    last_ticks = mtime[0];
}

// By differences of the low word: no 64-bit division, and right when read once in 429 s.
uint64_t hal_timer_us(void) {
    uint32_t us = (mtime[0] - last_ticks) / TICKS_PER_US;
    last_ticks += us * TICKS_PER_US;
    return now_us += us;
}

void clint_alarm_in(uint32_t us) {
    uint32_t high;
    uint32_t low;
    do {
        high = mtime[1];
        low = mtime[0];
    } while (high != mtime[1]);
    uint32_t due = low + us * TICKS_PER_US;
    mtimecmp[1] = ~0U; // no value in between may be due
    mtimecmp[0] = due;
    mtimecmp[1] = high + (due < low);
}
