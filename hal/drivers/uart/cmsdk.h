// SPDX-License-Identifier: Apache-2.0
// Arm CMSDK APB UART (DDI 0479D, chapter 4.3).
#pragma once
#include "hal/uart.h"

struct hal_uart {
    uintptr_t base;
    uint32_t clk_hz;
};
