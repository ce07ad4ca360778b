// SPDX-License-Identifier: Apache-2.0
// The client over a TCP that the test plays: connections kept and lost, callbacks that act.
// sources: firmware/net/http-client/*.c firmware/net/http-parse/*.c firmware/net/core/address.c
// include: firmware/net/http-parse/include-net firmware/net/tcp/include firmware/net/dns/include
// include: firmware/net/http-client/include firmware/net/core/include
// include: firmware/os/time/include firmware/os/sched/include
#include "fake_tcp.h"
#include "hal/err.h"
#include "net/dns.h"
#include "net/http_client.h"
#include "net/http_parse.h"
#include "net/net.h"

enum { BODY_MAX = 4096, RUNNING = 12345 };

static struct fake_peer server;
static struct net_http http;
static struct net_http_request request;
static struct net_dns_query *asked;
static bool is_up = true;

static struct {
    int status, done;
    uint64_t length, from, total;
    char body[BODY_MAX];
    uint32_t body_n, heads;
} seen;

enum action { NOTHING, ABORT, REFUSE, START } in_head, in_body, in_done;

bool net_up(void) {
    return is_up;
}

int net_dns_resolve(struct net_dns_query *query, const char *name,
                    void (*fn)(struct net_dns_query *query, int err, uint32_t address)) {
    query->name = name;
    query->fn = fn;
    asked = query;
    return 0;
}

void net_dns_cancel(struct net_dns_query *query) {
    asked = asked == query ? NULL : asked;
}

static int act(enum action action) {
    if (action == ABORT) {
        net_http_abort(&http);
    }
    return action == REFUSE ? -77 : 0;
}

static int on_head(void *ctx, int status, uint64_t length, uint64_t from, uint64_t total) {
    CHECK(ctx == &seen);
    seen.heads++;
    seen.status = status;
    seen.length = length;
    seen.from = from;
    seen.total = total;
    return act(in_head);
}

static int on_body(void *ctx, const void *data, uint32_t n) {
    (void)ctx;
    CHECK(n > 0 && seen.body_n + n <= BODY_MAX);
    memcpy(seen.body + seen.body_n, data, n);
    seen.body_n += n;
    return act(in_body);
}

static void on_done(void *ctx, int err) {
    (void)ctx;
    CHECK(seen.done == RUNNING);
    seen.done = err;
    if (in_done == START) {
        in_done = NOTHING;
        seen.done = RUNNING;
        CHECK(net_http_start(&http, &request) == 0);
    }
}

static void start(const char *method, const char *url) {
    memset(&seen, 0, sizeof(seen));
    seen.done = RUNNING;
    in_head = in_body = in_done = NOTHING;
    fake_server = &server;
    request = (struct net_http_request){
        .url = url,
        .method = method,
        .range_from = NET_HTTP_NO_RANGE,
        .timeout_ms = 2000,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .ctx = &seen,
    };
    CHECK(net_http_start(&http, &request) == 0);
    CHECK(net_http_start(&http, &request) == ERR_BUSY);
    fake_pass_ms(1);
}

// As far as the request's arrival at the server, over a new connection.
static void start_new(const char *method) {
    net_http_abort(&http);
    start(method, "http://10.0.2.2:8080/x");
    CHECK(server.c != NULL && server.sent == 0);
    server.c->events->on_open(server.c);
    fake_ack_all(&server);
}

static void say(const char *text) {
    check_context = text;
    fake_deliver(&server, text, (uint32_t)strlen(text));
}

