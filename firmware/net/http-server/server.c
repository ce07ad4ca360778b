// SPDX-License-Identifier: Apache-2.0
// The server: connections, requests, routes, and the time that each may take.
#include "exchange.h"

#include "hal/err.h"
#include "os/sched.h"
#include "os/time.h"

#include <string.h>

enum {
    CONNECTIONS = PARAM_NET_HTTP_SERVER_CONNECTIONS,
    IDLE_MS = PARAM_NET_HTTP_SERVER_IDLE_S * 1000,
    LINGER_MS = 2000,
    SACRIFICE_MS = 1000, // a connection that was idle for so long makes room for another client
    TICK_MS = 1000,
    LONG_BODY_BYTES = 1024, // from here a wider window pays
};

static struct {
    struct net_tcp_listener listener;
    struct os_timer tick;
    const struct net_http_route *routes;
    struct net_http_exchange exchanges[CONNECTIONS];
    bool is_ticking;
} server;

static struct net_http_exchange *of(struct net_tcp *c) {
    return (struct net_http_exchange *)c;
}

static void expect_request(struct net_http_exchange *x) {
    x->state = STATE_HEAD;
    exchange_begin_time(x);
    x->unread = 0;
    http_request_init(&x->request, x->buffer, BUFFER_BYTES);
}

// Equal, or equal up to a last '*' of the route.
static bool matches(const char *route, const char *path) {
    while (*route == *path && *path != '\0') {
        route++;
        path++;
    }
    return (*route == '\0' && *path == '\0') || (route[0] == '*' && route[1] == '\0');
}

static uint8_t methods_of(const struct net_http_route *route) {
    return (route->methods & NET_HTTP_GET) != 0 ? route->methods | NET_HTTP_HEAD : route->methods;
}

// The first route that takes path and method. Otherwise null, and in *allow what the path allows.
static const struct net_http_route *find(struct net_http_exchange *x, uint8_t *allow) {
    char *target = x->request.target;
    uint32_t n = (uint32_t)strcspn(target, "?");
    x->query = (uint8_t)(target[n] == '?' ? n + 1 : n);
    target[n] = '\0'; // path and query are two strings from here
    *allow = 0;
    for (const struct net_http_route *route = server.routes; route->path != NULL; route++) {
        if (matches(route->path, target)) {
            if ((methods_of(route) & x->request.method) != 0) {
                return route;
            }
            *allow |= methods_of(route);
        }
    }
    return NULL;
}

static void deliver(struct net_http_exchange *x) {
    x->state = STATE_APP;
    x->route->on_request(x);
}

static void begin_body(struct net_http_exchange *x) {
    x->state = STATE_BODY;
    exchange_begin_time(x);
    if (x->route->on_head != NULL) {
        x->route->on_head(x);
    }
    if (x->state != STATE_BODY) {
        return; // refused
    }
    if (x->request.expects_continue) {
        exchange_continue(x);
    }
    if (x->unread > LONG_BODY_BYTES) {
        net_tcp_widen(&x->tcp, NET_TCP_WINDOW_MAX);
    }
}

static void head_done(struct net_http_exchange *x) {
    uint8_t allow;
    x->close = x->request.close;
    x->user = NULL;
    x->route = find(x, &allow);
    bool has_body = x->request.content_length != HTTP_ABSENT && x->request.content_length > 0;
    x->unread = has_body ? (uint32_t)x->request.content_length : 0;
    if (!x->request.is_known_method) {
        exchange_refuse(x, 501, 0);
    } else if (x->route == NULL) {
        exchange_refuse(x, allow != 0 ? 405 : 404, allow);
    } else if (x->unread > x->route->body_max) {
        exchange_refuse(x, 413, 0);
    } else if (has_body) {
        begin_body(x);
    } else {
        deliver(x);
    }
}

static uint32_t take_head(struct net_http_exchange *x, const uint8_t *data, uint32_t n) {
    if (x->request.lines.total == 0) {
        exchange_begin_time(x); // a head has IDLE_MS in all, however slowly it drips
    }
    uint32_t used;
    int result = http_request_feed(&x->request, data, n, &used);
    if (result < 0) {
        x->unread = 1; // whatever follows is not a request
        exchange_refuse(x, -result, 0);
    } else if (result > 0) {
        head_done(x);
    }
    return used;
}

static uint32_t take_body(struct net_http_exchange *x, const uint8_t *data, uint32_t n) {
    uint32_t piece = n < x->unread ? n : x->unread;
    x->unread -= piece;
    exchange_moved(x, piece);
    if (x->route->on_body != NULL) {
        x->route->on_body(x, data, piece);
    }
    if (x->unread == 0 && x->state == STATE_BODY) {
        deliver(x);
    }
    return piece;
}

// More than the request: a pipelined one, which the client repeats on another connection, or the
// rest of a body that was refused.
static void take_surplus(struct net_http_exchange *x) {
    x->close = true;
    if (x->state == STATE_ANSWER && exchange_is_lent(x)) {
        net_tcp_finish(&x->tcp);
    }
}

