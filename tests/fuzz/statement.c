// SPDX-License-Identifier: Apache-2.0
// Making signed statements, and p256_verify() in place of firmware/lib's.
#include "statement.h"
#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "check.h"
#include "crypto/p256.h"

enum { OVERHEAD_MAX = 128, PROTECTED_BYTES_MAX = 40 };

int p256_verify(const uint8_t pub[64], const uint8_t hash[32], const uint8_t sig[64]) {
    (void)pub;
    (void)hash;
    (void)sig;
    return 0;
}

static void put_protected(struct cbor_out *out, const uint8_t key[64], uint32_t typ) {
    enum { ALG = 1, CRIT = 2, KID = 4, TYP = 16, VERSION = -65537 };
    uint8_t kid[COSE_KID_BYTES];
    cose_kid(kid, key, 64);
    cbor_put_map(out, 5);
    cbor_put_int(out, ALG);
    cbor_put_int(out, COSE_ES256);
    cbor_put_int(out, CRIT);
    cbor_put_array(out, 1);
    cbor_put_int(out, VERSION);
    cbor_put_int(out, KID);
    cbor_put_bytes(out, kid, sizeof(kid));
    cbor_put_int(out, TYP);
    cbor_put_uint(out, typ);
    cbor_put_int(out, VERSION);
    cbor_put_uint(out, 1);
}

uint8_t *statement_make(const uint8_t key[64], uint32_t typ, const uint8_t *payload,
                        size_t payload_size, size_t *size) {
    static const uint8_t signature[COSE_SIGNATURE_BYTES];
    uint8_t header[PROTECTED_BYTES_MAX];
    struct cbor_out protected;
    struct cbor_out out;
    cbor_out_init(&protected, header, sizeof(header));
    put_protected(&protected, key, typ);
    uint8_t *made = malloc(payload_size + OVERHEAD_MAX);
    cbor_out_init(&out, made, payload_size + OVERHEAD_MAX);
    cbor_put_array(&out, 4);
    cbor_put_bytes(&out, header, protected.used);
    cbor_put_map(&out, 0);
    cbor_put_bytes(&out, payload, payload_size);
    cbor_put_bytes(&out, signature, sizeof(signature));
    CHECK(protected.err == 0 && out.err == 0);
    *size = out.used;
    return realloc(made, out.used);
}
