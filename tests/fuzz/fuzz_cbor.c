// SPDX-License-Identifier: Apache-2.0
// CBOR, COSE and DER: no input may do harm, and what the CBOR reader accepts has one encoding only.
#include "cbor/cose.h"
#include "check.h"
#include "crypto/p256.h"
#include "lib/cbor_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void accepted_items_have_one_encoding(const uint8_t *data, size_t size) {
    struct cbor_in in;
    struct cbor_out out;
    cbor_in_init(&in, data, size);
    (void)cbor_skip(&in);
    if (cbor_done(&in) < 0) {
        return;
    }
    uint8_t *copy = malloc(size);
    cbor_in_init(&in, data, size);
    cbor_out_init(&out, copy, size);
    cbor_copy(&in, &out);
    CHECK(in.err == 0 && out.err == 0 && out.used == size && check_same(copy, data, size));
    free(copy);
}

// As a reader of a map goes through it, for any type of key.
static void maps_are_walked_safely(const uint8_t *data, size_t size) {
    struct cbor_in in;
    struct cbor_map map;
    int64_t key;
    cbor_in_init(&in, data, size);
    (void)cbor_map(&in, &map);
    while (cbor_next_key(&in, &map, &key)) {
        (void)cbor_skip_unknown(&in, key);
    }
    CHECK(in.p >= data && in.p <= data + size);
}

static void messages(const uint8_t *data, size_t size) {
    static const uint8_t key[32] = {1};
    struct cose c;
    if (cose_parse_mac0(&c, data, size) == 0) {
        (void)cose_verify_mac0(&c, key, key, sizeof key);
        CHECK(c.payload >= data && c.payload_size <= (size_t)(data + size - c.payload));
    }
    if (cose_parse_sign1(&c, data, size) == 0) {
        uint8_t digest[32];
        cose_sign1_digest(&c, digest);
        CHECK(c.alg == COSE_ES256 || c.alg == COSE_EDDSA);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t sig[64];
    accepted_items_have_one_encoding(data, size);
    maps_are_walked_safely(data, size);
    messages(data, size);
    (void)p256_from_der(sig, data, size);
    return 0;
}
