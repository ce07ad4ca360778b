// SPDX-License-Identifier: Apache-2.0
// Request heads: what is taken, and how the rest is refused, in any split of the stream.
// sources: firmware/net/http-parse/*.c
// include: firmware/net/http-parse/include-net
#include "check.h"
#include "net/http_parse.h"

enum { LINE_BYTES = 128 };

static struct http_request r;
static char line[LINE_BYTES];

// Feed `text` in pieces of `step`; the result, and in *used how much of it was taken.
static int feed(const char *text, uint32_t step, uint32_t *used) {
    uint32_t n = (uint32_t)strlen(text);
    int result = 0;
    http_request_init(&r, line, LINE_BYTES);
    *used = 0;
    while (result == 0 && *used < n) {
        uint32_t piece = n - *used < step ? n - *used : step;
        uint8_t copy[16384]; // so that the sanitizer sees a byte too many
        memcpy(copy, text + *used, piece);
        uint32_t taken;
        result = http_request_feed(&r, copy, piece, &taken);
        CHECK(taken <= piece && (taken == piece || result != 0));
        *used += taken;
    }
    return result;
}

static void expect(const char *text, int result) {
    check_context = text;
    for (uint32_t step = 1; step < 40; step++) {
        uint32_t used;
        CHECK_EQUAL(feed(text, step, &used), result);
        CHECK(result != 1 || used == strlen(text));
    }
}

static void good(void) {
    expect("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    CHECK(r.method == HTTP_GET && strcmp(r.target, "/") == 0 && !r.close && r.has_host);
    CHECK(r.content_length == HTTP_ABSENT);
    expect("\r\n\nHEAD /a?b=c HTTP/1.1\nhOST:x\n\n", 1);
    CHECK(r.method == HTTP_HEAD && strcmp(r.target, "/a?b=c") == 0);
    expect("POST /u HTTP/1.1\r\nHost: x\r\nContent-Length: \t 1048576 \r\nExpect: "
           "100-Continue\r\n\r\n",
           1);
    CHECK(r.method == HTTP_POST && r.content_length == 1048576 && r.expects_continue);
    expect("GET http://10.0.2.15:80/x HTTP/1.1\r\nHost: y\r\n\r\n", 1);
    CHECK(strcmp(r.target, "/x") == 0);
    expect("GET / HTTP/1.0\r\n\r\n", 1);
    CHECK(r.close && r.is_http_1_0);
    expect("GET / HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n", 1);
    CHECK(!r.close);
    expect("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive,close\r\n\r\n", 1);
    CHECK(r.close);
    expect("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    CHECK(r.method == HTTP_METHOD_OTHER && !r.is_known_method);
    expect("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    CHECK(r.method == HTTP_METHOD_OTHER && r.is_known_method);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 1);
}

static void bad(void) {
    expect("GET / HTTP/1.1\r\n\r\n", -400);                       // no Host
    expect("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", -400); // two
    expect("GET /\r\n", -400);                                    // HTTP/0.9
    expect("GET  / HTTP/1.1\r\n", -400);                          // two blanks
    expect("GET / x HTTP/1.1\r\n", -400);                         // a blank in the target
    expect(" GET / HTTP/1.1\r\n", -400);
    expect("GET / HTTP/1.1 \r\n", -400);
    expect("GET x HTTP/1.1\r\n", -400); // no path
    expect("GET http://x HTTP/1.1\r\n", -400);
    expect("GET / HTTP/2.0\r\n", -505);
    expect("GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n", -400); // blank before the colon
    expect("GET / HTTP/1.1\r\nHost: x\r\n b\r\n", -400);    // folded
    expect("GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n", -400);
    expect("GET / HTTP/1.1\r\nHost: x\r\n: b\r\n", -400);
    expect("GET / HTTP/1.1\rHost: x\r\n", -400); // CR alone
    expect("GET / HTTP/1.1\r\nA: \x01\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\n\r\n", -411);
    expect("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", -411);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x10\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n", -400);
    expect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967296\r\n\r\n", -413);
    expect("GET / HTTP/1.1\r\nHost: x\r\nExpect: a cake\r\n", -417);
}

// A head of `n` times `filler` between start and end.
static char *long_head(const char *start, char filler, uint32_t n, const char *end) {
    static char text[16384];
    uint32_t at = (uint32_t)strlen(start);
    memcpy(text, start, at);
    memset(text + at, filler, n);
    strcpy(text + at + n, end);
    return text;
}

static void limits(void) {
    uint32_t used;
    // What nobody reads may be long, up to the limit of the head.
    const char *text = long_head("GET / HTTP/1.1\r\nHost: x\r\nCookie: ", 'a', 4000, "\r\n\r\n");
    CHECK_EQUAL(feed(text, 100, &used), 1);
    text = long_head("GET / HTTP/1.1\r\nHost: x\r\n", 'a', 4000, ": x\r\n\r\n");
    CHECK_EQUAL(feed(text, 100, &used), 1);
    text = long_head("GET / HTTP/1.1\r\nHost: x\r\nCookie: ", 'a', 9000, "\r\n\r\n");
    CHECK_EQUAL(feed(text, 100, &used), -431);
    CHECK_EQUAL(feed(text, 16384, &used), -431);
    text = long_head("GET / HTTP/1.1\r\nHost: x\r\nConnection: ", ' ', 4000, "close\r\n\r\n");
    CHECK_EQUAL(feed(text, 100, &used), -431);
    text = long_head("GET /", 'a', LINE_BYTES, " HTTP/1.1\r\n");
    CHECK_EQUAL(feed(text, 100, &used), -414);
    text = long_head("GET /", 'a', HTTP_TARGET_BYTES - 1, " HTTP/1.1\r\n");
    CHECK_EQUAL(feed(text, 100, &used), -414);
    text = long_head("GET /", 'a', HTTP_TARGET_BYTES - 2, " HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_EQUAL(feed(text, 100, &used), 1);
    text = long_head("", '\n', 9000, "");
    CHECK_EQUAL(feed(text, 100, &used), -414);
}

static void what_follows_a_head_is_not_taken(void) {
    uint32_t used;
    CHECK(feed("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2", 1000, &used) == 1);
    CHECK(used == strlen("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
}

int main(void) {
    good();
    bad();
    limits();
    what_follows_a_head_is_not_taken();
    return 0;
}
