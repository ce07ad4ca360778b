// SPDX-License-Identifier: Apache-2.0
// One connection of the server, the exchange that is on it, and how its answer goes out.
#pragma once
#include "net/http_parse.h"
#include "net/http_server.h"
#include "net/tcp.h"
#include "param/net_http_server.h"

enum {
    BUFFER_BYTES = PARAM_NET_HTTP_SERVER_BUFFER,
    HEAD_ROOM_BYTES = 192, // of the buffer, for the head of an answer
};

enum exchange_state {
    STATE_HEAD,   // reading a request's head, or waiting for one
    STATE_BODY,   // reading its body
    STATE_APP,    // the route has the request and owes the answer
    STATE_ANSWER, // the answer is on its way
    STATE_LINGER, // answered and finished; what the client still sends is dropped
};

struct net_http_exchange {
    struct net_tcp tcp; // first: events find the exchange by it
    const struct net_http_route *route;
    void *user;
    // Makes the answer piece by piece (net/http_server.h); a negative return cuts the connection.
    int (*fill)(struct net_http_exchange *x, uint32_t offset, char *to, uint32_t room);
    const char *body;   // the app's memory: the part that has not been lent; unused with `fill`
    uint32_t body_left; // bytes of the answer's body not yet lent, or with `fill` not yet made
    uint32_t offset;    // of the byte that `fill` makes next
    uint32_t unread;    // bytes of the request's body that have not arrived
    uint32_t active_ms; // when the time limit began anew
    uint32_t moved;     // bytes that moved since

    // The buffer as a ring: an answer's head, then what `fill` makes.
    uint16_t ring_in;  // where the next byte is made
    uint16_t ring_out; // which byte is lent next
    uint16_t made;     // bytes that wait to be lent
    uint16_t used;     // bytes made and not yet acknowledged
    uint16_t before;   // bytes lent before those (100 Continue) and not yet acknowledged

    uint8_t state; // enum exchange_state
    uint8_t query; // where the query begins in request.target
    bool close;    // after this answer
    struct http_request request;
    char buffer[BUFFER_BYTES];
};

// The time limit begins anew: at once, or when enough bytes have moved. A few do not count, so that
// nobody can hold a connection by dripping.
void exchange_begin_time(struct net_http_exchange *x);
void exchange_moved(struct net_http_exchange *x, uint32_t n);

// Write the head of an answer with a body of `n` bytes and start sending. `allow`: methods for the
// Allow header, 0 for none.
void exchange_answer(struct net_http_exchange *x, int status, const char *type, uint32_t n,
                     uint8_t allow);

// Answer on the server's own account, and close.
void exchange_refuse(struct net_http_exchange *x, int status, uint8_t allow);

// Tell the client to send the body that it holds back.
void exchange_continue(struct net_http_exchange *x);

// `n` lent bytes were acknowledged: go on.
void exchange_sent(struct net_http_exchange *x, uint32_t n);

// True if every byte of the answer has been lent.
bool exchange_is_lent(const struct net_http_exchange *x);
