// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 heads (RFC 9112), byte by byte from hostile peers: constant memory, every length
// bounded, what is ambiguous is refused. Pure: knows no connection.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_HEAD_BYTES_MAX = 8192, // of a whole head
    HTTP_TARGET_BYTES = 96,     // path and query with their zero
    HTTP_PROGRESS_BYTES = 256,  // of a body; only so many begin the time limit anew
};

static const uint64_t HTTP_ABSENT = UINT64_MAX; // of a number that a head may or may not hold

// Collects lines that end in LF or CR LF. Longer ones than the buffer keep their start and are
// marked, so that a long header that nobody reads does no harm.
struct http_lines {
    char *text;     // the caller's
    uint16_t size;  // of it
    uint16_t n;     // characters in text
    uint16_t total; // bytes of this head so far
    bool is_cut;    // characters were lost
    bool has_cr;    // the last character was CR
};

enum http_method { HTTP_METHOD_OTHER = 0, HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4 };

struct http_request {
    struct http_lines lines;
    uint64_t content_length; // HTTP_ABSENT if there is none
    uint8_t method;          // enum http_method
    bool started;            // the request line was read
    bool is_known_method;    // a registered one, maybe HTTP_METHOD_OTHER
    bool close;              // the client wants no further request on this connection
    bool is_http_1_0;
    bool has_host;
    bool expects_continue;
    char target[HTTP_TARGET_BYTES]; // path and query, zero-terminated, as sent
};

// Begin a request; lines are collected in `line`.
void http_request_init(struct http_request *r, char *line, uint16_t size);

// Take bytes up to the end of the head; *used says how many. 1: it is complete; 0: more is needed;
// negative: the HTTP status to refuse it with, e.g. -400 (no enum err).
int http_request_feed(struct http_request *r, const uint8_t *data, uint32_t n, uint32_t *used);

struct http_response {
    struct http_lines lines;
    uint64_t content_length;                    // these four are HTTP_ABSENT if there is none
    uint64_t range_from, range_to, range_total; // of Content-Range
    uint16_t status;
    bool started;    // the status line was read
    bool close;      // the server will close, or the length is told by closing
    bool is_chunked; // any transfer coding: its length is not known from the head
};

void http_response_init(struct http_response *r, char *line, uint16_t size);

// The same for an answer; heads of 1xx are skipped. 1; 0; ERR_FORMAT if it is no HTTP response or
// beyond the limits.
int http_response_feed(struct http_response *r, const uint8_t *data, uint32_t n, uint32_t *used);

struct http_url {
    const char *host; // inside the URL
    const char *path; // inside the URL, or "/" if it has none; zero-terminated
    uint8_t host_n;
    uint8_t authority_n; // host and port, as in the Host header
    uint16_t port;
};

// Take "http://host[:port][/path]" apart; `host_max` characters at most, no user, no fragment.
// ERR_RANGE if it is anything else.
int http_url_parse(const char *url, uint32_t host_max, struct http_url *out);
