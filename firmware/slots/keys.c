// SPDX-License-Identifier: Apache-2.0
// Finding keys in a keyset by their names.
#include "cbor/cose.h"
#include "crypto/sha256.h"
#include "hal/err.h"
#include "slots/trust.h"

#include <string.h>

static bool is_image_key(const struct keyset_key *key, bool development) {
    return key->role == KEY_ROLE_IMAGE || (key->role == KEY_ROLE_IMAGE_DEV && development);
}

// SHA-256 of the key as SubjectPublicKeyInfo in DER, as imgtool names it.
static void spki_hash(const struct keyset_key *key, uint8_t hash[SHA256_BYTES]) {
    static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                        0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
                                        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    struct sha256 s;
    sha256_init(&s);
    sha256_update(&s, p256_head, sizeof(p256_head));
    sha256_update(&s, key->key, P256_BYTES);
    sha256_final(&s, hash);
}

int keyset_find_image_key(const struct keyset *keys, const uint8_t keyhash[32], bool development,
                          const struct keyset_key **out) {
    for (unsigned i = 0; i < keys->n_keys; i++) {
        const struct keyset_key *key = &keys->keys[i];
        uint8_t hash[SHA256_BYTES];
        if (!is_image_key(key, development) || key->alg != KEY_ALG_ES256) {
            continue;
        }
        spki_hash(key, hash);
        if (memcmp(hash, keyhash, sizeof(hash)) == 0) {
            *out = key;
            return 0;
        }
    }
    return ERR_SIGNATURE;
}

int keyset_find_image_kid(const struct keyset *keys, const uint8_t kid[8], bool development,
                          const struct keyset_key **out) {
    for (unsigned i = 0; i < keys->n_keys; i++) {
        const struct keyset_key *key = &keys->keys[i];
        uint8_t own[COSE_KID_BYTES];
        cose_kid(own, key->key, key->alg == KEY_ALG_ES256 ? P256_BYTES : ED25519_BYTES);
        if (is_image_key(key, development) && memcmp(own, kid, sizeof(own)) == 0) {
            *out = key;
            return 0;
        }
    }
    return ERR_SIGNATURE;
}

int keyset_server_key(const struct keyset *keys, const struct keyset_key **out) {
    for (unsigned i = 0; i < keys->n_keys; i++) {
        const struct keyset_key *key = &keys->keys[i];
        if (key->role == KEY_ROLE_SERVER && key->alg == KEY_ALG_ES256) {
            *out = key;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}
