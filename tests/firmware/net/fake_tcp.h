// SPDX-License-Identifier: Apache-2.0
// net/tcp, time and timers as a host test wants them: it plays the clients and the clock. Lent
// bytes are compared when they are acknowledged: nobody may change them before.
#pragma once
#include "check.h"
#include "net/tcp.h"
#include "os/sched.h"
#include "os/time.h"

enum { FAKE_OUT_MAX = 1 << 16 };

struct fake_peer {
    struct net_tcp *c;                 // null once it is over
    uint8_t *out;                      // what the board sent, as it was when it was lent
    const uint8_t *from[FAKE_OUT_MAX]; // where each byte lay
    uint32_t sent, acked;
    uint32_t given_back; // bytes of the window
    uint32_t delivered;
    bool finished; // FIN of the board
    bool dropped;  // the board let go
};

static uint32_t fake_now_ms;
static struct os_timer *fake_timer; // one is enough for either side
static struct net_tcp_listener *fake_listener;
static uint32_t fake_room = 1000; // bytes that a connection takes before an acknowledgement

uint32_t os_now_ms(void) {
    return fake_now_ms;
}

void os_timer_start(struct os_timer *timer, uint32_t in_ms, void (*fn)(struct os_timer *timer)) {
    timer->due_ms = fake_now_ms + in_ms;
    timer->fn = fn;
    fake_timer = timer;
}

void os_timer_stop(struct os_timer *timer) {
    fake_timer = fake_timer == timer ? NULL : fake_timer;
}

static void fake_pass_ms(uint32_t ms) {
    for (uint32_t end_ms = fake_now_ms + ms; fake_now_ms != end_ms; fake_now_ms++) {
        while (fake_timer != NULL && fake_timer->due_ms == fake_now_ms) {
            struct os_timer *due = fake_timer;
            fake_timer = NULL;
            due->fn(due);
        }
    }
}

static struct fake_peer *peer_of(const struct net_tcp *c) {
    return c->pcb;
}

int net_tcp_listen(struct net_tcp_listener *l, uint16_t port) {
    (void)port;
    fake_listener = l;
    return 0;
}

static struct fake_peer *fake_server; // whom the board connects to; null: no memory

int net_tcp_connect(struct net_tcp *c, const struct net_tcp_events *events, uint32_t address,
                    uint16_t port) {
    (void)address;
    (void)port;
    CHECK(c->pcb == NULL);
    if (fake_server == NULL) {
        return -9;
    }
    uint8_t *out = fake_server->out != NULL ? fake_server->out : malloc(FAKE_OUT_MAX);
    memset(fake_server, 0, sizeof(*fake_server));
    fake_server->out = out;
    fake_server->c = c;
    *c = (struct net_tcp){.pcb = fake_server, .events = events, .reserved = c->reserved};
    return 0;
}

int net_tcp_send(struct net_tcp *c, const void *data, uint32_t n, bool more) {
    struct fake_peer *p = peer_of(c);
    (void)more;
    CHECK(p != NULL && !p->finished);
    uint32_t room = fake_room - c->lent;
    n = n < room ? n : room;
    CHECK(p->sent + n <= FAKE_OUT_MAX);
    for (uint32_t i = 0; i < n; i++) {
        p->from[p->sent] = (const uint8_t *)data + i;
        p->out[p->sent++] = ((const uint8_t *)data)[i];
    }
    c->lent += n;
    return (int)n;
}

void net_tcp_consumed(struct net_tcp *c, uint32_t n) {
    if (peer_of(c) != NULL) {
        peer_of(c)->given_back += n;
    }
}

void net_tcp_widen(struct net_tcp *c, uint32_t bytes) {
    (void)c;
    (void)bytes;
}

static void fake_over(struct fake_peer *p) {
    p->c->pcb = NULL;
    p->c = NULL;
}

void net_tcp_finish(struct net_tcp *c) {
    if (peer_of(c) != NULL) {
        peer_of(c)->finished = true;
        c->finished = true;
    }
}

void net_tcp_drop(struct net_tcp *c) {
    if (peer_of(c) != NULL) {
        peer_of(c)->dropped = true;
        fake_over(peer_of(c));
    }
}

bool net_tcp_in_use(const struct net_tcp *c) {
    return c->pcb != NULL;
}

// A client connects.
static inline void fake_connect(struct fake_peer *p) {
    uint8_t *out = p->out != NULL ? p->out : malloc(FAKE_OUT_MAX);
    memset(p, 0, sizeof(*p));
    p->out = out;
    p->c = fake_listener->accept(fake_listener);
    CHECK(p->c != NULL);
    *p->c = (struct net_tcp){.pcb = p, .events = fake_listener->events};
    p->c->events->on_open(p->c);
}

static void fake_deliver(struct fake_peer *p, const void *data, uint32_t n) {
    uint8_t *copy = malloc(n);
    memcpy(copy, data, n);
    p->delivered += n;
    p->c->events->on_data(p->c, copy, n);
    free(copy);
}

// As lwIP: a connection is over when both sides have finished and nothing is lent.
static void fake_end_if_over(struct fake_peer *p) {
    if (p->c != NULL && p->finished && p->c->ended && p->c->lent == 0) {
        struct net_tcp *c = p->c;
        fake_over(p);
        c->events->on_closed(c, 0);
    }
}

static void fake_ack(struct fake_peer *p, uint32_t n) {
    for (uint32_t i = 0; i < n; i++, p->acked++) {
        CHECK(*p->from[p->acked] == p->out[p->acked]);
    }
    p->c->lent -= n;
    if (p->finished && p->c->ended && p->c->lent == 0) {
        fake_end_if_over(p);
    } else if (n > 0) {
        p->c->events->on_sent(p->c, n);
        fake_end_if_over(p);
    }
}

static void fake_ack_all(struct fake_peer *p) {
    while (p->c != NULL && p->c->lent > 0) {
        fake_ack(p, p->c->lent);
    }
}

static void fake_end(struct fake_peer *p) {
    p->c->ended = true;
    p->c->events->on_end(p->c);
    fake_end_if_over(p);
}

static void fake_reset(struct fake_peer *p) {
    struct net_tcp *c = p->c;
    fake_over(p);
    c->events->on_closed(c, -12);
}
