// SPDX-License-Identifier: Apache-2.0
// Lines, names and numbers of HTTP heads.
#include "lines.h"

#include <string.h>

// Take a run of ordinary characters; most of a head is that.
static uint32_t take_run(struct http_lines *l, const uint8_t *data, uint32_t n) {
    char *to = l->text + l->n;
    const char *end = l->text + l->size;
    const uint8_t *at = data;
    while (at < data + n && *at >= ' ' && *at != 0x7F) {
        if (to < end) {
            *to++ = (char)*at;
        } else {
            l->is_cut = true;
        }
        at++;
    }
    l->n = (uint16_t)(to - l->text);
    return (uint32_t)(at - data);
}

// Take the character that ended a run.
static enum http_line take_other(struct http_lines *l, uint8_t c) {
    if (c == '\n') {
        return HTTP_LINE_READY;
    }
    if (l->has_cr) {
        return HTTP_LINE_BAD; // a CR alone
    }
    if (c == '\r') {
        l->has_cr = true;
    } else if (c != '\t') {
        return HTTP_LINE_BAD; // a control character
    } else if (l->n < l->size) {
        l->text[l->n++] = ' ';
    } else {
        l->is_cut = true;
    }
    return HTTP_LINE_MORE;
}

enum http_line http_lines_feed(struct http_lines *l, const uint8_t *data, uint32_t n,
                               uint32_t *used) {
    uint32_t i = 0;
    enum http_line result = HTTP_LINE_MORE;
    while (i < n && result == HTTP_LINE_MORE) {
        uint32_t run = take_run(l, data + i, n - i);
        i += run;
        if (run > 0 && l->has_cr) {
            result = HTTP_LINE_BAD;
        } else if (i < n) {
            result = take_other(l, data[i++]);
        }
    }
    *used = i;
    if (i > (uint32_t)(HTTP_HEAD_BYTES_MAX - l->total)) {
        return HTTP_LINE_TOO_MUCH;
    }
    l->total = (uint16_t)(l->total + i);
    return result;
}

void http_lines_next(struct http_lines *l) {
    l->n = 0;
    l->is_cut = false;
    l->has_cr = false;
}

// Letters, digits and !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2).
static bool is_token(char c) {
    static const uint32_t bits[4] = {0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF};
    uint8_t code = (uint8_t)c;
    return code < 128 && (bits[code / 32] >> code % 32 & 1) != 0;
}

static bool is_blank(char c) {
    return c == ' '; // tabs have become blanks
}

bool http_field_parse(const struct http_lines *l, struct http_field *out) {
    uint32_t name_n = 0;
    while (name_n < l->n && is_token(l->text[name_n])) {
        name_n++;
    }
    if (name_n == 0 || (name_n < l->n && l->text[name_n] != ':') ||
        (name_n == l->n && !l->is_cut)) {
        return false;
    }
    uint32_t start = name_n < l->n ? name_n + 1 : name_n;
    uint32_t end = l->n;
    while (start < end && is_blank(l->text[start])) {
        start++;
    }
    while (end > start && is_blank(l->text[end - 1])) {
        end--;
    }
    *out = (struct http_field){l->text, l->text + start, name_n, end - start};
    return true;
}

bool http_is(const char *text, uint32_t n, const char *lower) {
    for (uint32_t i = 0; i < n; i++) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c + ('a' - 'A'));
        }
        if (c != lower[i]) { // also where `lower` ends
            return false;
        }
    }
    return lower[n] == '\0';
}

bool http_list_has(const char *list, uint32_t n, const char *lower) {
    uint32_t start = 0;
    while (start < n) {
        uint32_t end = start;
        while (end < n && list[end] != ',') {
            end++;
        }
        uint32_t stop = end;
        while (start < stop && is_blank(list[start])) {
            start++;
        }
        while (stop > start && is_blank(list[stop - 1])) {
            stop--;
        }
        if (http_is(list + start, stop - start, lower)) {
            return true;
        }
        start = end + 1;
    }
    return false;
}

bool http_number(const char **at, const char *end, uint64_t *value) {
    const char *p = *at;
    uint64_t v = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        uint64_t digit = (uint64_t)(*p - '0');
        if (v >= UINT64_MAX / 10) { // a little early, so that UINT64_MAX can mean absent
            return false;
        }
        v = v * 10 + digit;
        p++;
    }
    bool any = p > *at;
    *at = p;
    *value = v;
    return any;
}

bool http_whole_number(const char *text, uint32_t n, uint64_t *value) {
    const char *at = text;
    return http_number(&at, text + n, value) && at == text + n;
}
