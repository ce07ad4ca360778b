// SPDX-License-Identifier: Apache-2.0
// A reader of keysets that knows every rule of docs/protocol.md, as unitool does. The product's own
// (trust.c) is smaller, since it only sees what has passed these rules; here both are compared.
#include "strict_keyset.h"

#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "hal/err.h"

#include <string.h>

enum { UUID_BYTES = 16 };

// 1, 0 for a role or an algorithm that this code does not know (others may use that key), or an
// error.
static int read_key(struct cbor_in *in, struct keyset_key *key) {
    struct cbor_map map;
    int64_t label;
    uint32_t role = 0;
    int64_t alg = 0;
    size_t key_size = 0;
    size_t url_size = 0;
    *key = (struct keyset_key){0};
    cbor_map(in, &map);
    while (cbor_next_key(in, &map, &label)) {
        switch (label) {
        case 1:
            cbor_uint32(in, &role);
            break;
        case 2:
            cbor_int(in, &alg);
            break;
        case 3:
            cbor_bytes(in, &key->key, &key_size);
            break;
        case 4:
            cbor_text(in, (const char **)&key->url, &url_size);
            break;
        default:
            cbor_skip_unknown(in, label);
        }
    }
    if (in->err < 0) {
        return in->err;
    }
    bool known = role >= KEY_ROLE_IMAGE && role <= KEY_ROLE_SERVER &&
                 (alg == KEY_ALG_ES256 || alg == KEY_ALG_EDDSA);
    if (!known) {
        return 0;
    }
    key->role = (uint8_t)role;
    key->alg = (int8_t)alg;
    key->url_size = (uint16_t)url_size; // a keyset is at most 1,024 bytes
    return key_size == (alg == KEY_ALG_ES256 ? P256_BYTES : ED25519_BYTES) ? 1 : ERR_FORMAT;
}

static int read_keys(struct cbor_in *in, struct keyset *out) {
    uint32_t count = 0;
    cbor_array(in, &count);
    if (in->err < 0 || count == 0 || count > KEYSET_KEYS_MAX) {
        return ERR_FORMAT;
    }
    for (uint32_t i = 0; i < count; i++) {
        int known = read_key(in, &out->keys[out->n_keys]);
        if (known < 0) {
            return known;
        }
        out->n_keys = (uint8_t)(out->n_keys + known);
    }
    return 0;
}

static void read_floors(struct cbor_in *in, const uint8_t *our_cid, uint32_t *counter) {
    struct cbor_map map;
    cbor_map(in, &map);
    while (cbor_next(in, &map)) {
        uint8_t cid[UUID_BYTES];
        uint32_t value = 0;
        cbor_bytes_fixed(in, cid, sizeof(cid));
        cbor_uint32(in, &value);
        if (in->err == 0 && memcmp(cid, our_cid, sizeof(cid)) == 0) {
            *counter = value;
        }
    }
}

static int read_payload(struct keyset *out, const struct cose *c,
                        const struct boot_params *params) {
    struct cbor_in in;
    struct cbor_map map;
    int64_t label;
    int err = 0;
    uint8_t vid[UUID_BYTES];
    uint8_t fleet[UUID_BYTES];
    unsigned seen = 0;
    cbor_in_init(&in, c->payload, c->payload_size);
    cbor_map(&in, &map);
    while (err == 0 && cbor_next_key(&in, &map, &label)) {
        if (label >= 1 && label <= 5) {
            seen |= 1U << label;
        }
        switch (label) {
        case 1:
            cbor_bytes_fixed(&in, vid, sizeof(vid));
            break;
        case 2:
            cbor_bytes_fixed(&in, fleet, sizeof(fleet));
            break;
        case 3:
            cbor_uint32(&in, &out->epoch);
            break;
        case 4:
            err = read_keys(&in, out);
            break;
        case 5:
            read_floors(&in, params->cid, &out->floor);
            break;
        default:
            cbor_skip_unknown(&in, label);
        }
    }
    if (err == 0) {
        err = cbor_done(&in);
    }
    if (err < 0) {
        return err;
    }
    if (seen != 0x3E || out->epoch == 0) {
        return ERR_FORMAT;
    }
    bool ours = memcmp(vid, params->vid, sizeof(vid)) == 0 &&
                memcmp(fleet, params->fleet, sizeof(fleet)) == 0;
    return ours ? 0 : ERR_IDENTITY;
}

int strict_keyset(struct keyset *out, const uint8_t *bytes, uint32_t size,
                  const struct boot_params *params) {
    struct cose c;
    int err = cose_parse_sign1(&c, bytes, size);
    if (err < 0) {
        return err;
    }
    if (c.typ != COSE_TYP_KEYSET || size > KEYSET_BYTES_MAX) {
        return ERR_FORMAT;
    }
    memset(out, 0, sizeof(*out));
    for (int root = 0; root < 2; root++) {
        uint8_t kid[COSE_KID_BYTES];
        cose_kid(kid, params->root[root], P256_BYTES);
        if (memcmp(kid, c.kid, sizeof(kid)) != 0) {
            continue;
        }
        out->spare = root == 1;
        err = cose_verify_sign1(&c, params->root[root]);
        return err < 0 ? err : read_payload(out, &c, params);
    }
    return ERR_SIGNATURE;
}
