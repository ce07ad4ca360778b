// SPDX-License-Identifier: Apache-2.0
// The server over a TCP that the test plays: time limits, clients that leave, answers in every
// rhythm of acknowledgements.
// sources: firmware/net/http-server/*.c firmware/net/http-parse/*.c
// include: firmware/net/http-server firmware/net/http-parse/include-net firmware/net/tcp/include
// include: firmware/net/http-server/include firmware/os/time/include firmware/os/sched/include
#include "fake_tcp.h"
#include "net/http_server.h"

enum { GENERATED_BYTES = 20000, POSTED_MAX = 3000 };

static struct fake_peer peers[3];
static struct net_http_exchange *later; // a request that the route has not answered yet
static uint32_t requests, gone, posted, posted_sum;

static char generated(uint32_t offset) {
    return (char)('a' + offset * 7 % 26);
}

static int fill(struct net_http_exchange *x, uint32_t offset, char *to, uint32_t room) {
    (void)x;
    uint32_t n = offset % 3 == 0 && room > 5 ? room - 5 : room; // need not fill all
    for (uint32_t i = 0; i < n; i++) {
        to[i] = generated(offset + i);
    }
    return (int)n;
}

static int fail(struct net_http_exchange *x, uint32_t offset, char *to, uint32_t room) {
    return offset < 1000 ? fill(x, offset, to, room) : -1;
}

static void show_text(struct net_http_exchange *x) {
    requests++;
    net_http_reply(x, 200, "text/plain", "constant", 8);
}

static void show_buffer(struct net_http_exchange *x) {
    requests++;
    size_t size;
    char *to = net_http_buffer(x, &size);
    uint32_t n = (uint32_t)snprintf(to, size, "%s?%s", net_http_path(x), net_http_query(x));
    net_http_reply(x, 200, "text/plain", to, n);
}

static void show_generated(struct net_http_exchange *x) {
    requests++;
    net_http_reply_from(x, 200, "text/plain", GENERATED_BYTES, fill);
}

static void show_failing(struct net_http_exchange *x) {
    requests++;
    net_http_reply_from(x, 200, "text/plain", GENERATED_BYTES, fail);
}

static void keep(struct net_http_exchange *x) {
    requests++;
    later = x;
}

static void begin_post(struct net_http_exchange *x) {
    posted = 0;
    posted_sum = 0;
    if (strcmp(net_http_query(x), "no") == 0) {
        requests++;
        net_http_reply(x, 403, NULL, NULL, 0);
    }
}

static void take_post(struct net_http_exchange *x, const uint8_t *data, uint32_t n) {
    (void)x;
    for (uint32_t i = 0; i < n; i++) {
        posted_sum += data[i];
    }
    posted += n;
}

static void end_post(struct net_http_exchange *x) {
    requests++;
    CHECK(posted == net_http_body_bytes(x));
    net_http_reply(x, 201, NULL, NULL, 0);
}

static void count_gone(struct net_http_exchange *x) {
    (void)x;
    gone++;
    later = NULL;
}

static const struct net_http_route routes[] = {
    {.path = "/", .methods = NET_HTTP_GET, .on_request = show_text, .on_gone = count_gone},
    {.path = "/echo/*", .methods = NET_HTTP_GET, .on_request = show_buffer, .on_gone = count_gone},
    {.path = "/gen", .methods = NET_HTTP_GET, .on_request = show_generated, .on_gone = count_gone},
    {.path = "/fail", .methods = NET_HTTP_GET, .on_request = show_failing, .on_gone = count_gone},
    {.path = "/later", .methods = NET_HTTP_GET, .on_request = keep, .on_gone = count_gone},
    {.path = "/post",
     .methods = NET_HTTP_POST,
     .body_max = POSTED_MAX,
     .on_head = begin_post,
     .on_body = take_post,
     .on_request = end_post,
     .on_gone = count_gone},
    {0},
};

