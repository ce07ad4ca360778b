// SPDX-License-Identifier: Apache-2.0
// A JSON writer for short objects.
#include "json.h"

enum { RESERVED = 4 }; // for the brackets that are still open, and a newline

static void put(struct json *j, char c) {
    if (j->used < j->size) {
        j->text[j->used++] = c;
    }
}

static void put_text(struct json *j, const char *text) {
    while (*text != '\0') {
        put(j, *text++);
    }
}

static void put_name(struct json *j, const char *name) {
    put(j, j->separator);
    j->separator = ',';
    put(j, '"');
    put_text(j, name);
    put_text(j, "\":");
}

struct json json_begin(char *buffer, size_t size) {
    return (struct json){.text = buffer, .size = size - RESERVED, .separator = '{'};
}

void json_number(struct json *j, const char *name, uint32_t value) {
    char digits[11];
    size_t i = sizeof(digits) - 1;
    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_name(j, name);
    put_text(j, digits + i);
}

void json_flag(struct json *j, const char *name, bool value) {
    put_name(j, name);
    put_text(j, value ? "true" : "false");
}

void json_text(struct json *j, const char *name, const char *value) {
    put_name(j, name);
    put(j, '"');
    put_text(j, value);
    put(j, '"');
}

void json_hex(struct json *j, const char *name, const uint8_t *bytes, size_t n) {
    static const char digits[] = "0123456789abcdef";
    put_name(j, name);
    put(j, '"');
    for (size_t i = 0; i < n; i++) {
        put(j, digits[bytes[i] >> 4]);
        put(j, digits[bytes[i] & 15]);
    }
    put(j, '"');
}

void json_open(struct json *j, const char *name) {
    put_name(j, name);
    j->separator = '{';
}

void json_close(struct json *j) {
    put(j, '}');
    j->separator = ',';
}

uint32_t json_end(struct json *j) {
    j->size += RESERVED;
    put_text(j, "}\n");
    return (uint32_t)j->used;
}
