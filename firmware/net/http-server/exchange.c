// SPDX-License-Identifier: Apache-2.0
// Answers: head, body by reference or made on the fly in a ring, never more than the client takes.
#include "exchange.h"

#include "os/panic.h"
#include "os/time.h"

#include <string.h>

enum {
    TYPE_CHARS_MAX = 40,
    ROOM_MIN = BUFFER_BYTES / 4, // making less at a time is not worth a segment
};

// Text of the status line; also the body where the server answers on its own account.
static const char *status_text(int status) {
    static const struct {
        int code;
        const char *text;
    } statuses[] = {
        {200, "200 OK"},
        {201, "201 Created"},
        {202, "202 Accepted"},
        {204, "204 No Content"},
        {303, "303 See Other"},
        {400, "400 Bad Request"},
        {403, "403 Forbidden"},
        {404, "404 Not Found"},
        {405, "405 Method Not Allowed"},
        {408, "408 Request Timeout"},
        {409, "409 Conflict"},
        {411, "411 Length Required"},
        {413, "413 Content Too Large"},
        {414, "414 URI Too Long"},
        {417, "417 Expectation Failed"},
        {431, "431 Request Header Fields Too Large"},
        {501, "501 Not Implemented"},
        {503, "503 Service Unavailable"},
        {505, "505 HTTP Version Not Supported"},
    };
    for (uint32_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].code == status) {
            return statuses[i].text;
        }
    }
    return "500 Internal Server Error";
}

static void put(struct net_http_exchange *x, const char *text) {
    char *to = x->buffer + x->made;
    const char *end = x->buffer + HEAD_ROOM_BYTES;
    while (*text != '\0' && to < end) {
        *to++ = *text++;
    }
    x->made = (uint16_t)(to - x->buffer);
}

static void put_number(struct net_http_exchange *x, uint32_t value) {
    char digits[11];
    uint32_t i = sizeof(digits) - 1;
    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(x, digits + i);
}

static void put_allow(struct net_http_exchange *x, uint8_t allow) {
    bool get = (allow & NET_HTTP_GET) != 0;
    bool post = (allow & NET_HTTP_POST) != 0;
    put(x, "\r\nAllow: ");
    put(x, get ? "GET, HEAD" : "");
    put(x, get && post ? ", " : "");
    put(x, post ? "POST" : "");
}

// The longest head of ours is 35 + 58 + 28 + 24 + 26 + 4 bytes: it fits HEAD_ROOM_BYTES.
static void put_head(struct net_http_exchange *x, int status, const char *type, uint32_t n,
                     uint8_t allow) {
    put(x, "HTTP/1.1 ");
    put(x, status_text(status));
    if (type != NULL) {
        ASSERT(strlen(type) <= TYPE_CHARS_MAX);
        put(x, "\r\nContent-Type: ");
        put(x, type);
    }
    if (status != 204) {
        put(x, "\r\nContent-Length: ");
        put_number(x, n);
    }
    if (allow != 0) {
        put_allow(x, allow);
    }
    if (x->close) {
        put(x, "\r\nConnection: close");
    } else if (x->request.is_http_1_0) {
        put(x, "\r\nConnection: keep-alive");
    }
    put(x, "\r\n\r\n");
}

void exchange_begin_time(struct net_http_exchange *x) {
    x->active_ms = os_now_ms();
    x->moved = 0;
}

void exchange_moved(struct net_http_exchange *x, uint32_t n) {
    x->moved += n;
    if (x->moved >= HTTP_PROGRESS_BYTES) {
        exchange_begin_time(x);
    }
}

bool exchange_is_lent(const struct net_http_exchange *x) {
    return x->made == 0 && x->body_left == 0;
}

