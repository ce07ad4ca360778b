// SPDX-License-Identifier: Apache-2.0
// Deterministic CBOR, reading (RFC 8949, 4.2.1); see cbor.h.
#include "cbor/cbor.h"
#include "cbor_major.h"
#include "hal/err.h"
#include <string.h>

static int fail(struct cbor_in *in, int err) {
    if (in->err == 0) {
        in->err = err;
    }
    return in->err;
}

static size_t left(const struct cbor_in *in) {
    return (size_t)(in->end - in->p);
}

void cbor_in_init(struct cbor_in *in, const void *data, size_t size) {
    in->p = data;
    in->end = in->p + size;
    in->err = 0;
}

// Reads an item's head: its major type and its number in shortest form.
static int read_head(struct cbor_in *in, unsigned *major, uint64_t *number) {
    *major = 0;
    *number = 0;
    if (in->err != 0) {
        return in->err;
    }
    if (left(in) == 0) {
        return fail(in, ERR_FORMAT);
    }
    unsigned info = *in->p & 31;
    *major = *in->p >> 5;
    in->p++;
    if (info < 24) {
        *number = info;
        return 0;
    }
    if (info > 27) { // reserved, or of indefinite length
        return fail(in, ERR_FORMAT);
    }
    size_t bytes = (size_t)1 << (info - 24);
    if (left(in) < bytes) {
        return fail(in, ERR_FORMAT);
    }
    for (size_t i = 0; i < bytes; i++) {
        *number = *number << 8 | *in->p++;
    }
    // 24 fits the head itself, and what fits half the bytes should have been written there
    uint64_t least = info == 24 ? 24 : (uint64_t)1 << (4 * bytes);
    return *number < least ? fail(in, ERR_FORMAT) : 0;
}

static int read_number(struct cbor_in *in, unsigned wanted, uint64_t *number) {
    unsigned major;
    int err = read_head(in, &major, number);
    if (err < 0) {
        return err;
    }
    return major == wanted ? 0 : fail(in, ERR_FORMAT);
}

int cbor_uint(struct cbor_in *in, uint64_t *value) {
    return read_number(in, CBOR_UINT, value);
}

int cbor_uint32(struct cbor_in *in, uint32_t *value) {
    uint64_t wide;
    int err = cbor_uint(in, &wide);
    *value = (uint32_t)wide;
    return err == 0 && wide > UINT32_MAX ? fail(in, ERR_RANGE) : err;
}

int cbor_int(struct cbor_in *in, int64_t *value) {
    unsigned major;
    uint64_t number;
    *value = 0;
    int err = read_head(in, &major, &number);
    if (err < 0) {
        return err;
    }
    if (major > CBOR_NEGATIVE) {
        return fail(in, ERR_FORMAT);
    }
    if (number > INT64_MAX) {
        return fail(in, ERR_RANGE);
    }
    *value = major == CBOR_UINT ? (int64_t)number : -1 - (int64_t)number;
    return 0;
}

static int read_string(struct cbor_in *in, unsigned major, const uint8_t **data, size_t *size) {
    uint64_t length;
    *data = in->p;
    *size = 0;
    int err = read_number(in, major, &length);
    if (err < 0) {
        return err;
    }
    if (length > left(in)) {
        return fail(in, ERR_FORMAT);
    }
    *data = in->p;
    *size = (size_t)length;
    in->p += length;
    return 0;
}

// Bytes of the well-formed UTF-8 character at the start of `size` bytes (RFC 3629); 0 if it is
// none.
static size_t utf8_character(const uint8_t *p, size_t size) {
    if (p[0] < 0x80) {
        return 1;
    }
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || size < n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    // longer than needed, a surrogate, or above U+10FFFF
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)) {
        return 0;
    }
    return n;
}

static bool is_utf8(const uint8_t *p, size_t size) {
    while (size > 0) {
        size_t n = utf8_character(p, size);
        if (n == 0) {
            return false;
        }
        p += n;
        size -= n;
    }
    return true;
}

int cbor_bytes(struct cbor_in *in, const uint8_t **data, size_t *size) {
    return read_string(in, CBOR_BYTES, data, size);
}

int cbor_bytes_fixed(struct cbor_in *in, void *to, size_t size) {
    const uint8_t *data;
    size_t actual;
    int err = cbor_bytes(in, &data, &actual);
    if (err < 0) {
        return err;
    }
    if (actual != size) {
        return fail(in, ERR_FORMAT);
    }
    memcpy(to, data, size);
    return 0;
}

int cbor_text(struct cbor_in *in, const char **text, size_t *size) {
    const uint8_t *data;
    int err = read_string(in, CBOR_TEXT, &data, size);
    *text = (const char *)data;
    return err == 0 && !is_utf8(data, *size) ? fail(in, ERR_FORMAT) : err;
}

