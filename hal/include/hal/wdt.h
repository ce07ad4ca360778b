// SPDX-License-Identifier: Apache-2.0
// Watchdog: resets the board with RESET_WATCHDOG unless fed in time. Cannot be stopped.
#pragma once
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

struct hal_wdt;
extern const struct hal_wdt board_wdt;

// Start it, or change its time. ERR_RANGE if the hardware cannot count so far, ERR_IO if absent.
int hal_wdt_start(uint32_t timeout_ms);

// Start the time anew. Harmless if it was never started.
void hal_wdt_feed(void);

C_END
