// SPDX-License-Identifier: Apache-2.0
// The names of the steps are those of SP 800-90A, 10.1.2.
#include "crypto/drbg.h"
#include "crypto/hmac.h"
#include <string.h>

// V = HMAC(K, V)
static void next_value(struct drbg *d) {
    struct hmac h;
    hmac_init(&h, d->key, sizeof d->key);
    hmac_update(&h, d->value, sizeof d->value);
    hmac_final(&h, d->value);
}

// HMAC_DRBG_Update
static void update(struct drbg *d, const void *data, size_t size) {
    for (uint8_t round = 0; round < 2; round++) {
        struct hmac h;
        hmac_init(&h, d->key, sizeof d->key);
        hmac_update(&h, d->value, sizeof d->value);
        hmac_update(&h, &round, 1);
        hmac_update(&h, data, size);
        hmac_final(&h, d->key);
        next_value(d);
        if (size == 0) {
            return;
        }
    }
}

void drbg_init(struct drbg *d, const void *seed, size_t size) {
    memset(d->key, 0, sizeof d->key);
    memset(d->value, 1, sizeof d->value);
    update(d, seed, size);
}

void drbg_mix(struct drbg *d, const void *data, size_t size) {
    update(d, data, size);
}

void drbg_bytes(struct drbg *d, void *out, size_t size) {
    uint8_t *to = out;
    while (size > 0) {
        size_t n = size < sizeof d->value ? size : sizeof d->value;
        next_value(d);
        memcpy(to, d->value, n);
        to += n;
        size -= n;
    }
    update(d, NULL, 0);
}
