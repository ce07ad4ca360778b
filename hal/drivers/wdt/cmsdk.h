// SPDX-License-Identifier: Apache-2.0
// Arm CMSDK APB watchdog (DDI 0479D, chapter 4.5): NMI at the first expiry, reset at the second.
#pragma once
#include "hal/wdt.h"

struct hal_wdt {
    uintptr_t base;
    uint32_t clk_hz;
};
