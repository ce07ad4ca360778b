// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1 and COSE_Mac0 in the one shape of docs/protocol.md; see cose.h.
#include "cbor/cose.h"
#include "cbor/cbor.h"
#include "crypto/hmac.h"
#include "crypto/p256.h"
#include "hal/err.h"
#include <string.h>

enum {
    LABEL_ALG = 1,
    LABEL_CRIT = 2,
    LABEL_KID = 4,
    LABEL_TYP = 16,
    LABEL_VERSION = -65537,
    FORMAT_VERSION = 1,
    PROTECTED_BYTES = 30, // what cose_write_mac0 writes
};

// `crit` must name the version, and nothing else.
static void read_crit(struct cbor_in *in) {
    uint32_t count;
    int64_t label;
    if (cbor_array(in, &count) == 0 && cbor_int(in, &label) == 0 &&
        (count != 1 || label != LABEL_VERSION)) {
        in->err = ERR_UNSUPPORTED;
    }
}

static void read_version(struct cbor_in *in) {
    uint64_t version;
    if (cbor_uint(in, &version) == 0 && version != FORMAT_VERSION) {
        in->err = ERR_UNSUPPORTED;
    }
}

// The five headers, all of them and no other. Deterministic order makes them come as listed here.
static int read_protected(struct cose *c) {
    static const int32_t labels[] = {LABEL_ALG, LABEL_CRIT, LABEL_KID, LABEL_TYP, LABEL_VERSION};
    struct cbor_in in;
    struct cbor_map map;
    int64_t label, alg = 0;
    uint32_t typ = 0;
    unsigned n = 0;
    cbor_in_init(&in, c->protected_header, c->protected_size);
    (void)cbor_map(&in, &map);
    while (cbor_next_key(&in, &map, &label)) {
        if (n == 5 || label != labels[n]) {
            return ERR_FORMAT;
        }
        switch (labels[n++]) {
        case LABEL_ALG:
            (void)cbor_int(&in, &alg);
            break;
        case LABEL_CRIT:
            read_crit(&in);
            break;
        case LABEL_KID:
            (void)cbor_bytes_fixed(&in, c->kid, sizeof c->kid);
            break;
        case LABEL_TYP:
            (void)cbor_uint32(&in, &typ);
            break;
        default:
            read_version(&in);
        }
    }
    c->alg = alg >= -8 && alg <= 5 ? (int)alg : 0; // 0 is no algorithm
    c->typ = typ;
    int err = cbor_done(&in);
    return err == 0 && n != 5 ? ERR_FORMAT : err;
}

// [protected, {}, payload, tag]
static int parse(struct cose *c, const uint8_t *data, size_t size, size_t tag_bytes) {
    struct cbor_in in;
    struct cbor_map unprotected;
    uint32_t count;
    size_t tag_size;
    memset(c, 0, sizeof *c);
    cbor_in_init(&in, data, size);
    (void)cbor_array(&in, &count);
    (void)cbor_bytes(&in, &c->protected_header, &c->protected_size);
    (void)cbor_map(&in, &unprotected);
    (void)cbor_bytes(&in, &c->payload, &c->payload_size);
    (void)cbor_bytes(&in, &c->tag, &tag_size);
    int err = cbor_done(&in);
    if (err < 0) {
        return err;
    }
    if (count != 4 || unprotected.left != 0 || tag_size != tag_bytes) {
        return ERR_FORMAT;
    }
    return read_protected(c);
}

int cose_parse_sign1(struct cose *c, const uint8_t *data, size_t size) {
    if (size > COSE_SIGN1_MAX_BYTES) {
        return ERR_RANGE;
    }
    int err = parse(c, data, size, COSE_SIGNATURE_BYTES);
    if (err < 0) {
        return err;
    }
    return c->alg == COSE_ES256 || c->alg == COSE_EDDSA ? 0 : ERR_UNSUPPORTED;
}

int cose_parse_mac0(struct cose *c, const uint8_t *data, size_t size) {
    if (size > COSE_MAC0_MAX_BYTES) {
        return ERR_RANGE;
    }
    int err = parse(c, data, size, COSE_TAG_BYTES);
    if (err < 0) {
        return err;
    }
    return c->alg == COSE_HMAC_256 ? 0 : ERR_UNSUPPORTED;
}

