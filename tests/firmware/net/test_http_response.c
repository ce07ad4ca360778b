// SPDX-License-Identifier: Apache-2.0
// Response heads and URLs, as the client must read them.
// sources: firmware/net/http-parse/*.c
// include: firmware/net/http-parse/include-net
#include "check.h"
#include "hal/err.h"
#include "net/http_parse.h"

enum { LINE_BYTES = 128 };

static struct http_response r;

static void expect(const char *text, int result) {
    static char line[LINE_BYTES];
    check_context = text;
    uint32_t n = (uint32_t)strlen(text);
    for (uint32_t step = 1; step < 40; step++) {
        int is = 0;
        uint32_t at = 0;
        http_response_init(&r, line, LINE_BYTES);
        while (is == 0 && at < n) {
            uint32_t used;
            is = http_response_feed(&r, (const uint8_t *)text + at, n - at < step ? n - at : step,
                                    &used);
            at += used;
        }
        CHECK_EQUAL(is, result);
    }
}

static void heads(void) {
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 1);
    CHECK(r.status == 200 && r.content_length == 5 && !r.close && !r.is_chunked);
    CHECK(r.range_from == HTTP_ABSENT && r.range_total == HTTP_ABSENT);
    expect("HTTP/1.1 204\r\n\r\n", 1);
    CHECK(r.status == 204 && r.content_length == HTTP_ABSENT);
    expect("HTTP/1.0 200 \r\n\r\n", 1);
    CHECK(r.close);
    expect("HTTP/1.1 200 OK\r\nConnection: Close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 1);
    CHECK(r.close && r.is_chunked);
    expect("HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 No\r\n\r\n", 1);
    CHECK(r.status == 404 && r.content_length == HTTP_ABSENT);
    const char *const bad[] = {
        "HTTP/2 200 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 099 no\r\n",
        "ICY 200 OK\r\n",
        "\r\n",
        "HTTP/1.1 200 OK\r\n a: b\r\n",
        "HTTP/1.1 200 OK\r\na\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect(bad[i], ERR_FORMAT);
    }
}

static void range(const char *value, int result) {
    char text[128];
    snprintf(text, sizeof(text), "HTTP/1.1 206 x\r\nContent-Range: %s\r\n%s", value,
             result == 1 ? "\r\n" : "");
    expect(text, result);
}

static void ranges(void) {
    range("bytes 16384-65535/65536", 1);
    CHECK(r.range_from == 16384 && r.range_to == 65535 && r.range_total == 65536);
    range("Bytes 0-0/*", 1);
    CHECK(r.range_from == 0 && r.range_to == 0 && r.range_total == HTTP_ABSENT);
    range("bytes */65536", 1);
    CHECK(r.range_from == HTTP_ABSENT && r.range_total == 65536);
    const char *const bad[] = {"bytes 0-9/9", "bytes 5-4/10", "bytes 0-/10",
                               "bytes -4/10", "bytes 0-4",    "bytes 0-4/",
                               "bytes */*",   "items 0-4/10", "bytes 0-4/10x",
                               "bytes",       "bytes ",       "bytes 0-18446744073709551616/1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        range(bad[i], ERR_FORMAT);
    }
    range("bytes 0-4/10\r\nContent-Range: bytes 0-4/10", ERR_FORMAT);
}

static void urls(void) {
    struct http_url u;
    CHECK(http_url_parse("http://10.0.2.2:8080/v1/poll?x=1", 63, &u) == 0);
    CHECK(u.port == 8080 && u.host_n == 8 && u.authority_n == 13);
    CHECK(strcmp(u.path, "/v1/poll?x=1") == 0);
    CHECK(http_url_parse("http://updates.example.com", 63, &u) == 0);
    CHECK(u.port == 80 && u.host_n == 19 && u.authority_n == 19 && strcmp(u.path, "/") == 0);
    const char *const bad[] = {
        "",
        "https://x/",
        "http://",
        "http:///x",
        "http://x:/",
        "http://x:0/",
        "http://x:65536/",
        "http://x:80a/",
        "http://u@x/",
        "http://x/a b",
        "http://x/#a",
        "http://x/\r\nA: b",
        "http://[::1]/",
        "http://x?y",
        "http://x:99999999999999999999/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_context = bad[i];
        CHECK(http_url_parse(bad[i], 63, &u) == ERR_RANGE);
    }
    CHECK(http_url_parse("http://abcdef/", 5, &u) == ERR_RANGE);
}

int main(void) {
    heads();
    ranges();
    urls();
    return 0;
}
