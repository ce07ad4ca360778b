// SPDX-License-Identifier: Apache-2.0
// The keyset in force. unitool checked it in every respect before it went into boot_params or to a
// device, and from a trust copy it is read only if its root signature is right. So this reader is
// small: it need only never go astray.
#include "slots/trust.h"

#include "bytes.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "hal/err.h"

#include <string.h>

enum {
    UUID_BYTES = 16,
    KID_BYTES = 8,
    CRITICAL_KEYS = 64, // below it, what is not known is refused
};

// ------------------------------------------------------------------------------------------- CBOR

enum major { UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG };

struct reader {
    const uint8_t *p;
    uint32_t left;
    bool failed; // sticks; then nothing is left
};

static uint32_t fail(struct reader *r) {
    r->failed = true;
    r->left = 0;
    return 0;
}

// The next item's number, UINT32_MAX if it needs more bits, as only what is skipped may; what it
// counts has to fit what is left.
static uint32_t head(struct reader *r, unsigned *major) {
    *major = TAG;
    if (r->left == 0) {
        return fail(r);
    }
    *major = *r->p >> 5;
    uint32_t number = *r->p++ & 31;
    r->left--;
    if (number >= 24) {
        uint32_t bytes = 1U << (number & 3);
        if (number > 27 || bytes > r->left) {
            return fail(r);
        }
        r->left -= bytes;
        for (number = 0; bytes > 0; bytes--) {
            uint32_t byte = *r->p++;
            number = number >> 24 != 0 ? UINT32_MAX : number << 8 | byte;
        }
    }
    return *major >= BYTES && number > r->left ? fail(r) : number;
}

static uint32_t number(struct reader *r, enum major wanted) {
    unsigned major;
    uint32_t n = head(r, &major);
    return major == wanted ? n : fail(r);
}

static const uint8_t *string(struct reader *r, enum major wanted, uint32_t *size) {
    *size = number(r, wanted);
    const uint8_t *start = r->p;
    r->p += *size;
    r->left -= *size;
    return start;
}

static void skip(struct reader *r) {
    for (uint32_t items = 1; items > 0 && !r->failed; items--) {
        unsigned major;
        uint32_t n = head(r, &major);
        if (major == BYTES || major == TEXT) {
            r->p += n;
            r->left -= n;
        } else if (major == ARRAY || major == MAP) {
            items += major == MAP ? 2 * n : n;
        }
    }
}

// A value of a map: its number (of a string the size), and what is behind that.
struct field {
    unsigned major;
    uint32_t number;
    struct reader at;
};

// Sort a map's values by their keys, 1 to `n` - 1. Others are refused or skipped (protocol.md).
static void read_map(struct reader *r, struct field *fields, uint32_t n) {
    memset(fields, 0, n * sizeof(*fields));
    for (uint32_t pairs = number(r, MAP); pairs > 0; pairs--) {
        uint32_t key = number(r, UINT);
        struct field f = {.at = *r};
        f.number = head(&f.at, &f.major);
        if (key > 0 && key < n) {
            fields[key] = f;
        } else if (key < CRITICAL_KEYS) {
            fail(r);
        }
        skip(r);
    }
}

static bool is_string(const struct field *f, enum major major, uint32_t size) {
    return f->major == major && f->number == size;
}

static bool is_same(const struct field *f, const uint8_t *uuid) {
    return is_string(f, BYTES, UUID_BYTES) && memcmp(f->at.p, uuid, UUID_BYTES) == 0;
}

// ---------------------------------------------------------------------------------------- keyset

// False for a role or an algorithm that this code does not know: others may use the key.
static bool read_key(struct reader *r, struct keyset_key *key) {
    enum { ROLE = 1, ALG, KEY, URL, FIELDS };
    struct field f[FIELDS];
    read_map(r, f, FIELDS);
    bool es256 = f[ALG].number == -1 - KEY_ALG_ES256;
    bool known = f[ROLE].number >= KEY_ROLE_IMAGE && f[ROLE].number <= KEY_ROLE_SERVER &&
                 f[ALG].major == NEGATIVE && (es256 || f[ALG].number == -1 - KEY_ALG_EDDSA);
    if (!known) {
        return false;
    }
    if (!is_string(&f[KEY], BYTES, es256 ? P256_BYTES : ED25519_BYTES)) {
        fail(r);
    }
    *key = (struct keyset_key){
        .role = (uint8_t)f[ROLE].number,
        .alg = es256 ? KEY_ALG_ES256 : KEY_ALG_EDDSA,
        .key = f[KEY].at.p,
    };
    if (f[URL].major == TEXT) {
        key->url = f[URL].at.p;
        key->url_size = (uint16_t)f[URL].number;
    }
    return true;
}