static void ask(struct fake_peer *p, const char *text) {
    check_context = text;
    fake_deliver(p, text, (uint32_t)strlen(text));
}

static void get(struct fake_peer *p, const char *path, const char *fields) {
    char text[300];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, fields);
    ask(p, text);
}

static struct fake_peer *connect(uint32_t i) {
    if (peers[i].c != NULL) {
        fake_reset(&peers[i]);
    }
    fake_connect(&peers[i]);
    requests = 0;
    gone = 0;
    later = NULL;
    return &peers[i];
}

static bool says(const struct fake_peer *p, const char *text) {
    p->out[p->sent] = '\0';
    return strstr((const char *)p->out, text) != NULL;
}

static bool is_status(const struct fake_peer *p, const char *status) {
    return p->sent > 13 && memcmp(p->out + 9, status, 3) == 0;
}

static void answers(void) {
    struct fake_peer *p = connect(0);
    get(p, "/echo/some?thing", "");
    CHECK(is_status(p, "200") && says(p, "\r\n\r\n/echo/some?thing") && !p->finished);
    fake_ack_all(p);
    p->sent = p->acked = 0;
    ask(p, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(says(p, "Content-Length: 8\r\n\r\n") && !says(p, "constant"));
    fake_ack_all(p);
    p->sent = p->acked = 0;
    get(p, "/", "Connection: close\r\n");
    CHECK(says(p, "Connection: close\r\n\r\nconstant") && p->finished);
    fake_ack_all(p);
    fake_end(p);
    CHECK(p->c == NULL && requests == 3 && gone == 0);
}

static void time_limits(void) {
    struct fake_peer *p = connect(0);
    fake_pass_ms(14000);
    get(p, "/", "");
    fake_ack_all(p);
    fake_pass_ms(14000);
    CHECK(p->c != NULL);
    fake_pass_ms(3000); // idle between requests
    CHECK(p->dropped && gone == 0);

    p = connect(0); // a head that drips
    for (uint32_t i = 0; i < 16 && !p->finished; i++) {
        ask(p, i == 0 ? "GET / HTTP/1.1\r\n" : "A: b\r\n");
        fake_pass_ms(1000);
    }
    fake_pass_ms(2000);
    CHECK(is_status(p, "408") && p->finished && requests == 0);
    fake_ack_all(p);
    fake_pass_ms(4000); // it does not take leave
    CHECK(p->dropped && gone == 0);

    p = connect(0); // a body that stops
    ask(p, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    fake_pass_ms(20000);
    CHECK(is_status(p, "408") && p->finished && gone == 1 && requests == 0);
    fake_reset(p);
    CHECK(gone == 1);

    p = connect(0); // a body that drips
    ask(p, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    for (uint32_t i = 0; i < 17 && !p->finished; i++) {
        ask(p, "x");
        fake_pass_ms(1000);
    }
    CHECK(is_status(p, "408") && gone == 1 && requests == 0);

    p = connect(0); // an answer that is taken slowly, but taken
    get(p, "/gen", "");
    for (uint32_t i = 0; i < 10; i++) {
        fake_ack(p, 300);
        fake_pass_ms(10000);
    }
    CHECK(!p->dropped && gone == 0);

    p = connect(0); // an answer that nobody takes
    get(p, "/gen", "");
    fake_pass_ms(20000);
    CHECK(p->dropped && gone == 1);

    p = connect(0); // the app may take its time
    get(p, "/later", "");
    fake_pass_ms(60000);
    CHECK(later != NULL && gone == 0);
    net_http_reply(later, 200, NULL, NULL, 0);
    CHECK(is_status(p, "200"));
}

static void clients_that_leave(void) {
    struct fake_peer *p = connect(0);
    get(p, "/later", "");
    fake_reset(p);
    CHECK(gone == 1 && later == NULL);
    p = connect(0);
    get(p, "/later", "");
    fake_end(p); // half-closed: it still wants the answer
    CHECK(gone == 0 && !p->finished);
    net_http_reply(later, 200, NULL, NULL, 0);
    CHECK(p->finished);
    fake_ack_all(p);
    CHECK(p->c == NULL && gone == 0);
    p = connect(0);
    ask(p, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    fake_end(p);
    CHECK(p->c == NULL && gone == 1 && requests == 0);
    p = connect(0);
    get(p, "/fail", "");
    fake_ack_all(p);
    CHECK(p->dropped && p->c == NULL && p->sent < GENERATED_BYTES);
}

static void surplus(void) {
    struct fake_peer *p = connect(0); // pipelined: one answer, then the end
    ask(p, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(requests == 1 && p->finished && p->given_back == p->delivered);
    p = connect(0); // refused before its body: the rest is read and dropped
    ask(p, "POST /post?no HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    CHECK(is_status(p, "403") && says(p, "Connection: close") && p->finished);
    fake_ack_all(p);
    ask(p, "defghi");
    CHECK(p->given_back == p->delivered && p->c != NULL && requests == 1);
    fake_end(p);
    CHECK(p->c == NULL && gone == 0);
    p = connect(0); // refused by the server: the route hears nothing of it
    ask(p, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n");
    CHECK(is_status(p, "413"));
    fake_reset(p);
    CHECK(gone == 0 && requests == 0);
    p = connect(0); // asked to go on
    ask(p, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    CHECK(says(p, "HTTP/1.1 100 Continue\r\n\r\n"));
    ask(p, "abc");
    CHECK(posted == 3 && says(p, "201 Created"));
}

static void idle_clients_make_room(void) {
    for (uint32_t i = 0; i < 3; i++) {
        struct fake_peer *p = connect(i);
        get(p, "/", "");
        fake_ack_all(p);
        fake_pass_ms(400);
    }
    fake_listener->on_full(fake_listener);
    CHECK(peers[0].dropped && !peers[1].dropped && !peers[2].dropped);
    fake_listener->on_full(fake_listener);
    CHECK(!peers[1].dropped); // idle, but not long enough
}

// Whole conversations with random pieces, acknowledgements and room; the bytes must be right.
static void any_rhythm(void) {
    uint32_t state = 99;
    for (uint32_t round = 0; round < 1500; round++) {
        struct fake_peer *p = connect(0);
        fake_room = check_random(&state) % 2000 + 1;
        const char *path = round % 3 == 0 ? "/gen" : round % 3 == 1 ? "/echo/abcdefgh?ij" : "/";
        uint32_t body_n = round % 3 == 0 ? GENERATED_BYTES : round % 3 == 1 ? 17 : 8;
        char text[200];
        uint32_t n =
            (uint32_t)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
        for (uint32_t at = 0, piece; at < n; at += piece) {
            piece = check_random(&state) % (n - at) + 1;
            fake_deliver(p, text + at, piece);
        }
        while (p->c->lent > 0) {
            fake_ack(p, check_random(&state) % p->c->lent + 1);
        }
        CHECK(says(p, "\r\n\r\n"));
        const char *body = strstr((const char *)p->out, "\r\n\r\n");
        body += 4;
        CHECK_EQUAL(p->out + p->sent - (const uint8_t *)body, body_n);
        for (uint32_t i = 0; round % 3 == 0 && i < body_n; i++) {
            CHECK(body[i] == generated(i));
        }
        CHECK(round % 3 != 1 || memcmp(body, "/echo/abcdefgh?ij", 17) == 0);
        CHECK(requests == 1 && gone == 0 && !p->finished && p->given_back == p->delivered);
    }
    fake_room = 1000;
}

int main(void) {
    CHECK(net_http_serve(80, routes) == 0 && net_http_serve(81, routes) < 0);
    answers();
    time_limits();
    clients_that_leave();
    surplus();
    idle_clients_make_room();
    any_rhythm();
    for (uint32_t i = 0; i < 3; i++) {
        free(peers[i].out);
    }
    return 0;
}
