// SPDX-License-Identifier: Apache-2.0
// Arm CMSDK APB watchdog. Its NMI enters the CPU's fault handler, which writes the cause.
#include "drivers/wdt/cmsdk.h"
#include "hal/err.h"

enum { LOAD = 0, CONTROL = 2, CLEAR = 3, LOCK = 0xC00 / 4, UNLOCK = 0x1ACCE551, NMI_AND_RESET = 3 };

static volatile uint32_t *reg(uint32_t word) {
    return (volatile uint32_t *)board_wdt.base + word;
}

int hal_wdt_start(uint32_t timeout_ms) {
    uint32_t ticks_per_ms = board_wdt.clk_hz / 1000;
    if (timeout_ms == 0 || timeout_ms > UINT32_MAX / ticks_per_ms) {
        return ERR_RANGE;
    }
    *reg(LOCK) = UNLOCK;
    *reg(LOAD) = timeout_ms * ticks_per_ms;
    *reg(CONTROL) = NMI_AND_RESET;
    return 0;
}

void hal_wdt_feed(void) {
    *reg(CLEAR) = 1; // also loads anew
}