static void requests_as_sent(void) {
    start_new("GET");
    server.out[server.sent] = '\0';
    CHECK(strcmp((char *)server.out, "GET /x HTTP/1.1\r\nHost: 10.0.2.2:8080\r\n\r\n") == 0);
    net_http_abort(&http);
    CHECK(server.dropped && seen.done == RUNNING);
    static const char body[] = "0123456789";
    start("POST", "http://10.0.2.2/");
    net_http_abort(&http);
    request.body = body;
    request.body_n = 10;
    request.content_type = "application/x";
    request.range_from = 4096;
    CHECK(net_http_start(&http, &request) == 0);
    fake_pass_ms(1);
    fake_room = 7; // and in small pieces
    server.c->events->on_open(server.c);
    fake_ack_all(&server);
    fake_room = 1000;
    server.out[server.sent] = '\0';
    CHECK(strcmp((char *)server.out,
                 "POST / HTTP/1.1\r\nHost: 10.0.2.2\r\nRange: bytes=4096-\r\nContent-Type: "
                 "application/x\r\nContent-Length: 10\r\n\r\n0123456789") == 0);
    char url[600] = "http://10.0.2.2/";
    memset(url + 16, 'a', 500);
    net_http_abort(&http);
    request.url = url;
    CHECK(net_http_start(&http, &request) == ERR_RANGE);
    request.url = "https://10.0.2.2/";
    CHECK(net_http_start(&http, &request) == ERR_RANGE);
    is_up = false;
    request.url = "http://10.0.2.2/";
    CHECK(net_http_start(&http, &request) == ERR_STATE);
    is_up = true;
}

