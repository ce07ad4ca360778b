// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 server: GET, HEAD and POST on fixed routes, keep-alive, bodies streamed both ways
// without copies. What no route takes is answered by the server itself (400, 404, 405, 408, 411,
// 413, 414, 431, 501, 505). Everything is called from the run loop.
#pragma once
#include "hal/language.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

C_BEGIN

// One request and its answer; the server's memory, valid until the answer is out or `on_gone`.
struct net_http_exchange;

enum net_http_method { NET_HTTP_GET = 1, NET_HTTP_HEAD = 2, NET_HTTP_POST = 4 };

struct net_http_route {
    const char *path; // without query; a last '*' takes any rest. The first match counts.

    uint8_t methods;   // enum net_http_method, or'ed; GET takes HEAD too
    uint32_t body_max; // bytes; a longer body is answered 413

    // The head of a request with a body has arrived (null: nothing to do). May answer already if it
    // refuses; otherwise the body follows.
    void (*on_head)(struct net_http_exchange *x);

    // A piece of the body, valid during the call (null: the body is skipped).
    void (*on_body)(struct net_http_exchange *x, const uint8_t *data, uint32_t n);

    // The request is complete. Answer now or later, once.
    void (*on_request)(struct net_http_exchange *x);

    // The client left before the answer was out (null: nothing to do). Not called after that.
    void (*on_gone)(struct net_http_exchange *x);
};

// Serve `routes` (for ever; the last one has a null path) at `port`. One port per image.
// ERR_BUSY if called before or the port is taken, ERR_NO_MEMORY.
int net_http_serve(uint16_t port, const struct net_http_route *routes);

enum net_http_method net_http_method(const struct net_http_exchange *x);
const char *net_http_path(const struct net_http_exchange *x);    // without query
const char *net_http_query(const struct net_http_exchange *x);   // behind '?', "" if none
uint32_t net_http_body_bytes(const struct net_http_exchange *x); // Content-Length

// A word of the app's own for this exchange; null at first.
void net_http_set_user(struct net_http_exchange *x, void *user);
void *net_http_user(const struct net_http_exchange *x);

// Memory of this exchange in which an answer can be made; valid from on_request until it is out.
char *net_http_buffer(struct net_http_exchange *x, size_t *bytes);

// Answer with `n` bytes of `body`, which must not change until the answer is out: constants, or
// net_http_buffer. `type` is the media type, up to 40 characters, or null without a body.
void net_http_reply(struct net_http_exchange *x, int status, const char *type, const void *body,
                    uint32_t n);

// Answer with `n` bytes that `fill` makes piece by piece: it writes 1 to `room` bytes that belong
// at `offset` and returns how many; a negative return cuts the connection.
void net_http_reply_from(struct net_http_exchange *x, int status, const char *type, uint32_t n,
                         int (*fill)(struct net_http_exchange *x, uint32_t offset, char *to,
                                     uint32_t room));

C_END
