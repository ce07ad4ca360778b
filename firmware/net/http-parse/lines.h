// SPDX-License-Identifier: Apache-2.0
// Shared by the two head parsers: lines, names and numbers.
#pragma once
#include "net/http_parse.h"

enum http_line { HTTP_LINE_MORE, HTTP_LINE_READY, HTTP_LINE_BAD, HTTP_LINE_TOO_MUCH };

// Collect bytes until a line is complete; it stays in l->text until the next call.
enum http_line http_lines_feed(struct http_lines *l, const uint8_t *data, uint32_t n,
                               uint32_t *used);

// Forget the line.
void http_lines_next(struct http_lines *l);

// A header line taken apart. `value` has no blanks around it.
struct http_field {
    const char *name;
    const char *value;
    uint32_t name_n;
    uint32_t value_n;
};

// False if the line has no valid field name followed by a colon.
bool http_field_parse(const struct http_lines *l, struct http_field *out);

// `lower` is in lower case; `text` may be in any.
bool http_is(const char *text, uint32_t n, const char *lower);

// Does the comma-separated list hold the word `lower`?
bool http_list_has(const char *list, uint32_t n, const char *lower);

// Decimal digits at *at up to `end`, at least one; advances *at. False on none or overflow.
bool http_number(const char **at, const char *end, uint64_t *value);

// All of `n` characters are one number.
bool http_whole_number(const char *text, uint32_t n, uint64_t *value);
