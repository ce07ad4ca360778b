// SPDX-License-Identifier: Apache-2.0
// The client: resolve, connect or reuse, send, read head and body. Callbacks of the request may
// start or abort anything, so each is followed by nothing that relies on the state before it.
#include "hal/err.h"
#include "net/dns.h"
#include "net/http_client.h"
#include "net/http_parse.h"
#include "net/net.h"
#include "net/tcp.h"
#include "os/sched.h"
#include "os/time.h"
#include "param/net_http_client.h"

#include <string.h>

enum {
    HOST_BYTES = 64,
    HEAD_BYTES = 384, // of a request
    LINE_BYTES = 128, // of a response's head; only status and lengths are read
};

enum client_state {
    STATE_IDLE, // maybe with a connection kept
    STATE_START,
    STATE_RESOLVE,
    STATE_CONNECT,
    STATE_HEAD, // sending, and waiting for the answer's head
    STATE_BODY,
};

struct client {
    struct net_tcp tcp; // first: events find the client by it
    struct net_dns_query dns;
    struct os_timer timer;
    const struct net_http_request *request;
    struct http_response response;
    uint64_t body_left; // bytes of the answer, HTTP_ABSENT: until the server closes
    uint32_t active_ms; // when the time limit began anew
    uint32_t moved_n;   // bytes of body that moved since
    uint32_t sent;      // bytes of head and body that are lent or were
    uint16_t head_n;    // bytes of the request's head
    uint16_t port;
    uint8_t state;  // enum client_state
    bool is_reused; // the connection served another request before
    char host[HOST_BYTES];
    char head[HEAD_BYTES];
    char line[LINE_BYTES];
};

_Static_assert(sizeof(struct client) <= sizeof(((struct net_http *)0)->state), "net_http.state");

static void on_timer(struct os_timer *timer);
static void connect(struct client *c, uint32_t address);

static struct client *of(struct net_http *http) {
    return (struct client *)http->state;
}

static struct client *of_tcp(struct net_tcp *tcp) {
    return (struct client *)tcp;
}

static void begin_time(struct client *c) {
    c->active_ms = os_now_ms();
    c->moved_n = 0;
}

// Bytes of a body moved. A few do not count: nobody may hold a request up by dripping.
static void moved(struct client *c, uint32_t n) {
    c->moved_n += n;
    if (c->moved_n >= HTTP_PROGRESS_BYTES) {
        begin_time(c);
    }
}

static bool is_whole_request_sent(const struct client *c) {
    return c->sent == c->head_n + c->request->body_n;
}

// The end of a request; the connection is kept if it is clean.
static void end(struct client *c, int err) {
    const struct net_http_request *request = c->request;
    bool is_clean = err == 0 && !c->response.close && c->body_left == 0 && c->tcp.lent == 0 &&
                    is_whole_request_sent(c) && !c->tcp.ended;
    c->state = STATE_IDLE;
    net_dns_cancel(&c->dns);
    os_timer_stop(&c->timer);
    if (is_clean && PARAM_NET_HTTP_CLIENT_KEEP_MS > 0) {
        os_timer_start(&c->timer, PARAM_NET_HTTP_CLIENT_KEEP_MS, on_timer);
    } else {
        net_tcp_drop(&c->tcp);
    }
    request->on_done(request->ctx, err);
}

static void push(struct client *c) {
    while (!is_whole_request_sent(c)) {
        const struct net_http_request *r = c->request;
        bool in_head = c->sent < c->head_n;
        const char *from =
            in_head ? c->head + c->sent : (const char *)r->body + (c->sent - c->head_n);
        uint32_t n = in_head ? c->head_n - c->sent : r->body_n - (c->sent - c->head_n);
        int taken = net_tcp_send(&c->tcp, from, n, in_head && r->body_n > 0);
        if (taken <= 0) {
            return;
        }
        c->sent += (uint32_t)taken;
    }
}

static void send(struct client *c) {
    c->state = STATE_HEAD;
    c->sent = 0;
    c->body_left = HTTP_ABSENT;
    http_response_init(&c->response, c->line, LINE_BYTES);
    begin_time(c);
    push(c);
}

