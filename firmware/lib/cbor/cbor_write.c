// SPDX-License-Identifier: Apache-2.0
// Deterministic CBOR, writing (RFC 8949, 4.2.1); see cbor.h.
#include "cbor/cbor.h"
#include "cbor_major.h"
#include "hal/err.h"
#include <string.h>

void cbor_out_init(struct cbor_out *out, void *to, size_t size) {
    *out = (struct cbor_out){.p = to, .size = size};
}

static void put_raw(struct cbor_out *out, const void *data, size_t size) {
    if (out->err != 0 || size > out->size - out->used) {
        out->err = ERR_NO_MEMORY;
        return;
    }
    if (size > 0) {
        memcpy(out->p + out->used, data, size);
    }
    out->used += size;
}

static void put_head(struct cbor_out *out, unsigned major, uint64_t number) {
    uint8_t head[9];
    size_t bytes = 0; // behind the first
    unsigned info = (unsigned)number;
    if (number >= 24) {
        for (info = 24, bytes = 1; info < 27 && number >> (8 * bytes) != 0; info++) {
            bytes *= 2;
        }
    }
    head[0] = (uint8_t)(major << 5 | info);
    for (size_t i = bytes; i > 0; i--) {
        head[i] = (uint8_t)number;
        number >>= 8;
    }
    put_raw(out, head, 1 + bytes);
}

void cbor_put_uint(struct cbor_out *out, uint64_t value) {
    put_head(out, CBOR_UINT, value);
}

void cbor_put_int(struct cbor_out *out, int64_t value) {
    if (value < 0) {
        put_head(out, CBOR_NEGATIVE, ~(uint64_t)value);
    } else {
        put_head(out, CBOR_UINT, (uint64_t)value);
    }
}

void cbor_put_bytes_head(struct cbor_out *out, size_t size) {
    put_head(out, CBOR_BYTES, size);
}

void cbor_put_bytes(struct cbor_out *out, const void *data, size_t size) {
    put_head(out, CBOR_BYTES, size);
    put_raw(out, data, size);
}

void cbor_put_text(struct cbor_out *out, const char *text) {
    cbor_put_text_n(out, text, strlen(text));
}

void cbor_put_text_n(struct cbor_out *out, const char *text, size_t size) {
    put_head(out, CBOR_TEXT, size);
    put_raw(out, text, size);
}

void cbor_put_array(struct cbor_out *out, uint32_t count) {
    put_head(out, CBOR_ARRAY, count);
}

void cbor_put_map(struct cbor_out *out, uint32_t pairs) {
    put_head(out, CBOR_MAP, pairs);
}
