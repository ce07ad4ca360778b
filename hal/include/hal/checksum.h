// SPDX-License-Identifier: Apache-2.0
// The Internet checksum's sum, written for each CPU: half of the work of a small HTTP request.
#pragma once
#include <stdint.h>

// Ones' complement sum of `size` bytes at any alignment, folded to 16 bits, not inverted, in the
// byte order in which the bytes lie in memory (RFC 1071).
uint16_t hal_checksum(const void *data, int size);
