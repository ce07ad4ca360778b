// SPDX-License-Identifier: Apache-2.0
// Responses as a careful client reads them.
#include "hal/err.h"
#include "lines.h"

#include <string.h>

static void restart(struct http_response *r) {
    r->content_length = HTTP_ABSENT;
    r->range_from = HTTP_ABSENT;
    r->range_to = HTTP_ABSENT;
    r->range_total = HTTP_ABSENT;
    r->started = false;
    r->close = false;
    r->is_chunked = false;
}

void http_response_init(struct http_response *r, char *line, uint16_t size) {
    memset(r, 0, sizeof(*r));
    r->lines.text = line;
    r->lines.size = size;
    restart(r);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// "HTTP/1.1 200 Any Words"; the words may be missing or too long.
static int read_status_line(struct http_response *r) {
    const char *t = r->lines.text;
    if (r->lines.n < sizeof("HTTP/1.1 200") - 1 || memcmp(t, "HTTP/1.", 7) != 0 ||
        !is_digit(t[7]) || t[8] != ' ' || !is_digit(t[9]) || !is_digit(t[10]) || !is_digit(t[11]) ||
        t[9] == '0' || (r->lines.n > 12 && t[12] != ' ')) {
        return ERR_FORMAT;
    }
    r->status = (uint16_t)((t[9] - '0') * 100 + (t[10] - '0') * 10 + (t[11] - '0'));
    r->close = t[7] == '0';
    r->started = true;
    return 0;
}

// "bytes 0-99/1000", "bytes 0-99/*" or "bytes */1000".
static int read_range(struct http_response *r, const struct http_field *f) {
    static const char unit[] = "bytes ";
    uint32_t unit_n = sizeof(unit) - 1;
    const char *at = f->value + unit_n;
    const char *end = f->value + f->value_n;
    if (r->range_from != HTTP_ABSENT || r->range_total != HTTP_ABSENT || f->value_n < unit_n ||
        !http_is(f->value, unit_n, unit)) {
        return ERR_FORMAT;
    }
    if (at < end && *at == '*') {
        at++;
    } else if (!http_number(&at, end, &r->range_from) || at == end || *at++ != '-' ||
               !http_number(&at, end, &r->range_to) || r->range_to < r->range_from) {
        return ERR_FORMAT;
    }
    if (at == end || *at++ != '/') {
        return ERR_FORMAT;
    }
    if (end - at == 1 && *at == '*') {
        return r->range_from == HTTP_ABSENT ? ERR_FORMAT : 0;
    }
    if (!http_whole_number(at, (uint32_t)(end - at), &r->range_total) ||
        (r->range_from != HTTP_ABSENT && r->range_to >= r->range_total)) {
        return ERR_FORMAT;
    }
    return 0;
}

static int read_length(struct http_response *r, const struct http_field *f) {
    uint64_t value;
    if (!http_whole_number(f->value, f->value_n, &value) ||
        (r->content_length != HTTP_ABSENT && r->content_length != value)) {
        return ERR_FORMAT;
    }
    r->content_length = value;
    return 0;
}

static int read_field(struct http_response *r) {
    struct http_field f;
    if (!http_field_parse(&r->lines, &f)) {
        return ERR_FORMAT;
    }
    bool is_length = http_is(f.name, f.name_n, "content-length");
    bool is_range = http_is(f.name, f.name_n, "content-range");
    bool is_coding = http_is(f.name, f.name_n, "transfer-encoding");
    bool is_connection = http_is(f.name, f.name_n, "connection");
    if ((is_length || is_range || is_coding || is_connection) && r->lines.is_cut) {
        return ERR_FORMAT;
    }
    if (is_length) {
        return read_length(r, &f);
    }
    if (is_range) {
        return read_range(r, &f);
    }
    if (is_coding && !http_is(f.value, f.value_n, "identity")) {
        r->is_chunked = true;
    }
    if (is_connection) {
        bool keep = http_list_has(f.value, f.value_n, "keep-alive");
        bool close = http_list_has(f.value, f.value_n, "close");
        r->close = close || (r->close && !keep);
    }
    return 0;
}

static int take_line(struct http_response *r) {
    if (!r->started) {
        return read_status_line(r);
    }
    if (r->lines.n > 0 || r->lines.is_cut) {
        return read_field(r);
    }
    if (r->status < 200) { // 100 Continue and the like come before the answer proper
        restart(r);
        return 0;
    }
    return 1;
}

int http_response_feed(struct http_response *r, const uint8_t *data, uint32_t n, uint32_t *used) {
    uint32_t at = 0;
    int result = 0;
    while (result == 0 && at < n) {
        uint32_t step;
        enum http_line line = http_lines_feed(&r->lines, data + at, n - at, &step);
        at += step;
        if (line == HTTP_LINE_READY) {
            result = take_line(r);
            http_lines_next(&r->lines);
        } else if (line != HTTP_LINE_MORE) {
            result = ERR_FORMAT;
        }
    }
    *used = at;
    return result;
}
