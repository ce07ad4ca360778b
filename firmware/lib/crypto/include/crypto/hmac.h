// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869), and how to compare a MAC.
#pragma once
#include "crypto/sha256.h"
#include "hal/language.h"
#include <stdbool.h>

C_BEGIN

struct hmac {
    struct sha256 inner;
    uint32_t outer[8]; // state behind the outer key block, so that the key need not be kept
};

// A key of any size; longer than 64 bytes it is hashed first.
void hmac_init(struct hmac *h, const void *key, size_t key_size);
void hmac_update(struct hmac *h, const void *data, size_t size);
// Ends the MAC; `h` must be initialised before it is used again.
void hmac_final(struct hmac *h, uint8_t out[SHA256_BYTES]);

// True if both hold the same `size` bytes. Its time does not depend on the content.
bool hmac_equal(const void *a, const void *b, size_t size);

// Extract and expand to 32 bytes. An empty salt counts as 32 zeros, as the RFC says.
struct hkdf_input {
    const void *salt, *ikm, *info; // what is left out is empty
    size_t salt_size, ikm_size, info_size;
};
void hkdf(const struct hkdf_input *from, uint8_t out[SHA256_BYTES]);

C_END
