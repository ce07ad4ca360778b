// SPDX-License-Identifier: Apache-2.0
// The clock of Arm's MPS2 boards: FPGAIO's counter behind a prescaler (DAI 0385D, table 4-3).
#include "chip/mps2/mps2.h"
#include "hal/timer.h"
#include "layout.h"

enum { COUNTER = 0x18, PRESCALE = 0x1C };

static uint32_t last_us, high;

static volatile uint32_t *reg(uint32_t offset) {
    return (volatile uint32_t *)(MPS2_FPGAIO + offset);
}

void hal_timer_start(void) {
    *reg(PRESCALE) = LAYOUT_CLK_HZ / 1000000 - 1;
    *reg(COUNTER) = 0;
}

uint64_t hal_timer_us(void) {
    uint32_t us = *reg(COUNTER); // wraps after 71 minutes
    high += us < last_us;
    last_us = us;
    return (uint64_t)high << 32 | us;
}
