// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), streaming. Constant time for a given length.
#pragma once
#include "hal/language.h"

#include <stddef.h>
#include <stdint.h>

C_BEGIN

enum { SHA256_BYTES = 32, SHA256_BLOCK_BYTES = 64 };

struct sha256 {
    uint32_t state[8];
    uint8_t block[SHA256_BLOCK_BYTES]; // bytes that wait for a whole block
    uint64_t size;                     // bytes hashed so far
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t size);
// Ends the hash; `s` must be initialised before it is used again.
void sha256_final(struct sha256 *s, uint8_t out[SHA256_BYTES]);

void sha256(const void *data, size_t size, uint8_t out[SHA256_BYTES]);

C_END
