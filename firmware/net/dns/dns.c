// SPDX-License-Identifier: Apache-2.0
// Resolver: asks the server of DHCP over UDP and repeats. Identifier and port are random, and only
// the server's address and port are listened to.
#include "net/dns.h"

#include "core.h"
#include "dns_message.h"
#include "hal/err.h"
#include "lwip/udp.h"
#include "os/random.h"
#include "os/sched.h"
#include "os/time.h"

enum {
    TRIES = 4,
    RETRY_MS = 1500,
    TICK_MS = 500,
    SERVER_PORT = 53,
    PORT_FIRST = 49152,
};

static struct {
    struct net_dns_query *queries;
    struct udp_pcb *pcb;
    struct os_timer tick;
} dns;

static void close_if_idle(void) {
    if (dns.queries == NULL && dns.pcb != NULL) {
        udp_remove(dns.pcb);
        dns.pcb = NULL;
    }
}

void net_dns_cancel(struct net_dns_query *query) {
    struct net_dns_query **at = &dns.queries;
    while (*at != NULL && *at != query) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = query->next;
    }
}

static void end(struct net_dns_query *query, int err, uint32_t address) {
    net_dns_cancel(query);
    query->fn(query, err, address);
}

static void on_answer(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                      u16_t port) {
    (void)arg;
    (void)pcb;
    (void)from; // the pcb is connected: lwIP has compared address and port
    (void)port;
    struct net_dns_query *q = dns.queries;
    uint16_t id = dns_message_id(p->payload, p->len);
    while (q != NULL && q->id != id) {
        q = q->next;
    }
    if (q != NULL) {
        uint8_t asked[DNS_QUERY_BYTES_MAX];
        int n = dns_write_query(asked, id, q->name);
        uint32_t address = 0;
        int err = dns_read_answer(p->payload, p->len, asked, (uint32_t)n, &address);
        if (err != ERR_FORMAT) {
            end(q, err, address);
        }
    }
    pbuf_free(p);
}

static int open_port(void) {
    if (dns.pcb != NULL) {
        return 0;
    }
    uint16_t port;
    os_random(&port, sizeof(port));
    const ip_addr_t server = IPADDR4_INIT(lwip_htonl(net_dns_server()));
    dns.pcb = udp_new();
    if (dns.pcb == NULL) {
        return ERR_NO_MEMORY;
    }
    udp_bind(dns.pcb, IP_ADDR_ANY, (u16_t)(PORT_FIRST | port));
    udp_connect(dns.pcb, &server, SERVER_PORT);
    udp_recv(dns.pcb, on_answer, NULL);
    return 0;
}

// Failing to send is like a lost packet: the next try follows.
static void ask(struct net_dns_query *query) {
    uint8_t message[DNS_QUERY_BYTES_MAX];
    int n = dns_write_query(message, query->id, query->name);
    query->due_ms = os_now_ms() + RETRY_MS;
    query->tries_left--;
    struct pbuf *p = open_port() < 0 ? NULL : pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);
    if (p != NULL) {
        pbuf_take(p, message, (u16_t)n);
        udp_send(dns.pcb, p);
        pbuf_free(p);
    }
}

// One query per turn at most is ended here, since its `fn` may change the list.
static void on_tick(struct os_timer *timer) {
    struct net_dns_query *over = NULL;
    for (struct net_dns_query *q = dns.queries; q != NULL; q = q->next) {
        if ((int32_t)(os_now_ms() - q->due_ms) < 0) {
            continue;
        }
        if (q->tries_left > 0) {
            ask(q);
        } else {
            over = q;
        }
    }
    if (over != NULL) {
        end(over, ERR_TIMED_OUT, 0);
    }
    close_if_idle();
    if (dns.queries != NULL) {
        os_timer_start(timer, TICK_MS, on_tick);
    }
}

int net_dns_resolve(struct net_dns_query *query, const char *name,
                    void (*fn)(struct net_dns_query *query, int err, uint32_t address)) {
    uint8_t message[DNS_QUERY_BYTES_MAX];
    if (net_dns_server() == 0) {
        return ERR_STATE;
    }
    int n = dns_write_query(message, 0, name);
    if (n < 0) {
        return n;
    }
    net_dns_cancel(query);
    query->name = name;
    query->fn = fn;
    query->tries_left = TRIES;
    os_random(&query->id, sizeof(query->id));
    query->next = dns.queries;
    dns.queries = query;
    ask(query);
    os_timer_start(&dns.tick, TICK_MS, on_tick);
    return 0;
}
