// SPDX-License-Identifier: Apache-2.0
// What boards/<name>/board.c defines.
#pragma once
#include "hal/board_name.h"
#include "hal/flash.h"
#include "hal/language.h"
#include "hal/timer.h"
#include "hal/uart.h"
#include "hal/wdt.h"

C_BEGIN

extern const struct hal_flash board_flash;
extern const struct hal_layout board_layout; // hal/layout.c, from board.toml

// Clocks, timer, console at 115,200 baud. Boot and image both call it, once each. Panics on
// failure.
void board_init(void);

C_END
