// SPDX-License-Identifier: Apache-2.0
// Bytes from hexadecimal text, blanks between them allowed, for tests with published vectors.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_MAX_BYTES = 512 };

struct hex {
    uint8_t bytes[HEX_MAX_BYTES];
    size_t size;
};

static inline struct hex from_hex(const char *text) {
    struct hex h = {.size = 0};
    while (*text != 0) {
        if (*text == ' ') {
            text++;
            continue;
        }
        char digits[3] = {text[0], text[1], 0};
        if (h.size == HEX_MAX_BYTES) {
            abort();
        }
        h.bytes[h.size++] = (uint8_t)strtoul(digits, NULL, 16);
        text += 2;
    }
    return h;
}

static inline int is_hex(const void *data, size_t size, const char *text) {
    struct hex h = from_hex(text);
    return h.size == size && memcmp(h.bytes, data, size) == 0;
}
