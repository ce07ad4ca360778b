// SPDX-License-Identifier: Apache-2.0
// Mutated heads: the parsers stay inside their memory, end, and do not depend on the split.
// sources: firmware/net/http-parse/*.c
// include: firmware/net/http-parse/include-net
#include "check.h"
#include "net/http_parse.h"

enum { ROUNDS = 60000, INPUT_MAX = 700, LINE_BYTES = 64 };

static const char *const seeds[] = {
    "GET /status?a=b HTTP/1.1\r\nHost: 10.0.2.15\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
    "POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\nExpect: 100-continue\r\n\r\n",
    "HEAD http://a.example/ HTTP/1.0\r\nConnection: keep-alive, close\r\nTransfer-Encoding: "
    "x\r\n\r\n",
    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 16384-65535/65536\r\nContent-Length: "
    "49152\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 416 No\r\nContent-Range: bytes */65536\r\nConnection: "
    "close\r\n\r\n",
};

static const char *const tokens[] = {
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    ":",
    " ",
    "\t",
    "GET ",
    " HTTP/1.1",
    "Content-Length: ",
    "Content-Range: bytes ",
    "Host: ",
    "-",
    "/",
    "*",
    "18446744073709551615",
    "4294967296",
    "%00",
};

static uint32_t state = 0x9E3779B9;

static uint32_t below(uint32_t n) {
    return check_random(&state) % n;
}

static uint32_t mutate(uint8_t *input) {
    const char *seed = seeds[below(sizeof(seeds) / sizeof(seeds[0]))];
    uint32_t n = (uint32_t)strlen(seed);
    memcpy(input, seed, n);
    for (uint32_t changes = below(6); changes > 0 && n > 0; changes--) {
        uint32_t at = below(n);
        const char *token = tokens[below(sizeof(tokens) / sizeof(tokens[0]))];
        uint32_t token_n = (uint32_t)strlen(token);
        uint32_t cut = below(n - at) + 1;
        switch (below(5)) {
        case 0:
            input[at] ^= (uint8_t)(1U << below(8));
            break;
        case 1:
            input[at] = (uint8_t)check_random(&state);
            break;
        case 2: // insert
            if (n + token_n <= INPUT_MAX) {
                memmove(input + at + token_n, input + at, n - at);
                memcpy(input + at, token, token_n);
                n += token_n;
            }
            break;
        case 3: // remove
            memmove(input + at, input + at + cut, n - at - cut);
            n -= cut;
            break;
        default: // repeat
            if (n + cut <= INPUT_MAX) {
                memmove(input + at + cut, input + at, n - at);
                n += cut;
            }
        }
    }
    return n;
}

// Feed pieces of at most `step` bytes, each in memory of exactly its size.
static int feed(void *parser, bool is_request, const uint8_t *input, uint32_t n, uint32_t step,
                uint32_t *at) {
    int result = 0;
    *at = 0;
    while (result == 0 && *at < n) {
        uint32_t piece = n - *at < step ? n - *at : step;
        uint8_t *copy = malloc(piece);
        memcpy(copy, input + *at, piece);
        uint32_t used;
        result = is_request ? http_request_feed(parser, copy, piece, &used)
                            : http_response_feed(parser, copy, piece, &used);
        CHECK(used <= piece && (used > 0 || piece == 0));
        *at += used;
        free(copy);
    }
    return result;
}

static void request(const uint8_t *input, uint32_t n, uint32_t step) {
    static struct http_request a, b;
    char *line = malloc(LINE_BYTES);
    uint32_t end_a, end_b;
    http_request_init(&a, line, LINE_BYTES);
    int is = feed(&a, true, input, n, step, &end_a);
    http_request_init(&b, line, LINE_BYTES);
    CHECK(feed(&b, true, input, n, n + 1, &end_b) == is && (is <= 0 || end_a == end_b));
    CHECK(is == 0 || is == 1 || (is <= -400 && is >= -505));
    if (is == 1) {
        CHECK(strcmp(a.target, b.target) == 0 && strlen(a.target) < HTTP_TARGET_BYTES);
        CHECK(a.method == b.method && a.content_length == b.content_length && a.close == b.close);
        CHECK(a.target[0] == '/' || a.method == HTTP_METHOD_OTHER);
    }
    free(line);
}

static void response(const uint8_t *input, uint32_t n, uint32_t step) {
    static struct http_response a, b;
    char *line = malloc(LINE_BYTES);
    uint32_t end_a, end_b;
    http_response_init(&a, line, LINE_BYTES);
    int is = feed(&a, false, input, n, step, &end_a);
    http_response_init(&b, line, LINE_BYTES);
    CHECK(feed(&b, false, input, n, n + 1, &end_b) == is && (is <= 0 || end_a == end_b));
    if (is == 1) {
        CHECK(a.status == b.status && a.status >= 200 && a.status <= 999);
        CHECK(a.content_length == b.content_length && a.range_from == b.range_from);
        CHECK(a.range_from == HTTP_ABSENT || a.range_total == HTTP_ABSENT ||
              (a.range_from <= a.range_to && a.range_to < a.range_total));
    }
    free(line);
}

static void url(const uint8_t *input, uint32_t n) {
    static const char scheme[] = "http://";
    char *text = malloc(n + sizeof(scheme));
    memcpy(text, scheme, sizeof(scheme) - 1);
    memcpy(text + sizeof(scheme) - 1, input, n);
    text[n + sizeof(scheme) - 1] = '\0';
    struct http_url u;
    if (http_url_parse(text, 63, &u) == 0) {
        CHECK(u.host_n > 0 && u.host_n <= 63 && u.port > 0 && strpbrk(u.path, " \r\n#") == NULL);
    }
    free(text);
}

int main(void) {
    static uint8_t input[INPUT_MAX];
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t n = mutate(input);
        uint32_t step = below(9) + 1;
        request(input, n, step);
        response(input, n, step);
        url(input, n < 80 ? n : 80);
    }
    return 0;
}
