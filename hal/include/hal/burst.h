// SPDX-License-Identifier: Apache-2.0
// Moving words between memory and a FIFO port that is visible at 32 bytes of consecutive addresses,
// with the CPU's widest loads and stores.
#pragma once
#include <stdint.h>

// Read `words` words from the port to `to`.
void hal_burst_in(const volatile uint32_t *port, uint32_t *to, uint32_t words);

// Write `words` words at `from` to the port.
void hal_burst_out(volatile uint32_t *port, const uint32_t *from, uint32_t words);
