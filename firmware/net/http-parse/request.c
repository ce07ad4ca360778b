// SPDX-License-Identifier: Apache-2.0
// Requests as a server must read them. A negative result is the status to answer with.
#include "lines.h"

#include <string.h>

enum {
    BAD_REQUEST = -400,
    LENGTH_REQUIRED = -411,
    CONTENT_TOO_LARGE = -413,
    URI_TOO_LONG = -414,
    EXPECTATION_FAILED = -417,
    FIELDS_TOO_LARGE = -431,
    VERSION_NOT_SUPPORTED = -505,
};

void http_request_init(struct http_request *r, char *line, uint16_t size) {
    memset(r, 0, offsetof(struct http_request, target));
    r->lines.text = line;
    r->lines.size = size;
    r->content_length = HTTP_ABSENT;
    r->target[0] = '\0';
}

static bool is_method(const char *name, const char *text, uint32_t n) {
    uint32_t i = 0;
    while (i < n && name[i] == text[i]) {
        i++;
    }
    return i == n && name[i] == '\0';
}

static void set_method(struct http_request *r, const char *text, uint32_t n) {
    static const struct {
        char name[8];
        uint8_t method;
    } methods[] = {
        {"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {"PUT", 0},
        {"DELETE", 0},     {"PATCH", 0},        {"OPTIONS", 0},
    };
    uint32_t i = 0;
    while (i < sizeof(methods) / sizeof(methods[0]) && !is_method(methods[i].name, text, n)) {
        i++;
    }
    r->is_known_method = i < sizeof(methods) / sizeof(methods[0]);
    r->method = r->is_known_method ? methods[i].method : HTTP_METHOD_OTHER;
}

// Skip "http://authority" of an absolute target. Null if what follows is no path.
static const char *path_of(const char *target, const char *end) {
    static const char scheme[] = "http://";
    uint32_t scheme_n = sizeof(scheme) - 1;
    if ((uint32_t)(end - target) > scheme_n && http_is(target, scheme_n, scheme)) {
        target += scheme_n;
        while (target < end && *target != '/') {
            target++;
        }
    }
    return target < end && *target == '/' ? target : NULL;
}

static int set_target(struct http_request *r, const char *target, const char *end) {
    const char *path = path_of(target, end);
    if (path == NULL) {
        // "*" and "host:port" belong to methods that we do not serve.
        return r->method == HTTP_METHOD_OTHER ? 0 : BAD_REQUEST;
    }
    uint32_t n = (uint32_t)(end - path);
    if (n >= HTTP_TARGET_BYTES) {
        return URI_TOO_LONG;
    }
    memcpy(r->target, path, n);
    r->target[n] = '\0';
    return 0;
}

static int read_request_line(struct http_request *r) {
    const struct http_lines *l = &r->lines;
    if (l->is_cut) {
        return URI_TOO_LONG;
    }
    const char *end = l->text + l->n;
    const char *space = memchr(l->text, ' ', l->n);
    if (space == NULL || space == l->text) {
        return BAD_REQUEST;
    }
    const char *target = space + 1;
    const char *version = memchr(target, ' ', (size_t)(end - target));
    if (version == NULL || version == target || end - version != sizeof(" HTTP/1.1") - 1 ||
        memcmp(version, " HTTP/", 6) != 0) {
        return BAD_REQUEST;
    }
    if (version[6] != '1' || version[7] != '.' || version[8] < '0' || version[8] > '9') {
        return VERSION_NOT_SUPPORTED;
    }
    r->is_http_1_0 = version[8] == '0';
    r->close = r->is_http_1_0;
    r->started = true;
    set_method(r, l->text, (uint32_t)(space - l->text));
    return set_target(r, target, version);
}

static int read_length(struct http_request *r, const struct http_field *f) {
    uint64_t value;
    if (!http_whole_number(f->value, f->value_n, &value)) {
        return BAD_REQUEST;
    }
    if (r->content_length != HTTP_ABSENT && r->content_length != value) {
        return BAD_REQUEST; // two lengths: smuggling
    }
    r->content_length = value;
    return 0;
}

static int read_field(struct http_request *r) {
    struct http_field f;
    if (!http_field_parse(&r->lines, &f)) {
        return BAD_REQUEST; // folded lines too
    }
    bool is_length = http_is(f.name, f.name_n, "content-length");
    bool is_coding = http_is(f.name, f.name_n, "transfer-encoding");
    bool is_connection = http_is(f.name, f.name_n, "connection");
    bool is_expect = http_is(f.name, f.name_n, "expect");
    if (http_is(f.name, f.name_n, "host")) {
        if (r->has_host) {
            return BAD_REQUEST;
        }
        r->has_host = true;
    }
    if ((is_length || is_coding || is_connection || is_expect) && r->lines.is_cut) {
        return FIELDS_TOO_LARGE;
    }
    if (is_length) {
        return read_length(r, &f);
    }
    if (is_coding) {
        return LENGTH_REQUIRED; // chunked bodies are not taken
    }
    if (is_connection) {
        bool keep = http_list_has(f.value, f.value_n, "keep-alive");
        bool close = http_list_has(f.value, f.value_n, "close");
        r->close = close || (r->close && !keep);
    }
    if (is_expect) {
        r->expects_continue = http_is(f.value, f.value_n, "100-continue");
        return r->expects_continue ? 0 : EXPECTATION_FAILED;
    }
    return 0;
}

static int finish(struct http_request *r) {
    if (!r->has_host && !r->is_http_1_0) {
        return BAD_REQUEST;
    }
    if (r->method == HTTP_POST && r->content_length == HTTP_ABSENT) {
        return LENGTH_REQUIRED;
    }
    if (r->content_length != HTTP_ABSENT && r->content_length > UINT32_MAX) {
        return CONTENT_TOO_LARGE;
    }
    return 1;
}

static int take_line(struct http_request *r) {
    if (r->lines.n == 0 && !r->lines.is_cut) {
        return r->started ? finish(r) : 0; // empty lines before a request are skipped
    }
    return r->started ? read_field(r) : read_request_line(r);
}

int http_request_feed(struct http_request *r, const uint8_t *data, uint32_t n, uint32_t *used) {
    uint32_t at = 0;
    int result = 0;
    while (result == 0 && at < n) {
        uint32_t step;
        switch (http_lines_feed(&r->lines, data + at, n - at, &step)) {
        case HTTP_LINE_READY:
            result = take_line(r);
            http_lines_next(&r->lines);
            break;
        case HTTP_LINE_BAD:
            result = BAD_REQUEST;
            break;
        case HTTP_LINE_TOO_MUCH:
            result = r->started ? FIELDS_TOO_LARGE : URI_TOO_LONG;
            break;
        default:
            break;
        }
        at += step;
    }
    *used = at;
    return result;
}