static void on_open(struct net_tcp *c) {
    expect_request(of(c));
}

static void on_data(struct net_tcp *c, const uint8_t *data, uint32_t n) {
    struct net_http_exchange *x = of(c);
    uint32_t at = 0;
    while (at < n && net_tcp_in_use(c)) {
        if (x->state == STATE_HEAD) {
            at += take_head(x, data + at, n - at);
        } else if (x->state == STATE_BODY) {
            at += take_body(x, data + at, n - at);
        } else {
            take_surplus(x);
            at = n;
        }
    }
    net_tcp_consumed(c, n);
}

static void on_sent(struct net_tcp *c, uint32_t n) {
    struct net_http_exchange *x = of(c);
    exchange_sent(x, n);
    if (!net_tcp_in_use(c) || x->state != STATE_ANSWER || !exchange_is_lent(x) || c->lent > 0) {
        return;
    }
    if (x->close) {
        x->state = STATE_LINGER;
        exchange_begin_time(x);
    } else {
        expect_request(x);
    }
}

static void on_end(struct net_tcp *c) {
    struct net_http_exchange *x = of(c);
    if (x->state == STATE_BODY) {
        x->state = STATE_LINGER;
        if (x->route->on_gone != NULL) {
            x->route->on_gone(x);
        }
    }
    x->close = true;
    bool owes_answer = x->state == STATE_APP || (x->state == STATE_ANSWER && !exchange_is_lent(x));
    if (!owes_answer) {
        net_tcp_finish(c);
    }
}

// The route is told if it has the request, or its memory is being sent.
static void tell_gone(struct net_http_exchange *x) {
    bool is_routed = x->state == STATE_BODY || x->state == STATE_APP || x->state == STATE_ANSWER;
    if (is_routed && x->route != NULL && x->route->on_gone != NULL) {
        x->route->on_gone(x);
    }
}

static void on_closed(struct net_tcp *c, int err) {
    if (err < 0 || of(c)->state == STATE_BODY) {
        tell_gone(of(c));
    }
}

static const struct net_tcp_events events = {on_open, on_data, on_sent, on_end, on_closed};

static bool is_older(const struct net_http_exchange *a, const struct net_http_exchange *b) {
    return b == NULL || (int32_t)(a->active_ms - b->active_ms) < 0;
}

static void on_tick(struct os_timer *timer);

static void tick_on(void) {
    if (!server.is_ticking) {
        server.is_ticking = true;
        os_timer_start(&server.tick, TICK_MS, on_tick);
    }
}

// A free exchange: there is one, since no more connections than exchanges are asked for.
static struct net_tcp *accept(struct net_tcp_listener *l) {
    (void)l;
    tick_on();
    uint32_t i = 0;
    while (i < CONNECTIONS && net_tcp_in_use(&server.exchanges[i].tcp)) {
        i++;
    }
    return i < CONNECTIONS ? &server.exchanges[i].tcp : NULL;
}

static bool is_between_requests(const struct net_http_exchange *x) {
    return x->state == STATE_HEAD && x->request.lines.total == 0;
}

// Clients wait: end the connection that has done nothing for longest, and long enough.
static void on_full(struct net_tcp_listener *l) {
    (void)l;
    struct net_http_exchange *idle = NULL;
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        struct net_http_exchange *x = &server.exchanges[i];
        bool can_go = x->state == STATE_LINGER || is_between_requests(x);
        if (net_tcp_in_use(&x->tcp) && can_go && is_older(x, idle)) {
            idle = x;
        }
    }
    if (idle != NULL && os_now_ms() - idle->active_ms >= SACRIFICE_MS) {
        net_tcp_drop(&idle->tcp);
    }
}

static void check_time(struct net_http_exchange *x) {
    uint32_t age_ms = os_now_ms() - x->active_ms;
    if (x->state == STATE_APP || age_ms < LINGER_MS ||
        (age_ms < IDLE_MS && x->state != STATE_LINGER)) {
        return;
    }
    if (x->state == STATE_BODY || (x->state == STATE_HEAD && !is_between_requests(x))) {
        tell_gone(x);
        x->unread = 1;
        exchange_refuse(x, 408, 0);
    } else {
        tell_gone(x);
        net_tcp_drop(&x->tcp);
    }
}

static void on_tick(struct os_timer *timer) {
    (void)timer;
    server.is_ticking = false;
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        if (net_tcp_in_use(&server.exchanges[i].tcp)) {
            tick_on();
            check_time(&server.exchanges[i]);
        }
    }
}

int net_http_serve(uint16_t port, const struct net_http_route *routes) {
    if (server.routes != NULL) {
        return ERR_BUSY;
    }
    server.listener.accept = accept;
    server.listener.on_full = on_full;
    server.listener.connections = CONNECTIONS;
    server.listener.events = &events;
    int err = net_tcp_listen(&server.listener, port);
    if (err == 0) {
        server.routes = routes;
    }
    return err;
}
