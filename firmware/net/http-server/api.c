// SPDX-License-Identifier: Apache-2.0
// What routes may ask and do.
#include "exchange.h"
#include "os/panic.h"

enum net_http_method net_http_method(const struct net_http_exchange *x) {
    return (enum net_http_method)x->request.method;
}

const char *net_http_path(const struct net_http_exchange *x) {
    return x->request.target;
}

const char *net_http_query(const struct net_http_exchange *x) {
    return x->request.target + x->query;
}

uint32_t net_http_body_bytes(const struct net_http_exchange *x) {
    return x->request.content_length == HTTP_ABSENT ? 0 : (uint32_t)x->request.content_length;
}

void net_http_set_user(struct net_http_exchange *x, void *user) {
    x->user = user;
}

void *net_http_user(const struct net_http_exchange *x) {
    return x->user;
}

char *net_http_buffer(struct net_http_exchange *x, size_t *bytes) {
    *bytes = BUFFER_BYTES - HEAD_ROOM_BYTES;
    return x->buffer + HEAD_ROOM_BYTES;
}

void net_http_reply(struct net_http_exchange *x, int status, const char *type, const void *body,
                    uint32_t n) {
    ASSERT(x->state == STATE_APP || x->state == STATE_BODY);
    x->fill = NULL;
    x->body = body;
    exchange_answer(x, status, type, n, 0);
}

void net_http_reply_from(struct net_http_exchange *x, int status, const char *type, uint32_t n,
                         int (*fill)(struct net_http_exchange *x, uint32_t offset, char *to,
                                     uint32_t room)) {
    ASSERT(x->state == STATE_APP || x->state == STATE_BODY);
    x->fill = fill;
    exchange_answer(x, status, type, n, 0);
}