// Have `fill` make a piece. False if there is no room now, or the connection was cut.
static bool make(struct net_http_exchange *x) {
    // Free and in one piece: to the buffer's end, or to the oldest byte once `in` has wrapped.
    uint32_t room = BUFFER_BYTES - (x->used > x->ring_in ? x->used : x->ring_in);
    room = room < x->body_left ? room : x->body_left;
    bool is_worth_it =
        room >= ROOM_MIN || room == x->body_left || x->ring_in + room == BUFFER_BYTES;
    if (room == 0 || !is_worth_it) {
        return false;
    }
    int n = x->fill(x, x->offset, x->buffer + x->ring_in, room);
    if (n <= 0 || (uint32_t)n > room) {
        net_tcp_drop(&x->tcp);
        return false;
    }
    x->offset += (uint32_t)n;
    x->body_left -= (uint32_t)n;
    x->ring_in = (uint16_t)((x->ring_in + n) % BUFFER_BYTES);
    x->made = (uint16_t)(x->made + n);
    x->used = (uint16_t)(x->used + n);
    return true;
}

// Lend a piece of the ring. False if not all of it was taken.
static bool lend_made(struct net_http_exchange *x) {
    uint32_t n = BUFFER_BYTES - x->ring_out;
    n = n < x->made ? n : x->made;
    bool more = x->body_left > 0 || n < x->made;
    int taken = net_tcp_send(&x->tcp, x->buffer + x->ring_out, n, more);
    if (taken <= 0) {
        return false;
    }
    x->ring_out = (uint16_t)((x->ring_out + taken) % BUFFER_BYTES);
    x->made = (uint16_t)(x->made - taken);
    return (uint32_t)taken == n;
}

static bool lend_body(struct net_http_exchange *x) {
    int taken = net_tcp_send(&x->tcp, x->body, x->body_left, false);
    if (taken <= 0) {
        return false;
    }
    x->body += taken;
    x->body_left -= (uint32_t)taken;
    return x->body_left == 0;
}

// Lend as much of the answer as there is room for.
static void push(struct net_http_exchange *x) {
    bool goes_on = true;
    while (goes_on && !exchange_is_lent(x)) {
        if (x->made > 0) {
            goes_on = lend_made(x);
        } else if (x->fill != NULL) {
            goes_on = make(x);
        } else {
            goes_on = lend_body(x);
        }
    }
    if (!net_tcp_in_use(&x->tcp)) {
        return; // `fill` failed
    }
    if (exchange_is_lent(x) && x->close) {
        net_tcp_finish(&x->tcp);
    } else {
        net_tcp_send(&x->tcp, NULL, 0, false); // nothing waits for more
    }
}

void exchange_answer(struct net_http_exchange *x, int status, const char *type, uint32_t n,
                     uint8_t allow) {
    x->close =
        x->close || x->unread > 0; // an answer before the end of the body ends the connection
    x->made = 0;
    put_head(x, status, type, n, allow);
    x->used = x->made;
    x->ring_out = 0;
    x->ring_in = x->made;
    x->offset = 0;
    x->body_left = x->request.method == HTTP_HEAD || status == 204 ? 0 : n;
    x->state = STATE_ANSWER;
    exchange_begin_time(x);
    push(x);
}

void exchange_refuse(struct net_http_exchange *x, int status, uint8_t allow) {
    x->close = true;
    x->route = NULL; // it has no part in this, and is not told when the client leaves
    x->fill = NULL;
    x->body = status_text(status);
    exchange_answer(x, status, "text/plain", (uint32_t)strlen(x->body), allow);
}

void exchange_continue(struct net_http_exchange *x) {
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    int taken = net_tcp_send(&x->tcp, text, sizeof(text) - 1, false);
    x->before = (uint16_t)(taken > 0 ? taken : 0); // if there was no room, clients wait and send
}

void exchange_sent(struct net_http_exchange *x, uint32_t n) {
    uint32_t before = n < x->before ? n : x->before;
    x->before = (uint16_t)(x->before - before);
    n -= before;
    x->used = (uint16_t)(n < x->used ? x->used - n : 0);
    exchange_moved(x, n);
    if (x->state == STATE_ANSWER) {
        push(x);
    }
}