static void on_open(struct net_tcp *tcp) {
    struct client *c = of_tcp(tcp);
    net_tcp_widen(tcp, NET_TCP_WINDOW_MAX);
    send(c);
}

// False if the request is over, or another one has begun.
static bool take_head(struct client *c, const uint8_t **data, uint32_t *n) {
    uint32_t used;
    int result = http_response_feed(&c->response, *data, *n, &used);
    *data += used;
    *n -= used;
    if (result <= 0) {
        if (result < 0) {
            end(c, result);
        }
        return false;
    }
    const struct http_response *h = &c->response;
    const struct net_http_request *r = c->request;
    bool is_empty = h->status == 204 || h->status == 304 || strcmp(r->method, "HEAD") == 0;
    c->body_left = is_empty ? 0 : h->content_length;
    c->state = STATE_BODY;
    begin_time(c);
    int err = r->on_head(r->ctx, h->status, h->content_length, h->range_from, h->range_total);
    if (c->request != r || c->state != STATE_BODY) {
        return false; // aborted
    }
    if (err == 0 && h->is_chunked && !is_empty) {
        err = ERR_UNSUPPORTED;
    }
    if (err < 0 || c->body_left == 0) {
        c->response.close |= *n > 0; // bytes that nobody asked for: do not use it again
        end(c, err < 0 ? err : 0);
        return false;
    }
    return true;
}

static void take_body(struct client *c, const uint8_t *data, uint32_t n) {
    const struct net_http_request *r = c->request;
    uint32_t piece = c->body_left < n ? (uint32_t)c->body_left : n;
    if (c->body_left != HTTP_ABSENT) {
        c->body_left -= piece;
    }
    moved(c, piece);
    int err = r->on_body(r->ctx, data, piece);
    if (c->request != r || c->state != STATE_BODY) {
        return; // aborted
    }
    if (err < 0 || c->body_left == 0) {
        c->response.close |= piece < n;
        end(c, err < 0 ? err : 0);
    }
}

static void on_data(struct net_tcp *tcp, const uint8_t *data, uint32_t n) {
    struct client *c = of_tcp(tcp);
    net_tcp_consumed(tcp, n);
    if (c->state == STATE_HEAD && !take_head(c, &data, &n)) {
        return;
    }
    if (c->state == STATE_BODY) {
        if (n > 0) {
            take_body(c, data, n);
        }
    } else {
        net_tcp_drop(tcp); // an answer to nothing
    }
}

static void on_sent(struct net_tcp *tcp, uint32_t n) {
    struct client *c = of_tcp(tcp);
    moved(c, n);
    if (c->state == STATE_HEAD || c->state == STATE_BODY) {
        push(c);
    }
}

// A kept connection may be closed by the server just when it is used again: that is no error of a
// request that can be repeated.
static bool is_worth_another_try(const struct client *c) {
    return c->state == STATE_HEAD && c->is_reused && c->response.lines.total == 0 &&
           (strcmp(c->request->method, "GET") == 0 || strcmp(c->request->method, "HEAD") == 0);
}

static void begin(struct client *c);

static void lost(struct client *c, int err) {
    if (c->state == STATE_IDLE || c->state == STATE_START) {
        net_tcp_drop(&c->tcp);
    } else if (is_worth_another_try(c)) {
        net_tcp_drop(&c->tcp);
        begin(c);
    } else if (c->state == STATE_BODY && c->body_left == HTTP_ABSENT && err == 0) {
        c->body_left = 0; // its length was told by closing
        end(c, 0);
    } else {
        end(c, err == 0 ? ERR_CLOSED : err);
    }
}

static void on_end(struct net_tcp *tcp) {
    lost(of_tcp(tcp), 0);
}

static void on_closed(struct net_tcp *tcp, int err) {
    lost(of_tcp(tcp), err);
}

static const struct net_tcp_events events = {on_open, on_data, on_sent, on_end, on_closed};

static void connect(struct client *c, uint32_t address) {
    c->state = STATE_CONNECT;
    c->is_reused = false;
    begin_time(c);
    int err = net_tcp_connect(&c->tcp, &events, address, c->port);
    if (err < 0) {
        end(c, err);
    }
}

