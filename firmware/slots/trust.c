// SPDX-License-Identifier: Apache-2.0
// Keysets: reading them, and which one counts. Writing trust copies is the update agent's work.
#include "slots/trust.h"

#include "bytes.h"
#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "crc/crc32.h"
#include "crypto/sha256.h"
#include "hal/err.h"
#include "slots/slots.h"

#include <string.h>

enum { UUID_BYTES = 16, P256_BYTES = 64, ED25519_BYTES = 32 };

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
    if (role < KEY_ROLE_IMAGE || role > KEY_ROLE_SERVER ||
        (alg != KEY_ALG_ES256 && alg != KEY_ALG_EDDSA)) {
        return ERR_UNSUPPORTED;
    }
    key->role = (uint8_t)role;
    key->alg = (int8_t)alg;
    key->url_size = (uint16_t)url_size; // a keyset is at most 1,024 bytes
    return key_size == (alg == KEY_ALG_ES256 ? P256_BYTES : ED25519_BYTES) ? 0 : ERR_FORMAT;
}

static int read_keys(struct cbor_in *in, struct keyset *out) {
    uint32_t count = 0;
    cbor_array(in, &count);
    if (in->err < 0 || count == 0 || count > KEYSET_KEYS_MAX) {
        return ERR_FORMAT;
    }
    for (uint32_t i = 0; i < count; i++) {
        int err = read_key(in, &out->keys[i]);
        if (err < 0) {
            return err;
        }
    }
    out->n_keys = (uint8_t)count;
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

int keyset_parse(struct keyset *out, const uint8_t *bytes, uint32_t size,
                 const struct boot_params *params, enum keyset_origin origin) {
    if (size > KEYSET_BYTES_MAX) {
        return ERR_FORMAT;
    }
    struct cose c;
    int err = cose_parse_sign1(&c, bytes, size);
    if (err < 0) {
        return err;
    }
    if (c.typ != COSE_TYP_KEYSET) {
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
        err = origin == KEYSET_VERIFY ? cose_verify_sign1(&c, params->root[root]) : 0;
        return err < 0 ? err : read_payload(out, &c, params);
    }
    return ERR_SIGNATURE;
}

bool keyset_outranks(const struct keyset *a, const struct keyset *b) {
    return a->spare != b->spare ? a->spare : a->epoch > b->epoch;
}

// Bytes of the keyset in a trust copy. Negative if the copy is not whole.
static int read_copy(uint8_t buffer[KEYSET_BYTES_MAX], const struct hal_flash *f,
                     const struct hal_area *area) {
    enum { COPY_MAGIC = 0x52545455, COPY_VERSION = 1, COPY_HEAD = 8 };
    uint8_t head[COPY_HEAD];
    uint8_t crc[4];
    int err = hal_flash_read(f, area->offset, head, sizeof(head));
    if (err < 0) {
        return err;
    }
    uint16_t size = load_u16(head + 6);
    if (load_u32(head) != COPY_MAGIC || load_u16(head + 4) != COPY_VERSION ||
        size > KEYSET_BYTES_MAX) {
        return ERR_FORMAT;
    }
    err = hal_flash_read(f, area->offset + COPY_HEAD, buffer, size);
    if (err == 0) {
        err = hal_flash_read(f, area->offset + COPY_HEAD + size, crc, sizeof(crc));
    }
    if (err < 0) {
        return err;
    }
    bool whole = crc32(crc32(0, head, sizeof(head)), buffer, size) == load_u32(crc);
    return whole ? size : ERR_FORMAT;
}

// The keyset that the journal's record names, verified. ERR_NOT_FOUND if it is not to be had.
static int load_named(struct keyset *out, uint8_t buffer[KEYSET_BYTES_MAX],
                      const struct hal_layout *layout, const uint8_t *record,
                      const struct boot_params *params) {
    uint8_t digest[SHA256_BYTES];
    int size = read_copy(buffer, layout->flash, &layout->trust[record[4] & 1]);
    if (size < 0) {
        return ERR_NOT_FOUND;
    }
    sha256(buffer, (size_t)size, digest);
    if (memcmp(digest, record + 8, sizeof(digest)) != 0) {
        return ERR_NOT_FOUND;
    }
    int err = keyset_parse(out, buffer, (uint32_t)size, params, KEYSET_VERIFY);
    return err == 0 && out->epoch == load_u32(record) ? 0 : ERR_NOT_FOUND;
}

int trust_load(struct keyset *out, uint8_t buffer[KEYSET_BYTES_MAX],
               const struct hal_layout *layout, const struct journal *j,
               const struct boot_params *params) {
    static const struct journal_id keyset_id = {.type = JOURNAL_KEYSET};
    uint8_t record[JOURNAL_PAYLOAD_BYTES];
    struct keyset own;
    int own_err = keyset_parse(&own, params->keyset, params->keyset_size, params, KEYSET_EMBEDDED);
    if (journal_get(j, keyset_id, record, NULL) < 0) {
        *out = own;
        return own_err;
    }
    int err = load_named(out, buffer, layout, record, params);
    bool own_reaches =
        err < 0 ? own.epoch >= load_u32(record) || own.spare : keyset_outranks(&own, out);
    if (own_err == 0 && own_reaches) {
        *out = own;
        return 0;
    }
    return err;
}

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

int keyset_server_key(const struct keyset *keys, unsigned n, const struct keyset_key **out,
                      uint8_t kid[8]) {
    for (unsigned i = 0; i < keys->n_keys; i++) {
        const struct keyset_key *key = &keys->keys[i];
        if (key->role == KEY_ROLE_SERVER && key->alg == KEY_ALG_ES256 && n-- == 0) {
            cose_kid(kid, key->key, P256_BYTES);
            *out = key;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

uint32_t trust_floor(const struct keyset *keys, const struct journal *j,
                     const struct boot_params *params) {
    uint32_t floor = floor_get(j, params->cid);
    if (params->floor > floor) {
        floor = params->floor;
    }
    return keys->floor > floor ? keys->floor : floor;
}
