// SPDX-License-Identifier: Apache-2.0
// CBOR in deterministic form only (RFC 8949 section 4.2.1): shortest heads, definite lengths, map
// keys in bytewise order and each once, text in UTF-8. Known are integers, byte and text strings,
// arrays and maps; tags, floats and simple values are ERR_UNSUPPORTED.
//
// The reader's error sticks: after the first, every call returns it and moves nothing, so a caller
// may check once at the end. Nothing recurses; what is read stays in the caller's buffer.
#pragma once
#include "hal/language.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

C_BEGIN

enum { CBOR_MAX_DEPTH = 8 }; // arrays and maps inside each other that cbor_skip accepts

struct cbor_in {
    const uint8_t *p, *end;
    int err; // 0 or the first error: ERR_FORMAT, ERR_RANGE, ERR_UNSUPPORTED
};

// A map being read: how many pairs are left, and the last key for the order.
struct cbor_map {
    uint32_t left;
    uint32_t last_size;
    const uint8_t *last;
};

void cbor_in_init(struct cbor_in *in, const void *data, size_t size);

// Each reads one item. 0; ERR_FORMAT if the next one is of another type or not deterministic; else
// what went wrong before: ERR_RANGE, ERR_UNSUPPORTED.
int cbor_uint(struct cbor_in *in, uint64_t *value);
int cbor_uint32(struct cbor_in *in, uint32_t *value); // ERR_RANGE above 2^32 - 1
int cbor_int(struct cbor_in *in, int64_t *value);     // ERR_RANGE outside int64_t
int cbor_bytes(struct cbor_in *in, const uint8_t **data, size_t *size);
int cbor_bytes_fixed(struct cbor_in *in, void *to, size_t size);    // copies exactly `size` bytes
int cbor_text(struct cbor_in *in, const char **text, size_t *size); // not terminated
int cbor_array(struct cbor_in *in, uint32_t *count);                // `count` items follow
int cbor_map(struct cbor_in *in, struct cbor_map *map); // use cbor_next_key or cbor_next

// True if another pair follows in `map`, and its key comes after the one before (else the error is
// set). The caller then reads the key, of whatever type, and the value.
bool cbor_next(struct cbor_in *in, struct cbor_map *map);
// The same for maps with integer keys, and reads the key.
bool cbor_next_key(struct cbor_in *in, struct cbor_map *map, int64_t *key);

// Skip one whole item, checking its form. ERR_FORMAT; ERR_UNSUPPORTED (a tag, float or simple value
// in it); ERR_RANGE if it is nested deeper than CBOR_MAX_DEPTH, or a number outside int64_t.
int cbor_skip(struct cbor_in *in);
// For a key that the caller does not know: skips its value if key >= 64, else ERR_UNSUPPORTED
// (docs/protocol.md: numbers below 64 are critical). Errors of cbor_skip.
int cbor_skip_unknown(struct cbor_in *in, int64_t key);
// What went wrong so far: ERR_FORMAT, ERR_RANGE, ERR_UNSUPPORTED; ERR_FORMAT if bytes are left.
int cbor_done(struct cbor_in *in);

// Writing. The error sticks here too: ERR_NO_MEMORY if `size` was too small. The caller puts map
// keys in order.
struct cbor_out {
    uint8_t *p;
    size_t size, used;
    int err;
};

void cbor_out_init(struct cbor_out *out, void *to, size_t size);
void cbor_put_uint(struct cbor_out *out, uint64_t value);
void cbor_put_int(struct cbor_out *out, int64_t value);
void cbor_put_bytes(struct cbor_out *out, const void *data, size_t size);
void cbor_put_bytes_head(struct cbor_out *out,
                         size_t size); // the bytes themselves follow by the caller
void cbor_put_text(struct cbor_out *out, const char *text); // terminated by NUL
void cbor_put_text_n(struct cbor_out *out, const char *text, size_t size);
void cbor_put_array(struct cbor_out *out, uint32_t count);
void cbor_put_map(struct cbor_out *out, uint32_t pairs);

C_END