// Every item takes at least a byte, so a count beyond the bytes left is refused here already.
int cbor_array(struct cbor_in *in, uint32_t *count) {
    uint64_t number;
    *count = 0;
    int err = read_number(in, CBOR_ARRAY, &number);
    if (err < 0) {
        return err;
    }
    if (number > left(in)) {
        return fail(in, ERR_FORMAT);
    }
    *count = (uint32_t)number;
    return 0;
}

int cbor_map(struct cbor_in *in, struct cbor_map *map) {
    uint64_t pairs;
    *map = (struct cbor_map){0};
    int err = read_number(in, CBOR_MAP, &pairs);
    if (err < 0) {
        return err;
    }
    if (pairs > left(in) / 2) {
        return fail(in, ERR_FORMAT);
    }
    map->left = (uint32_t)pairs;
    return 0;
}

// Does the key between `key` and `in->p` come after the map's last one? Bytewise order of
// encodings: heads that differ decide, and none is the start of another.
static int check_order(struct cbor_in *in, struct cbor_map *map, const uint8_t *key) {
    size_t size = (size_t)(in->p - key);
    size_t common = size < map->last_size ? size : map->last_size;
    if (map->last != NULL && memcmp(map->last, key, common) >= 0) {
        return fail(in, ERR_FORMAT);
    }
    map->last = key;
    map->last_size = (uint32_t)size;
    return 0;
}

bool cbor_next(struct cbor_in *in, struct cbor_map *map) {
    if (in->err != 0 || map->left == 0) {
        return false;
    }
    map->left--;
    const uint8_t *key = in->p;
    if (cbor_skip(in) < 0 || check_order(in, map, key) < 0) {
        return false;
    }
    in->p = key; // for the caller to read
    return true;
}

bool cbor_next_key(struct cbor_in *in, struct cbor_map *map, int64_t *key) {
    *key = 0;
    return cbor_next(in, map) && cbor_int(in, key) == 0;
}

// An array or map that cbor_skip is inside of.
struct open_item {
    uint32_t left;       // items (in a map: keys and values) that are still to come
    const uint8_t *key;  // where the next item starts, which may be a key; NULL in an array
    struct cbor_map map; // for the order of keys
};

// Reads one item, of an array or map only the head. Its major type, or an error; `inside` is the
// number of items that follow.
static int skip_shallow(struct cbor_in *in, uint32_t *inside) {
    uint64_t number;
    int64_t negative;
    const uint8_t *data;
    const char *text;
    size_t size;
    struct cbor_map map;
    int err = 0;
    *inside = 0;
    unsigned major = left(in) == 0 ? CBOR_UINT : *in->p >> 5;
    switch (major) {
    case CBOR_UINT:
        err = cbor_uint(in, &number);
        break;
    case CBOR_NEGATIVE:
        err = cbor_int(in, &negative);
        break;
    case CBOR_BYTES:
        err = cbor_bytes(in, &data, &size);
        break;
    case CBOR_TEXT:
        err = cbor_text(in, &text, &size);
        break;
    case CBOR_ARRAY:
        err = cbor_array(in, inside);
        break;
    case CBOR_MAP:
        err = cbor_map(in, &map);
        *inside = map.left * 2;
        break;
    default:
        err = fail(in, ERR_UNSUPPORTED);
    }
    return err < 0 ? err : (int)major;
}

// A whole item of `o` has been read: if it was a key, it must come after the one before.
static void item_done(struct cbor_in *in, struct open_item *o) {
    if (o->key != NULL) {
        if (o->left % 2 == 0) {
            (void)check_order(in, &o->map, o->key);
        }
        o->key = in->p;
    }
    o->left--;
}

int cbor_skip(struct cbor_in *in) {
    struct open_item open[CBOR_MAX_DEPTH];
    unsigned depth = 0;
    do {
        uint32_t inside;
        int major = in->err == 0 ? skip_shallow(in, &inside) : in->err;
        if (major < 0) {
            return major;
        }
        if (major == CBOR_ARRAY || major == CBOR_MAP) {
            if (depth == CBOR_MAX_DEPTH) {
                return fail(in, ERR_RANGE);
            }
            open[depth++] =
                (struct open_item){.left = inside, .key = major == CBOR_MAP ? in->p : NULL};
        } else if (depth > 0) {
            item_done(in, &open[depth - 1]);
        }
        while (depth > 0 && open[depth - 1].left == 0) { // which ends an item of the one around it
            depth--;
            if (depth > 0) {
                item_done(in, &open[depth - 1]);
            }
        }
    } while (in->err == 0 && depth > 0);
    return in->err;
}

int cbor_skip_unknown(struct cbor_in *in, int64_t key) {
    return key >= 64 ? cbor_skip(in) : fail(in, ERR_UNSUPPORTED);
}

int cbor_done(struct cbor_in *in) {
    return left(in) == 0 ? in->err : fail(in, ERR_FORMAT);
}