static void read_keys(struct field *f, struct keyset *out) {
    bool fits = f->major == ARRAY && f->number <= KEYSET_KEYS_MAX;
    for (uint32_t left = fits ? f->number : fail(&f->at); left > 0; left--) {
        out->n_keys = (uint8_t)(out->n_keys + read_key(&f->at, &out->keys[out->n_keys]));
    }
}

static void read_floors(struct field *f, const uint8_t *cid, uint32_t *floor) {
    for (uint32_t pairs = f->major == MAP ? f->number : fail(&f->at); pairs > 0; pairs--) {
        struct field key = {.at = f->at};
        key.number = head(&key.at, &key.major);
        skip(&f->at);
        uint32_t counter = number(&f->at, UINT);
        if (is_same(&key, cid)) {
            *floor = counter;
        }
    }
}

static int read_payload(struct keyset *out, struct reader *r, const struct boot_params *params) {
    enum { VID = 1, FLEET, EPOCH, KEYS, FLOORS, FIELDS };
    struct field f[FIELDS];
    read_map(r, f, FIELDS);
    out->epoch = f[EPOCH].number;
    read_keys(&f[KEYS], out);
    read_floors(&f[FLOORS], params->cid, &out->floor);
    if (r->failed || f[KEYS].at.failed || f[FLOORS].at.failed) {
        return ERR_FORMAT;
    }
    return is_same(&f[VID], params->vid) && is_same(&f[FLEET], params->fleet) ? 0 : ERR_IDENTITY;
}

// The parts of a COSE_Sign1 by ES256: [protected, {}, payload, signature].
struct envelope {
    struct reader payload;
    const uint8_t *signature;
    const uint8_t *kid;
    uint8_t digest[SHA256_BYTES]; // of what is signed
};

static int read_envelope(struct envelope *e, const uint8_t *bytes, uint32_t size) {
    // Everything in it is fixed (docs/protocol.md, Common) but the key's name.
    enum { PROTECTED_BYTES = 32, KID_AT = 14 };
    static const uint8_t wanted[PROTECTED_BYTES] = {
        0x58, 30, 0xA5, 0x01, 0x26, 0x02, 0x81, 0x3A, 0x00, 0x01, 0x00, 0x00, 0x04, 0x48, 0,   0, 0,
        0,    0,  0,    0,    0,    0x10, 0x19, 0xFD, 0xEB, 0x3A, 0x00, 0x01, 0x00, 0x00, 0x01};
    static const uint8_t context[] = "\x84\x6ASignature1";
    static const uint8_t no_aad = 0x40;
    struct reader r = {.p = bytes, .left = size};
    const uint8_t *protected = bytes + 1;
    if (size < 1 + PROTECTED_BYTES || bytes[0] != 0x84 || memcmp(protected, wanted, KID_AT) != 0 ||
        memcmp(protected + KID_AT + KID_BYTES, wanted + KID_AT + KID_BYTES,
               PROTECTED_BYTES - KID_AT - KID_BYTES) != 0) {
        return ERR_FORMAT;
    }
    r.p += 1 + PROTECTED_BYTES;
    r.left -= 1 + PROTECTED_BYTES;
    uint32_t unprotected = number(&r, MAP);
    const uint8_t *payload = r.p;
    uint32_t payload_size;
    uint32_t signature_size;
    e->kid = protected + KID_AT;
    e->payload.p = string(&r, BYTES, &payload_size);
    e->payload.left = payload_size;
    e->payload.failed = false;
    uint32_t encoded_size = (uint32_t)(r.p - payload);
    e->signature = string(&r, BYTES, &signature_size);
    if (r.failed || r.left != 0 || unprotected != 0 || signature_size != P256_BYTES) {
        return ERR_FORMAT;
    }
    struct sha256 s;
    sha256_init(&s);
    sha256_update(&s, context, sizeof(context) - 1);
    sha256_update(&s, protected, PROTECTED_BYTES);
    sha256_update(&s, &no_aad, 1);
    sha256_update(&s, payload, encoded_size);
    sha256_final(&s, e->digest);
    return 0;
}

