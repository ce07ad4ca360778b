// SPDX-License-Identifier: Apache-2.0
// Serial port, 8N1, polled. One driver per image; the driver's header completes the struct.
#pragma once
#include "hal/language.h"
#include <stddef.h>
#include <stdint.h>

C_BEGIN

struct hal_uart;
extern const struct hal_uart board_uart; // the console

// Set 8N1 at `baud` and switch on both directions. ERR_RANGE if the clock cannot reach it.
int hal_uart_open(const struct hal_uart *u, uint32_t baud);

// Send all bytes; waits for the transmitter. Callable with interrupts masked.
void hal_uart_write(const struct hal_uart *u, const void *data, size_t size);

// Take at most `size` bytes that have arrived; returns how many, 0 at once if none.
size_t hal_uart_read(const struct hal_uart *u, void *to, size_t size);

C_END
