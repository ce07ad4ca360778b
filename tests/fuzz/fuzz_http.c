// SPDX-License-Identifier: Apache-2.0
// sources: firmware/net/http-parse/*.c
// include: firmware/net/http-parse/include-net
// HTTP heads and URLs: the parsers stay inside their memory, end, and do not depend on the split of
// the stream; the input's first byte says how that is split, and how long a line may be.
#include "check.h"
#include "net/http_parse.h"

enum { LINE_BYTES = 64, LONG_LINE_BYTES = 160, STEPS = 9, URL_BYTES_MAX = 80, HOST_MAX = 63 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void request(const uint8_t *input, uint32_t n, uint32_t step, uint16_t line_bytes) {
    static struct http_request a, b;
    char *line = malloc(line_bytes);
    uint32_t end_a, end_b;
    http_request_init(&a, line, line_bytes);
    int is = feed(&a, true, input, n, step, &end_a);
    http_request_init(&b, line, line_bytes);
    CHECK(feed(&b, true, input, n, n + 1, &end_b) == is && (is <= 0 || end_a == end_b));
    CHECK(is == 0 || is == 1 || (is <= -400 && is >= -505));
    if (is == 1) {
        CHECK(strcmp(a.target, b.target) == 0 && strlen(a.target) < HTTP_TARGET_BYTES);
        CHECK(a.method == b.method && a.content_length == b.content_length && a.close == b.close);
        CHECK(a.target[0] == '/' || a.method == HTTP_METHOD_OTHER);
    }
    free(line);
}

static void response(const uint8_t *input, uint32_t n, uint32_t step, uint16_t line_bytes) {
    static struct http_response a, b;
    char *line = malloc(line_bytes);
    uint32_t end_a, end_b;
    http_response_init(&a, line, line_bytes);
    int is = feed(&a, false, input, n, step, &end_a);
    http_response_init(&b, line, line_bytes);
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
    if (http_url_parse(text, HOST_MAX, &u) == 0) {
        CHECK(u.host_n > 0 && u.host_n <= HOST_MAX && u.port > 0);
        CHECK(strpbrk(u.path, " \r\n#") == NULL);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    uint32_t n = (uint32_t)size - 1;
    uint16_t line_bytes = data[0] & 1 ? LONG_LINE_BYTES : LINE_BYTES;
    request(data + 1, n, data[0] % STEPS + 1, line_bytes);
    response(data + 1, n, data[0] % STEPS + 1, line_bytes);
    url(data + 1, n < URL_BYTES_MAX ? n : URL_BYTES_MAX);
    return 0;
}
