// SPDX-License-Identifier: Apache-2.0
// Test application of the network.
#include "lab.h"

#include "os/log.h"
#include "os/panic.h"

#include <stddef.h>

static const struct net_http_route routes[] = {
    {.path = "/fetch", .methods = NET_HTTP_GET, .on_request = fetch, .on_gone = fetch_gone},
    {.path = "/hog", .methods = NET_HTTP_GET, .on_request = hog},
    {.path = "/free", .methods = NET_HTTP_GET, .on_request = hog_free},
    {0},
};

static uint32_t put(char *to, uint32_t at, uint32_t size, const char *text) {
    while (*text != '\0' && at < size) {
        to[at++] = *text++;
    }
    return at;
}

static uint32_t put_number(char *to, uint32_t at, uint32_t size, uint32_t value) {
    char digits[11] = {0};
    uint32_t i = sizeof(digits) - 1;
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(to, at, size, digits + i);
}

void answer(struct net_http_exchange *x, const char *const names[], const uint32_t values[],
            uint32_t n, const char *digest) {
    size_t room;
    char *to = net_http_buffer(x, &room);
    uint32_t size = (uint32_t)room;
    uint32_t at = put(to, 0, size, "{");
    for (uint32_t i = 0; i < n; i++) {
        at = put(to, at, size, "\"");
        at = put(to, at, size, names[i]);
        at = put(to, at, size, "\":");
        at = put_number(to, at, size, values[i]);
        at = put(to, at, size, ",");
    }
    at = put(to, at, size, "\"sha256\":\"");
    at = put(to, at, size, digest);
    at = put(to, at, size, "\"}\n");
    net_http_reply(x, 200, "application/json", to, at);
}

int main(void) {
    if (net_http_serve(80, routes) < 0) {
        os_panic("netlab: no port");
    }
    echo_start();
    LOG("netlab ready");
    return 0;
}
