// SPDX-License-Identifier: Apache-2.0
// NS16550A UART with registers of one byte (TI PC16550D data sheet, section 8).
#pragma once
#include "hal/uart.h"

struct hal_uart {
    uintptr_t base;
    uint32_t clk_hz;
};
