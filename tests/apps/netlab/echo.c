// SPDX-License-Identifier: Apache-2.0
// Echo with back pressure: the window opens again only by what the other side has taken back.
#include "lab.h"

#include "net/tcp.h"
#include "os/panic.h"

#include <stddef.h>

enum { ECHOES = 2, RING_BYTES = 4096, PORT = 7 };

struct echo {
    struct net_tcp tcp; // first
    uint32_t in;        // bytes that came, in all
    uint32_t out;       // bytes lent, in all
    char ring[RING_BYTES];
};

static struct echo echoes[ECHOES];

static void push(struct echo *e) {
    while (e->out != e->in) {
        uint32_t at = e->out % RING_BYTES;
        uint32_t n = e->in - e->out;
        n = n < RING_BYTES - at ? n : RING_BYTES - at;
        int taken = net_tcp_send(&e->tcp, e->ring + at, n, false);
        if (taken <= 0) {
            return;
        }
        e->out += (uint32_t)taken;
    }
    if (e->tcp.ended) {
        net_tcp_finish(&e->tcp);
    }
}

static void on_open(struct net_tcp *c) {
    struct echo *e = (struct echo *)c;
    e->in = 0;
    e->out = 0;
    net_tcp_widen(c, RING_BYTES);
}

static void on_data(struct net_tcp *c, const uint8_t *data, uint32_t n) {
    struct echo *e = (struct echo *)c;
    for (uint32_t i = 0; i < n; i++) {
        e->ring[e->in++ % RING_BYTES] = (char)data[i];
    }
    push(e);
}

static void on_sent(struct net_tcp *c, uint32_t n) {
    net_tcp_consumed(c, n);
    push((struct echo *)c);
}

static void on_end(struct net_tcp *c) {
    push((struct echo *)c);
}

static void on_closed(struct net_tcp *c, int err) {
    (void)c;
    (void)err;
}

static const struct net_tcp_events events = {on_open, on_data, on_sent, on_end, on_closed};

static struct net_tcp *accept(struct net_tcp_listener *l) {
    (void)l;
    uint32_t i = 0;
    while (net_tcp_in_use(&echoes[i].tcp)) {
        i++;
    }
    return &echoes[i].tcp;
}

static void on_full(struct net_tcp_listener *l) {
    (void)l;
}

void echo_start(void) {
    static struct net_tcp_listener listener = {
        .accept = accept, .on_full = on_full, .events = &events, .connections = ECHOES};
    ASSERT(net_tcp_listen(&listener, PORT) == 0);
}
