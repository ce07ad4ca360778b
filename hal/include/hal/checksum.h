// SPDX-License-Identifier: Apache-2.0
// The Internet checksum's sum: half of the work of a small HTTP request.
#pragma once
#include <stdint.h>

// Ones' complement sum of `size` bytes at any alignment, folded to 16 bits, not inverted, in the
// byte order in which the bytes lie in memory (RFC 1071).
uint16_t hal_checksum(const void *data, int size);

// What each CPU does in its own way: `sum` and `turns` (1 or more) times 8 words, where a carry out
// of bit 31 comes back in at bit 0.
uint32_t hal_checksum_turns(const uint32_t *words, uint32_t turns, uint32_t sum);
