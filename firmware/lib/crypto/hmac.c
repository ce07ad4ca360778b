// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869); see hmac.h.
#include "crypto/hmac.h"
#include <string.h>

// Starts `s` with the key block, each byte changed by `flip`.
static void start_with_key(struct sha256 *s, const uint8_t block[SHA256_BLOCK_BYTES],
                           uint8_t flip) {
    uint8_t flipped[SHA256_BLOCK_BYTES];
    for (unsigned i = 0; i < SHA256_BLOCK_BYTES; i++) {
        flipped[i] = block[i] ^ flip;
    }
    sha256_init(s);
    sha256_update(s, flipped, sizeof flipped);
}

void hmac_init(struct hmac *h, const void *key, size_t key_size) {
    uint8_t block[SHA256_BLOCK_BYTES] = {0};
    if (key_size > sizeof block) {
        sha256(key, key_size, block);
    } else if (key_size > 0) {
        memcpy(block, key, key_size);
    }
    start_with_key(&h->inner, block, 0x5c);
    memcpy(h->outer, h->inner.state, sizeof h->outer);
    start_with_key(&h->inner, block, 0x36);
}

void hmac_update(struct hmac *h, const void *data, size_t size) {
    sha256_update(&h->inner, data, size);
}

void hmac_final(struct hmac *h, uint8_t out[SHA256_BYTES]) {
    uint8_t inner[SHA256_BYTES];
    sha256_final(&h->inner, inner);
    memcpy(h->inner.state, h->outer, sizeof h->outer);
    h->inner.size = SHA256_BLOCK_BYTES;
    sha256_update(&h->inner, inner, sizeof inner);
    sha256_final(&h->inner, out);
}

bool hmac_equal(const void *a, const void *b, size_t size) {
    const volatile uint8_t *x = a, *y = b; // volatile: the loop must not end early
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= x[i] ^ y[i];
    }
    return difference == 0;
}

void hkdf(const struct hkdf_input *from, uint8_t out[SHA256_BYTES]) {
    static const uint8_t counter = 1; // of the only block that 32 bytes need
    struct hmac h;
    uint8_t prk[SHA256_BYTES];
    hmac_init(&h, from->salt, from->salt_size);
    hmac_update(&h, from->ikm, from->ikm_size);
    hmac_final(&h, prk);
    hmac_init(&h, prk, sizeof prk);
    hmac_update(&h, from->info, from->info_size);
    hmac_update(&h, &counter, 1);
    hmac_final(&h, out);
}
