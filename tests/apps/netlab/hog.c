// SPDX-License-Identifier: Apache-2.0
// Takes everything that an application can get, as a bad one would.
#include "lab.h"

#include "net/net.h"
#include "net/tcp.h"
#include "os/heap.h"

#include <stdlib.h>

enum { HOGS_MAX = 64, CHUNKS_MAX = 64, SMALLEST = 16 };

static struct net_tcp hogs[HOGS_MAX];
static void *chunks[CHUNKS_MAX];
static uint32_t lent;
static const char junk[64];

static void push(struct net_tcp *c) {
    int taken;
    do { // in the smallest pieces: the most segments
        taken = net_tcp_send(c, junk, 1, false);
        lent += taken > 0 ? (uint32_t)taken : 0;
    } while (taken > 0);
}

static void on_sent(struct net_tcp *c, uint32_t n) {
    (void)n;
    push(c);
}

static void on_data(struct net_tcp *c, const uint8_t *data, uint32_t n) {
    (void)c; // never consumed: its window stays closed
    (void)data;
    (void)n;
}

static void on_end(struct net_tcp *c) {
    (void)c;
}

static void on_closed(struct net_tcp *c, int err) {
    (void)c;
    (void)err;
}

static const struct net_tcp_events events = {push, on_data, on_sent, on_end, on_closed};

static uint32_t take_heap(void) {
    uint32_t taken = 0;
    uint32_t i = 0;
    for (size_t size = 1U << 24; size >= SMALLEST; size /= 2) {
        while (i < CHUNKS_MAX && (chunks[i] = os_alloc(size)) != NULL) {
            taken += (uint32_t)size;
            i++;
        }
    }
    return taken;
}

void hog(struct net_http_exchange *x) {
    static const char *const names[] = {"heap", "connections", "error"};
    uint32_t values[3] = {take_heap(), 0, 0};
    uint16_t port = (uint16_t)atoi(net_http_query(x));
    int err = 0;
    while (values[1] < HOGS_MAX && err == 0) {
        err = net_tcp_connect(&hogs[values[1]], &events, net_gateway(), port);
        values[1] += err == 0;
    }
    values[2] = (uint32_t)-err;
    answer(x, names, values, 3, "");
}

void hog_free(struct net_http_exchange *x) {
    static const char *const names[] = {"lent"};
    for (uint32_t i = 0; i < CHUNKS_MAX; i++) {
        os_free(chunks[i]);
        chunks[i] = NULL;
    }
    for (uint32_t i = 0; i < HOGS_MAX; i++) {
        net_tcp_drop(&hogs[i]);
    }
    answer(x, names, &lent, 1, "");
}
