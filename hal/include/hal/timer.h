// SPDX-License-Identifier: Apache-2.0
// The monotonic clock and sleeping. One driver per image; works with interrupts masked.
#pragma once
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

// Start the clock. board_init calls it; harmless when it already runs.
void hal_timer_start(void);

// Microseconds since hal_timer_start, never backwards. Must be called at least once in 400 s, which
// the run loop's bounded sleep sees to. Not from an interrupt handler.
uint64_t hal_timer_us(void);

// Sleep for `us`, at most HAL_IDLE_US_MAX, or until a line given to hal_irq_wake asks for service;
// may return earlier for no reason. Returns at once if a line asked since the last call: poll the
// devices, then call it again. Interrupts stay masked.
enum { HAL_IDLE_US_MAX = 600000 };
void hal_idle_for(uint32_t us);

// Let interrupt line `line` (NVIC or PLIC number) end hal_idle_for. No handler runs.
void hal_irq_wake(uint32_t line);

C_END
