// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1 and COSE_Mac0 (RFC 9052) in the one shape of docs/protocol.md: untagged, payload
// inside, the five protected headers, nothing unprotected. Anything else is refused.
#pragma once
#include "hal/language.h"

#include <stddef.h>
#include <stdint.h>

C_BEGIN

enum cose_alg { COSE_ES256 = -7, COSE_EDDSA = -8, COSE_HMAC_256 = 5 };

enum cose_typ {
    COSE_TYP_POLL = 65001,
    COSE_TYP_ANSWER = 65002,
    COSE_TYP_KEYSET = 65003,
    COSE_TYP_MANIFEST = 65004,
    COSE_TYP_ENROL = 65005,
};

enum {
    COSE_KID_BYTES = 8,
    COSE_TAG_BYTES = 32,
    COSE_SIGNATURE_BYTES = 64,
    COSE_SIGN1_MAX_BYTES = 1024,
    COSE_MAC0_MAX_BYTES = 2048,
    COSE_MAC0_MAX_OVERHEAD = 72, // what cose_write_mac0 adds to the payload, at most
};

// A parsed message; all pointers point into the bytes that were parsed. Nothing in it is to be
// trusted before it has been verified.
struct cose {
    int alg;
    unsigned typ;
    uint8_t kid[COSE_KID_BYTES];
    const uint8_t *protected_header; // content of the byte string
    size_t protected_size;
    const uint8_t *payload;
    size_t payload_size;
    const uint8_t *tag; // signature of 64 bytes or MAC of 32
};

// Both: 0, ERR_FORMAT (not this shape), ERR_UNSUPPORTED (another algorithm, critical header or
// version), ERR_RANGE (larger than the maximum above).
int cose_parse_sign1(struct cose *c, const uint8_t *data, size_t size);
int cose_parse_mac0(struct cose *c, const uint8_t *data, size_t size);

// ES256 with empty external_aad. ERR_SIGNATURE; ERR_UNSUPPORTED for EdDSA. The caller picks the key
// (X‖Y) by kid and checks typ.
int cose_verify_sign1(const struct cose *c, const uint8_t key[64]);
// ERR_AUTH unless the tag is right. The caller checks typ and kid.
int cose_verify_mac0(const struct cose *c, const uint8_t key[32], const void *aad, size_t aad_size);

// SHA-256 of the Sig_structure, for another signature algorithm or a signer.
void cose_sign1_digest(const struct cose *c, uint8_t digest[32]);

// First 8 bytes of SHA-256(key): what goes into kid.
void cose_kid(uint8_t kid[COSE_KID_BYTES], const void *key, size_t key_size);

struct cose_mac0 {
    unsigned typ;
    const uint8_t *kid; // COSE_KID_BYTES
    const uint8_t *key; // 32 bytes
    const void *aad;    // external_aad; NULL if empty
    size_t aad_size;
    const void *payload; // may lie anywhere, also inside the output buffer
    size_t payload_size;
};

// Writes the message and returns its size, whose last COSE_TAG_BYTES are the tag; ERR_NO_MEMORY if
// `size` is too small.
int cose_write_mac0(uint8_t *out, size_t size, const struct cose_mac0 *m);

C_END
