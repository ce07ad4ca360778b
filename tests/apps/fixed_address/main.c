// SPDX-License-Identifier: Apache-2.0
// A server without DHCP, at the address that QEMU forwards ports to. Tells what it was asked.
#include "net/http_server.h"
#include "net/net.h"

#include <string.h>

enum { ADDRESS = 10 << 24 | 2 << 8 | 15, MASK = ~0xFF, GATEWAY = 10 << 24 | 2 << 8 | 2 };

static void tell(struct net_http_exchange *x) {
    size_t room;
    char *text = net_http_buffer(x, &room);
    strcpy(text, net_http_method(x) == NET_HTTP_POST ? "POST to " : "GET from ");
    net_address_text(net_address(), text + strlen(text));
    net_http_reply(x, 200, "text/plain", text, (uint32_t)strlen(text));
}

static const struct net_http_route routes[] = {
    {.path = "/", .methods = NET_HTTP_GET | NET_HTTP_POST, .body_max = 10, .on_request = tell},
    {0},
};

int main(void) {
    net_set_address(ADDRESS, (uint32_t)MASK, GATEWAY, 0);
    return net_http_serve(80, routes);
}