// The structures that are signed, [context, protected, external_aad, payload], go into the hash
// piece by piece, so that no buffer has to hold them.
static void hash_bytes(struct sha256 *s, const void *data, size_t size) {
    uint8_t head[9];
    struct cbor_out out;
    cbor_out_init(&out, head, sizeof head);
    cbor_put_bytes_head(&out, size);
    sha256_update(s, head, out.used);
    sha256_update(s, data, size);
}

static void hash_context(struct sha256 *s, const char *context) {
    uint8_t head[16];
    struct cbor_out out;
    cbor_out_init(&out, head, sizeof head);
    cbor_put_array(&out, 4);
    cbor_put_text(&out, context);
    sha256_update(s, head, out.used);
}

void cose_sign1_digest(const struct cose *c, uint8_t digest[32]) {
    struct sha256 s;
    sha256_init(&s);
    hash_context(&s, "Signature1");
    hash_bytes(&s, c->protected_header, c->protected_size);
    hash_bytes(&s, NULL, 0);
    hash_bytes(&s, c->payload, c->payload_size);
    sha256_final(&s, digest);
}

int cose_verify_sign1(const struct cose *c, const uint8_t key[64]) {
    uint8_t digest[32];
    if (c->alg != COSE_ES256) {
        return ERR_UNSUPPORTED;
    }
    cose_sign1_digest(c, digest);
    return p256_verify(key, digest, c->tag);
}

static void make_tag(const struct cose *c, const uint8_t key[32], const void *aad, size_t aad_size,
                     uint8_t tag[COSE_TAG_BYTES]) {
    struct hmac h;
    hmac_init(&h, key, 32);
    hash_context(&h.inner, "MAC0");
    hash_bytes(&h.inner, c->protected_header, c->protected_size);
    hash_bytes(&h.inner, aad, aad_size);
    hash_bytes(&h.inner, c->payload, c->payload_size);
    hmac_final(&h, tag);
}

int cose_verify_mac0(const struct cose *c, const uint8_t key[32], const void *aad,
                     size_t aad_size) {
    uint8_t tag[COSE_TAG_BYTES];
    make_tag(c, key, aad, aad_size, tag);
    return hmac_equal(tag, c->tag, sizeof tag) ? 0 : ERR_AUTH;
}

void cose_kid(uint8_t kid[COSE_KID_BYTES], const void *key, size_t key_size) {
    uint8_t digest[32];
    sha256(key, key_size, digest);
    memcpy(kid, digest, COSE_KID_BYTES);
}

// Everything before the payload: [protected, {}, and the payload's head.
static void put_front(struct cbor_out *out, const struct cose_mac0 *m) {
    cbor_put_array(out, 4);
    cbor_put_bytes_head(out, PROTECTED_BYTES);
    cbor_put_map(out, 5);
    cbor_put_int(out, LABEL_ALG);
    cbor_put_int(out, COSE_HMAC_256);
    cbor_put_int(out, LABEL_CRIT);
    cbor_put_array(out, 1);
    cbor_put_int(out, LABEL_VERSION);
    cbor_put_int(out, LABEL_KID);
    cbor_put_bytes(out, m->kid, COSE_KID_BYTES);
    cbor_put_int(out, LABEL_TYP);
    cbor_put_uint(out, m->typ);
    cbor_put_int(out, LABEL_VERSION);
    cbor_put_uint(out, FORMAT_VERSION);
    cbor_put_map(out, 0);
    cbor_put_bytes_head(out, m->payload_size);
}

int cose_write_mac0(uint8_t *to, size_t size, const struct cose_mac0 *m) {
    uint8_t front[COSE_MAC0_MAX_OVERHEAD];
    struct cbor_out out;
    cbor_out_init(&out, front, sizeof front);
    put_front(&out, m);
    size_t overhead = out.used + 2 + COSE_TAG_BYTES; // 2: the tag's head
    if (out.err != 0 || size < overhead || m->payload_size > size - overhead) {
        return ERR_NO_MEMORY;
    }
    // The payload moves first: it may lie where the front goes.
    memmove(to + out.used, m->payload, m->payload_size);
    memcpy(to, front, out.used);
    struct cose c = {
        .protected_header = to + 3, // behind the heads of array and byte string
        .protected_size = PROTECTED_BYTES,
        .payload = to + out.used,
        .payload_size = m->payload_size,
    };
    cbor_out_init(&out, to, size);
    out.used = (size_t)(c.payload - to) + c.payload_size;
    cbor_put_bytes_head(&out, COSE_TAG_BYTES);
    make_tag(&c, m->key, m->aad, m->aad_size, to + out.used);
    return (int)(out.used + COSE_TAG_BYTES);
}
