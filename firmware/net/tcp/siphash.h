// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 (Aumasson, Bernstein 2012): a short keyed hash for sequence numbers. Pure.
#pragma once
#include <stdint.h>

// Of `n` 64-bit words, taken as little-endian bytes.
uint64_t siphash(const uint64_t key[2], const uint64_t *words, uint32_t n);
