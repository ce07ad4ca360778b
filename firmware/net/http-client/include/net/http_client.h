// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client: one request at a time per struct net_http, the connection kept between requests
// to the same host. Plain http:// only. Redirects are not followed: their status is delivered as
// any other. Chunked answers are refused (ERR_UNSUPPORTED), as are heads beyond the limits
// (ERR_FORMAT).
#pragma once
#include "hal/language.h"
#include <stdbool.h>
#include <stdint.h>

C_BEGIN

enum { NET_HTTP_NO_RANGE = 0xFFFFFFFF };

struct net_http_request {
    const char *url;    // "http://host[:port]/path"; host an IPv4 address or a name
    const char *method; // "GET", "POST" …
    const void *body;   // null if none
    uint32_t body_n;
    const char *content_type; // of the body
    uint32_t range_from;      // asks for "bytes=N-"; NET_HTTP_NO_RANGE for the whole

    // Longest time for each of: connecting, the answer's head after the request is sent, and
    // 256 bytes (or the rest) of a body in either direction.
    uint32_t timeout_ms;

    // The head has arrived. Absent numbers are UINT64_MAX; range_* come from Content-Range (for a
    // 416 only the total). A negative return ends the request with that error.
    int (*on_head)(void *ctx, int status, uint64_t content_length, uint64_t range_from,
                   uint64_t range_total);

    // A piece of the body, valid during the call. A negative return ends the request with it.
    int (*on_body)(void *ctx, const void *data, uint32_t n);

    // Called exactly once, last: 0 if all of the body arrived. A new request may be started in it.
    // ERR_CLOSED ended early, ERR_TIMED_OUT, ERR_FORMAT, ERR_UNSUPPORTED, ERR_NOT_FOUND (name),
    // ERR_NO_MEMORY, ERR_STATE (network down), or what a callback returned.
    void (*on_done)(void *ctx, int err);
    void *ctx;
};

// The caller's memory, zero at first. Set `reserved` before the first start if this is the update
// agent's: then it uses the connection that is set apart and works when everything else is used up.
struct net_http {
    bool reserved;
    uintptr_t state[208]; // private
};

// Start a request. All that `request` points to, itself included, stays the caller's and must not
// change until on_done. Callbacks come from the run loop, never from within this call.
// ERR_BUSY while one is under way; ERR_RANGE if the URL is bad or a part too long; ERR_STATE if the
// network is down.
int net_http_start(struct net_http *http, const struct net_http_request *request);

// End without any further callback; the connection is closed. Harmless when idle.
void net_http_abort(struct net_http *http);

C_END