static void on_resolved(struct net_dns_query *query, int err, uint32_t address) {
    struct client *c = (struct client *)((char *)query - offsetof(struct client, dns));
    if (err < 0) {
        end(c, err);
    } else {
        connect(c, address);
    }
}

static void begin(struct client *c) {
    uint32_t address;
    begin_time(c);
    if (net_tcp_in_use(&c->tcp)) {
        c->is_reused = true;
        send(c);
        return;
    }
    if (net_address_parse(c->host, (uint32_t)strlen(c->host), &address) == 0) {
        connect(c, address);
        return;
    }
    c->state = STATE_RESOLVE;
    int err = net_dns_resolve(&c->dns, c->host, on_resolved);
    if (err < 0) {
        end(c, err);
    }
}

static void on_timer(struct os_timer *timer) {
    struct client *c = (struct client *)((char *)timer - offsetof(struct client, timer));
    if (c->state == STATE_IDLE) {
        net_tcp_drop(&c->tcp); // kept long enough
        return;
    }
    if (c->state == STATE_START) {
        os_timer_start(&c->timer, c->request->timeout_ms, on_timer);
        begin(c);
        return;
    }
    uint32_t age_ms = os_now_ms() - c->active_ms;
    if (age_ms >= c->request->timeout_ms) {
        end(c, ERR_TIMED_OUT);
    } else {
        os_timer_start(&c->timer, c->request->timeout_ms - age_ms, on_timer);
    }
}

static void put(struct client *c, const char *text, uint32_t n) {
    if (n > (uint32_t)(HEAD_BYTES - c->head_n)) {
        c->head_n = HEAD_BYTES; // write_head sees that it is full
        return;
    }
    memcpy(c->head + c->head_n, text, n);
    c->head_n = (uint16_t)(c->head_n + n);
}

static void put_text(struct client *c, const char *text) {
    put(c, text, (uint32_t)strlen(text));
}

static void put_number(struct client *c, uint32_t value) {
    char digits[10];
    uint32_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(c, digits + i, sizeof(digits) - i);
}

static int write_head(struct client *c, const struct net_http_request *r,
                      const struct http_url *url) {
    c->head_n = 0;
    put_text(c, r->method);
    put_text(c, " ");
    put_text(c, url->path);
    put_text(c, " HTTP/1.1\r\nHost: ");
    put(c, url->host, url->authority_n);
    if (r->range_from != NET_HTTP_NO_RANGE) {
        put_text(c, "\r\nRange: bytes=");
        put_number(c, r->range_from);
        put_text(c, "-");
    }
    if (r->content_type != NULL) {
        put_text(c, "\r\nContent-Type: ");
        put_text(c, r->content_type);
    }
    if (r->body != NULL) {
        put_text(c, "\r\nContent-Length: ");
        put_number(c, r->body_n);
    }
    put_text(c, "\r\n\r\n");
    return c->head_n < HEAD_BYTES ? 0 : ERR_RANGE;
}

int net_http_start(struct net_http *http, const struct net_http_request *request) {
    struct client *c = of(http);
    struct http_url url;
    if (c->state != STATE_IDLE) {
        return ERR_BUSY;
    }
    if (!net_up()) {
        return ERR_STATE;
    }
    int err = http_url_parse(request->url, HOST_BYTES - 1, &url);
    if (err < 0) {
        return err;
    }
    bool is_same_host = c->port == url.port && strlen(c->host) == url.host_n &&
                        memcmp(c->host, url.host, url.host_n) == 0;
    if (!is_same_host || c->tcp.ended) {
        net_tcp_drop(&c->tcp);
    }
    err = write_head(c, request, &url);
    if (err < 0) {
        return err;
    }
    memcpy(c->host, url.host, url.host_n);
    c->host[url.host_n] = '\0';
    c->port = url.port;
    c->tcp.reserved = http->reserved;
    c->request = request;
    c->state = STATE_START;
    os_timer_start(&c->timer, 0, on_timer); // so that no callback comes from within this call
    return 0;
}

void net_http_abort(struct net_http *http) {
    struct client *c = of(http);
    c->state = STATE_IDLE;
    net_dns_cancel(&c->dns);
    os_timer_stop(&c->timer);
    net_tcp_drop(&c->tcp);
}
