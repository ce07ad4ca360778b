// SPDX-License-Identifier: Apache-2.0
// Writes again what it reads, item by item, so that reader and writer are compared at once.
#pragma once
#include "cbor/cbor.h"

// Copies all of `in`, as far as it is understood; both keep their errors.
static inline void cbor_copy(struct cbor_in *in, struct cbor_out *out) {
    while (in->err == 0 && in->p != in->end) {
        struct cbor_map map;
        const uint8_t *bytes;
        const char *text;
        size_t size;
        int64_t number;
        uint64_t large;
        uint32_t count;
        switch (*in->p >> 5) {
        case 0:
            (void)cbor_uint(in, &large);
            cbor_put_uint(out, large);
            break;
        case 1:
            (void)cbor_int(in, &number);
            cbor_put_int(out, number);
            break;
        case 2:
            (void)cbor_bytes(in, &bytes, &size);
            cbor_put_bytes(out, bytes, size);
            break;
        case 3:
            (void)cbor_text(in, &text, &size);
            cbor_put_text_n(out, text, size);
            break;
        case 4:
            (void)cbor_array(in, &count);
            cbor_put_array(out, count);
            break;
        default:
            (void)cbor_map(in, &map);
            cbor_put_map(out, map.left);
        }
    }
}