static void connection_is_kept(void) {
    start_new("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(seen.done == 0 && seen.status == 200 && seen.body_n == 2 && !server.dropped);
    start("GET", "http://10.0.2.2:8080/y"); // reused
    CHECK(server.c != NULL && server.acked > 0 && server.c->lent > 0);
    fake_ack_all(&server);
    say("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(seen.done == 0 && seen.status == 204 && seen.length == UINT64_MAX);
    start("GET", "http://10.0.2.2:8081/y"); // another port: another connection
    CHECK(server.sent == 0);
    server.c->events->on_open(server.c);
    fake_ack_all(&server);
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(seen.done == 0 && server.dropped);
    start_new("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(seen.done == 0 && !server.dropped);
    fake_pass_ms(5000);
    CHECK(server.dropped);
    start_new("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    fake_end(&server); // closed while idle
    CHECK(server.dropped && seen.done == 0);
    start_new("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore"); // whose is that?
    CHECK(seen.done == 0 && server.dropped);
}

// A kept connection that dies under a request: repeated where that is harmless.
static void stale_connections(void) {
    const char *const methods[] = {"GET", "POST"};
    for (uint32_t reset = 0; reset < 2; reset++) {
        for (uint32_t i = 0; i < 2; i++) {
            start_new(methods[i]);
            say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            start(methods[i], "http://10.0.2.2:8080/x");
            if (reset == 1) {
                fake_reset(&server);
            } else {
                fake_end(&server);
            }
            if (i == 1) {
                CHECK(seen.done == ERR_CLOSED);
                continue;
            }
            CHECK(seen.done == RUNNING && server.c != NULL && server.sent == 0);
            server.c->events->on_open(server.c);
            fake_reset(&server); // once only
            CHECK(seen.done == ERR_CLOSED);
        }
    }
}

static void ends(void) {
    static const char zeros[HTTP_PROGRESS_BYTES];
    start_new("GET");
    fake_end(&server);
    CHECK(seen.done == ERR_CLOSED);
    start_new("GET");
    say("HTTP/1.1 200 OK\r\n\r\nall there is");
    CHECK(seen.done == RUNNING);
    fake_end(&server);
    CHECK(seen.done == 0 && seen.body_n == 12);
    start_new("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
    fake_end(&server);
    CHECK(seen.done == ERR_CLOSED && seen.body_n == 4);
    start_new("GET");
    say("HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
    CHECK(seen.done == ERR_UNSUPPORTED && seen.status == 404 && seen.body_n == 0);
    start_new("HEAD");
    say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    CHECK(seen.done == 0 && seen.length == 9);
    start_new("GET");
    fake_pass_ms(1500);
    say("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
    for (uint32_t i = 0; i < 3; i++) { // enough at a time
        fake_pass_ms(1500);
        fake_deliver(&server, zeros, HTTP_PROGRESS_BYTES);
        CHECK(seen.done == RUNNING);
    }
    for (uint32_t i = 0; i < 21; i++) { // and then it drips
        CHECK(seen.done == RUNNING);
        fake_deliver(&server, zeros, 1);
        fake_pass_ms(100);
    }
    CHECK(seen.done == ERR_TIMED_OUT && server.dropped);
    start_new("GET"); // a head that drips
    for (const char *at = "HTTP/1.1 200 OK\r\nA: 0123456789"; seen.done == RUNNING; at++) {
        CHECK(*at != '\0');
        fake_deliver(&server, at, 1);
        fake_pass_ms(100);
    }
    CHECK(seen.done == ERR_TIMED_OUT && server.dropped);
    net_http_abort(&http);
    start("GET", "http://10.0.2.2/"); // never connects
    fake_pass_ms(2100);
    CHECK(seen.done == ERR_TIMED_OUT && server.dropped);
    start_new("GET");
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    start("GET", "http://10.0.2.2/");
    net_http_abort(&http);
    fake_server = NULL; // no connection to be had
    seen.done = RUNNING;
    CHECK(net_http_start(&http, &request) == 0 && seen.done == RUNNING);
    fake_pass_ms(1);
    CHECK(seen.done == ERR_NO_MEMORY);
}

static void callbacks_that_act(void) {
    start_new("GET");
    in_head = ABORT;
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(seen.done == RUNNING && seen.body_n == 0 && server.dropped);
    start_new("GET");
    in_head = REFUSE;
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(seen.done == -77 && seen.body_n == 0 && server.dropped);
    start_new("GET");
    in_body = ABORT;
    say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
    CHECK(seen.done == RUNNING && seen.body_n == 2 && server.dropped);
    start_new("GET");
    in_body = REFUSE;
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(seen.done == -77 && server.dropped);
    start_new("GET");
    in_done = START;
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(seen.done == RUNNING && !server.dropped);
    fake_pass_ms(1);
    fake_ack_all(&server);
    say("HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(seen.done == 0 && seen.status == 201);
}

static void names(void) {
    net_http_abort(&http);
    start("GET", "http://updates.example/x");
    CHECK(asked != NULL && strcmp(asked->name, "updates.example") == 0);
    asked->fn(asked, 0, 0x0A000202);
    CHECK(server.c != NULL);
    net_http_abort(&http);
    start("GET", "http://updates.example/x");
    asked->fn(asked, ERR_NOT_FOUND, 0);
    CHECK(seen.done == ERR_NOT_FOUND);
    start("GET", "http://updates.example/x");
    net_http_abort(&http);
    CHECK(asked == NULL && seen.done == RUNNING);
}

static void any_split(void) {
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial Content\r\n"
                               "content-range: bytes 100-119/120\r\nServer: x\r\n"
                               "Content-Length: 20\r\n\r\n01234567890123456789";
    uint32_t state = 5;
    for (uint32_t round = 0; round < 3000; round++) {
        start_new("GET");
        for (uint32_t at = 0, piece; at < sizeof(text) - 1; at += piece) {
            piece = check_random(&state) % (uint32_t)(sizeof(text) - 1 - at) + 1;
            fake_deliver(&server, text + at, piece);
        }
        CHECK(seen.done == 0 && seen.heads == 1 && seen.status == 206 && seen.length == 20);
        CHECK(seen.from == 100 && seen.total == 120 && seen.body_n == 20);
        CHECK(memcmp(seen.body, "01234567890123456789", 20) == 0);
        CHECK(server.given_back == server.delivered && !server.dropped);
    }
}

int main(void) {
    requests_as_sent();
    connection_is_kept();
    stale_connections();
    ends();
    callbacks_that_act();
    names();
    any_split();
    free(server.out);
    return 0;
}