// `verify`: also the root's signature, before anything is believed.
static int keyset_read(struct keyset *out, const uint8_t *bytes, uint32_t size,
                       const struct boot_params *params, bool verify) {
    struct envelope e;
    memset(out, 0, sizeof(*out));
    int err = read_envelope(&e, bytes, size);
    if (err < 0) {
        return err;
    }
    for (int root = 0; root < 2; root++) {
        uint8_t hash[SHA256_BYTES];
        sha256(params->root[root], P256_BYTES, hash);
        if (memcmp(hash, e.kid, KID_BYTES) != 0) {
            continue;
        }
        out->spare = root == 1;
        err = verify ? p256_verify(params->root[root], e.digest, e.signature) : 0;
        return err < 0 ? err : read_payload(out, &e.payload, params);
    }
    return ERR_SIGNATURE;
}

// ------------------------------------------------------------------------------------------ trust

enum { COPY_MAGIC = 0x52545455, COPY_VERSION = 1, COPY_HEAD_BYTES = 8, CRC_BYTES = 4 };

// Size of the keyset in this trust copy, which then lies behind the head in `buffer`; 0 if the copy
// is not whole.
static uint32_t read_copy(uint8_t buffer[TRUST_BUFFER_BYTES], const struct hal_layout *layout,
                          int copy) {
    const struct hal_flash *f = layout->flash;
    uint32_t offset = layout->trust[copy].offset;
    if (hal_flash_read(f, offset, buffer, COPY_HEAD_BYTES) < 0) {
        return 0;
    }
    uint32_t size = load_u16(buffer + 6);
    bool whole = load_u32(buffer) == COPY_MAGIC && load_u16(buffer + 4) == COPY_VERSION &&
                 size <= KEYSET_BYTES_MAX &&
                 hal_flash_read(f, offset + COPY_HEAD_BYTES, buffer + COPY_HEAD_BYTES,
                                size + CRC_BYTES) == 0 &&
                 is_sealed(buffer, COPY_HEAD_BYTES + size + CRC_BYTES);
    return whole ? size : 0;
}

static bool is_named(const uint8_t *record, const uint8_t *bytes, uint32_t size) {
    uint8_t digest[SHA256_BYTES];
    sha256(bytes, size, digest);
    return memcmp(digest, record + 8, sizeof(digest)) == 0;
}

int trust_load(struct keyset *out, uint8_t buffer[TRUST_BUFFER_BYTES],
               const struct hal_layout *layout, const struct journal *j,
               const struct boot_params *params) {
    static const struct journal_id keyset_id = {.type = JOURNAL_KEYSET};
    uint8_t record[JOURNAL_PAYLOAD_BYTES];
    struct keyset own;
    int own_err = keyset_read(&own, params->keyset, params->keyset_size, params, false);
    if (journal_get(j, keyset_id, record, NULL) < 0) {
        *out = own;
        return own_err;
    }
    uint32_t epoch = load_u32(record);
    bool spare = record[5] & 1;
    bool found = false;
    for (int copy = 0; copy < 2 && !found; copy++) {
        const uint8_t *bytes = buffer + COPY_HEAD_BYTES;
        uint32_t size = read_copy(buffer, layout, copy);
        found = is_named(record, bytes, size) && keyset_read(out, bytes, size, params, true) == 0 &&
                out->epoch == epoch && out->spare == spare;
    }
    // Any keyset by the spare root outranks all by the primary, then the epoch counts.
    bool outranks = own.spare != spare ? own.spare : own.epoch > epoch;
    bool reaches = outranks || (own.spare == spare && own.epoch == epoch);
    if (own_err == 0 && (found ? outranks : reaches)) {
        *out = own;
        return 0;
    }
    return found ? 0 : ERR_NOT_FOUND;
}

uint32_t trust_floor(const struct keyset *keys, const struct journal *j,
                     const struct boot_params *params) {
    static const struct journal_id floor_id = {.type = JOURNAL_FLOOR};
    uint8_t record[JOURNAL_PAYLOAD_BYTES];
    uint32_t floor = params->floor > keys->floor ? params->floor : keys->floor;
    bool sealed = journal_get(j, floor_id, record, NULL) == 0 &&
                  memcmp(record + 4, params->cid, UUID_BYTES) == 0;
    return sealed && load_u32(record) > floor ? load_u32(record) : floor;
}
