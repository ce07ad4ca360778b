// SPDX-License-Identifier: Apache-2.0
// NIST P-256: ECDSA verification and ECDH. All numbers are 32 bytes, big-endian; points are X‖Y.
// Uses the stack only: about 650 bytes.
#pragma once
#include "hal/language.h"

#include <stddef.h>
#include <stdint.h>

C_BEGIN

// 0 if `sig` (r‖s) is the signature of `hash` by the owner of `pub`; else ERR_SIGNATURE, also for a
// point that is not on the curve and for r or s outside 1..n-1. Takes variable time: public data
// only.
int p256_verify(const uint8_t pub[64], const uint8_t hash[32], const uint8_t sig[64]);

// Shared secret: the x coordinate of priv · pub, in constant time.
// ERR_RANGE if `priv` is not in 1..n-1 or `pub` is not on the curve; `z` is zero then.
int p256_ecdh(uint8_t z[32], const uint8_t priv[32], const uint8_t pub[64]);

// The raw form of a strict DER signature: minimal integers in 1..n-1, short lengths, nothing
// behind. ERR_FORMAT otherwise.
int p256_from_der(uint8_t sig[64], const uint8_t *der, size_t size);

C_END
