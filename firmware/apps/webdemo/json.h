// SPDX-License-Identifier: Apache-2.0
// Writes one JSON object into a buffer. What does not fit is left out, and the object stays closed.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *text;
    size_t size;
    size_t used;
    char separator; // what stands before the next member
};

struct json json_begin(char *buffer, size_t size);
void json_number(struct json *j, const char *name, uint32_t value);
void json_flag(struct json *j, const char *name, bool value);
void json_text(struct json *j, const char *name, const char *value); // must need no escapes
void json_hex(struct json *j, const char *name, const uint8_t *bytes, size_t n);
void json_open(struct json *j, const char *name); // an object in it, until json_close
void json_close(struct json *j);

// Ends it; returns its length.
uint32_t json_end(struct json *j);
