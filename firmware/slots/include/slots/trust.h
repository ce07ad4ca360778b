// SPDX-License-Identifier: Apache-2.0
// Keysets: which keys this device believes (docs/protocol.md), and where they are kept.
#pragma once
#include <stdbool.h>

#include "hal/language.h"
#include "slots/journal.h"
#include "slots/params.h"

C_BEGIN

enum {
    KEYSET_BYTES_MAX = 1024,
    KEYSET_KEYS_MAX = 8,
    TRUST_BUFFER_BYTES = KEYSET_BYTES_MAX + 12, // a whole trust copy
    KEY_ROLE_IMAGE = 1,
    KEY_ROLE_IMAGE_DEV = 2,
    KEY_ROLE_SERVER = 3,
    KEY_ALG_ES256 = -7,
    KEY_ALG_EDDSA = -8,
    P256_BYTES = 64, // X||Y
    ED25519_BYTES = 32,
};

struct keyset_key {
    uint8_t role;
    int8_t alg;
    uint16_t url_size;
    const uint8_t *key; // P256_BYTES or ED25519_BYTES
    const uint8_t *url; // not terminated; null if none
};

// Points into the bytes that were parsed; they must outlive it.
struct keyset {
    uint32_t epoch;
    bool spare; // signed by the spare root: outranks every keyset of the primary
    uint8_t n_keys;
    struct keyset_key keys[KEYSET_KEYS_MAX];
    uint32_t floor; // for boot_params' CID, 0 if none
};

// The boot keyset: what the journal names, verified, or boot_params' own if that is at least as
// high. `buffer` is kept as long as `out`. ERR_NOT_FOUND: none reaches the journal's epoch.
// Without a record in the journal, what is wrong with boot_params' own: ERR_FORMAT, ERR_IDENTITY,
// ERR_SIGNATURE (by neither root).
int trust_load(struct keyset *out, uint8_t buffer[TRUST_BUFFER_BYTES],
               const struct hal_layout *layout, const struct journal *j,
               const struct boot_params *params);

// The image key whose SubjectPublicKeyInfo hashes to `keyhash` (image-dev only if `development`).
// ERR_SIGNATURE: none.
int keyset_find_image_key(const struct keyset *keys, const uint8_t keyhash[32], bool development,
                          const struct keyset_key **out);

// The image key whose first 8 bytes of SHA-256(key) are `kid`, for manifests. ERR_SIGNATURE: none.
int keyset_find_image_kid(const struct keyset *keys, const uint8_t kid[8], bool development,
                          const struct keyset_key **out);

// The first P-256 server key. ERR_NOT_FOUND.
int keyset_server_key(const struct keyset *keys, const struct keyset_key **out);

// Highest of boot_params', the keyset's and the journal's floor.
uint32_t trust_floor(const struct keyset *keys, const struct journal *j,
                     const struct boot_params *params);

C_END
