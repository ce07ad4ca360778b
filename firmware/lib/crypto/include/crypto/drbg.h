// SPDX-License-Identifier: Apache-2.0
// HMAC_DRBG with SHA-256 (NIST SP 800-90A, 10.1.2), without prediction resistance.
// It is as random as what is mixed in: the caller brings seed, boot count and hardware entropy.
#pragma once
#include "hal/language.h"

#include <stddef.h>
#include <stdint.h>

C_BEGIN

struct drbg {
    uint8_t key[32];
    uint8_t value[32];
};

// Instantiate from entropy, nonce and personalisation, concatenated.
void drbg_init(struct drbg *d, const void *seed, size_t size);
// Reseed: mix more in. Never makes the state weaker.
void drbg_mix(struct drbg *d, const void *data, size_t size);
// The next `size` bytes; afterwards the state does not reveal them any more.
void drbg_bytes(struct drbg *d, void *out, size_t size);

C_END
