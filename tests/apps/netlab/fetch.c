// SPDX-License-Identifier: Apache-2.0
// Fetches a URL for the test, with the reserved client or the application's own, and keeps the
// connection for the next time.
#include "lab.h"

#include "crypto/sha256.h"
#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

static struct fetcher {
    struct net_http http;
    struct net_http_request request;
    struct net_http_exchange *waiting;
    struct sha256 sha;
    char url[96];
    uint32_t status, length, from, total, bytes;
} fetchers[2];

static int on_head(void *ctx, int status, uint64_t length, uint64_t from, uint64_t total) {
    struct fetcher *f = ctx;
    f->status = (uint32_t)status;
    f->length = (uint32_t)length;
    f->from = (uint32_t)from;
    f->total = (uint32_t)total;
    return 0;
}

static int on_body(void *ctx, const void *data, uint32_t n) {
    struct fetcher *f = ctx;
    f->bytes += n;
    sha256_update(&f->sha, data, n);
    return 0;
}

static void on_done(void *ctx, int err) {
    static const char *const names[] = {"error", "status", "length", "from", "total", "bytes"};
    struct fetcher *f = ctx;
    const uint32_t values[] = {(uint32_t)-err, f->status, f->length, f->from, f->total, f->bytes};
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1] = {0};
    sha256_final(&f->sha, hash);
    for (uint32_t i = 0; i < sizeof(hash); i++) {
        hex[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    struct net_http_exchange *x = f->waiting;
    f->waiting = NULL;
    answer(x, names, values, sizeof(values) / sizeof(values[0]), hex);
}

void fetch(struct net_http_exchange *x) {
    const char *query = net_http_query(x);
    const char *from = strchr(query, '&');
    const char *url = from == NULL ? NULL : strchr(from + 1, '&');
    struct fetcher *f = &fetchers[query[0] == '1'];
    if (url == NULL || f->waiting != NULL) {
        net_http_reply(x, 400, NULL, NULL, 0);
        return;
    }
    strcpy(f->url, url + 1);
    f->http.reserved = query[0] == '1';
    f->status = 0;
    f->bytes = 0;
    f->request = (struct net_http_request){
        .url = f->url,
        .method = "GET",
        .range_from = from[1] == '-' ? NET_HTTP_NO_RANGE : (uint32_t)atoi(from + 1),
        .timeout_ms = 3000,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .ctx = f,
    };
    sha256_init(&f->sha);
    f->waiting = x;
    net_http_set_user(x, f);
    int err = net_http_start(&f->http, &f->request);
    if (err < 0) {
        on_done(f, err);
    }
}

void fetch_gone(struct net_http_exchange *x) {
    struct fetcher *f = net_http_user(x);
    if (f != NULL && f->waiting == x) {
        net_http_abort(&f->http);
        f->waiting = NULL;
    }
}
