// SPDX-License-Identifier: Apache-2.0
// The parts of the test application.
#pragma once
#include "net/http_server.h"
#include <stdint.h>

// TCP port 7: what comes goes back.
void echo_start(void);

// GET /fetch?RESERVED&FROM&URL: fetch it and answer with what came. FROM "-" for no range.
void fetch(struct net_http_exchange *x);
void fetch_gone(struct net_http_exchange *x);

// GET /hog?PORT: take the whole heap, then all connections to the host's PORT that can be had, and
// send on them as much as is taken. GET /free: give it back.
void hog(struct net_http_exchange *x);
void hog_free(struct net_http_exchange *x);

// Answer {"name": number, ...}.
void answer(struct net_http_exchange *x, const char *const names[], const uint32_t values[],
            uint32_t n, const char *digest);
