// SPDX-License-Identifier: Apache-2.0
// TCP over lwIP's raw interface. Two things are ours: shares (an application reaches lwIP only
// through here, so no one can use up what belongs to another) and windows (their sum never exceeds
// what the device can hold, and everything received is looked at at once, so that no buffer is ever
// kept).
#include "net/tcp.h"

#include "core.h"
#include "hal/err.h"
#include "hal/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip_hooks.h"
#include "os/panic.h"
#include "os/random.h"
#include "os/sched.h"
#include "os/time.h"
#include "param/net_tcp.h"
#include "ports.h"
#include "siphash.h"

enum {
    CONNECTIONS = PARAM_NET_TCP_CONNECTIONS,
    CLOSING_SHARES = 2, // windows of connections that we have let go
    ADMITTED_MAX = CONNECTIONS + PARAM_NET_TCP_BACKLOG,
    PRIO_APP = TCP_PRIO_MIN,
    PRIO_WAITING = TCP_PRIO_MIN + 1, // an accepted client for which there is no connection yet
    PRIO_RESERVED = TCP_PRIO_MAX,
    WINDOW_MIN = 128,
    ROOM_MS = 250, // between two looks whether those that wait can be served
    ANY_PORT = 0,
    PORT_TRIES = 16,
    ISN_TICK_US = 4, // RFC 6528
};

static struct {
    uint64_t key[2];          // of initial sequence numbers
    uint16_t port;            // the last one chosen
    uint16_t window;          // bytes, of a connection that asked for no more
    uint16_t spare;           // bytes that windows may grow by, in all
    bool making_room;         // an abort comes from a more important connection
    struct tcp_pcb *in_event; // whose event is being handled
    bool aborted_in_event;
    struct os_timer room; // runs when a connection has become free
} tcp;

static struct tcp_pcb *pcb_of(const struct net_tcp *c) {
    return c->pcb;
}

static bool is_waiting(const struct tcp_pcb *pcb) {
    return pcb->prio == PRIO_WAITING;
}

static struct net_tcp_listener *listener_of(const struct tcp_pcb *pcb) {
    struct tcp_pcb_listen *l = tcp_listen_pcbs.listen_pcbs;
    while (l->local_port != pcb->local_port) { // listeners stay for ever
        l = l->next;
    }
    return l->callback_arg;
}

// Connections of the application, all or those at one port. Half-open ones have been promised
// theirs.
static uint32_t count_used(uint16_t port) {
    uint32_t n = 0;
    for (const struct tcp_pcb *p = tcp_active_pcbs; p != NULL; p = p->next) {
        bool counts = port == ANY_PORT || p->local_port == port;
        n += counts && p->prio == PRIO_APP && p->callback_arg != NULL;
    }
    return n;
}

static uint32_t count_waiting(void) {
    uint32_t n = 0;
    for (const struct tcp_pcb *p = tcp_active_pcbs; p != NULL; p = p->next) {
        n += is_waiting(p);
    }
    return n;
}

static bool has_room(const struct tcp_pcb *pcb) {
    return count_used(ANY_PORT) < CONNECTIONS &&
           count_used(pcb->local_port) < listener_of(pcb)->connections;
}

// A connection is about to open. Whether the client is served at once or waits is told by its first
// window; the sequence number cannot be guessed (RFC 6528).
uint32_t net_tcp_opening(struct tcp_pcb *pcb) {
    if (pcb->state == SYN_RCVD) {
        pcb->prio = has_room(pcb) ? PRIO_APP : PRIO_WAITING;
        pcb->rcv_wnd = is_waiting(pcb) ? 0 : tcp.window;
        pcb->rcv_ann_wnd = pcb->rcv_wnd;
    }
    uint64_t words[2] = {(uint64_t)ip4_addr_get_u32(ip_2_ip4(&pcb->remote_ip)) << 32 |
                             ip4_addr_get_u32(ip_2_ip4(&pcb->local_ip)),
                         (uint64_t)pcb->remote_port << 16 | pcb->local_port};
    return (uint32_t)siphash(tcp.key, words, 2) + (uint32_t)(os_uptime_us() / ISN_TICK_US);
}

// Drop a first segment for which there is no room even to wait; the client repeats it.
err_t net_tcp_admit(struct tcp_pcb *pcb) {
    if (pcb->state != LISTEN || count_used(ANY_PORT) + count_waiting() < ADMITTED_MAX) {
        return ERR_OK;
    }
    struct net_tcp_listener *l = pcb->callback_arg;
    l->on_full(l);
    return ERR_MEM;
}

static void set_window(struct net_tcp *c, uint16_t bytes) {
    struct tcp_pcb *pcb = pcb_of(c);
    c->window = bytes;
    c->unread = 0;
    pcb->rcv_wnd = bytes;
    pcb->rcv_ann_wnd = bytes;
    pcb->rcv_ann_right_edge = pcb->rcv_nxt + bytes;
}

// Announce more window when it pays: half of it, or a full segment.
static void announce(struct net_tcp *c) {
    struct tcp_pcb *pcb = pcb_of(c);
    uint32_t gain = pcb->rcv_nxt + pcb->rcv_wnd - pcb->rcv_ann_right_edge;
    uint32_t worth = c->window / 2U;
    if (gain >= worth || gain >= pcb->mss) {
        pcb->rcv_ann_wnd = pcb->rcv_wnd;
        tcp_ack_now(pcb);
        tcp_output(pcb);
    }
}

static void on_room(struct os_timer *timer);

// `c` is the caller's again. What its window had grown by goes back.
static void forget(struct net_tcp *c) {
    if (!c->reserved && c->window > tcp.window) {
        tcp.spare = (uint16_t)(tcp.spare + (c->window - tcp.window));
    }
    c->window = 0;
    c->pcb = NULL;
    os_timer_start(&tcp.room, 0, on_room);
}

static void adopt(struct net_tcp *c, struct tcp_pcb *pcb) {
    c->pcb = pcb;
    c->lent = 0;
    c->unread = 0;
    c->window = 0;
    c->finished = false;
    c->ended = false;
    pcb->callback_arg = c;
    tcp_nagle_disable(pcb);
}

static void closed(struct net_tcp *c, int err) {
    forget(c);
    c->events->on_closed(c, err);
}

// Both sides said FIN and nothing of ours is outstanding: lwIP ends it alone.
static bool close_if_over(struct net_tcp *c) {
    if (!c->finished || !c->ended || c->lent > 0) {
        return false;
    }
    pcb_of(c)->callback_arg = NULL;
    closed(c, 0);
    return true;
}

static void abort_pcb(struct tcp_pcb *pcb) {
    if (pcb == tcp.in_event) {
        tcp.aborted_in_event = true;
    }
    pcb->callback_arg = NULL;
    tcp_abort(pcb);
}

static void serve(struct net_tcp_listener *l, struct tcp_pcb *pcb) {
    struct net_tcp *c = l->accept(l);
    ASSERT(c != NULL && c->pcb == NULL);
    adopt(c, pcb);
    c->events = l->events;
    c->window = tcp.window;
    if (is_waiting(pcb)) {
        pcb->prio = PRIO_APP;
        pcb->rcv_wnd = tcp.window;
        announce(c);
    }
    c->events->on_open(c);
}

static void on_accept(struct net_tcp_listener *l, struct tcp_pcb *pcb) {
    if (is_waiting(pcb)) {
        pcb->callback_arg = NULL;
        os_timer_start(&tcp.room, 0, on_room);
    } else {
        serve(l, pcb);
    }
}

// A connection may have become free: serve those that wait, who came first before others.
static void on_room(struct os_timer *timer) {
    struct tcp_pcb *served;
    struct tcp_pcb *left;
    do {
        served = NULL;
        left = NULL;
        for (struct tcp_pcb *p = tcp_active_pcbs; p != NULL; p = p->next) {
            if (is_waiting(p) && p->state == ESTABLISHED) {
                left = p;
                served = has_room(p) ? p : served; // lwIP puts new ones in front
            }
        }
        if (served != NULL) {
            serve(listener_of(served), served);
        }
    } while (served != NULL);
    if (left != NULL) {
        struct net_tcp_listener *l = listener_of(left);
        l->on_full(l);
        os_timer_start(timer, ROOM_MS, on_room);
    }
}

static void on_connected(struct net_tcp *c) {
    set_window(c, c->reserved ? PARAM_NET_TCP_RESERVED_WINDOW : tcp.window);
    c->events->on_open(c);
}

static void on_sent(struct net_tcp *c, uint32_t n) {
    n = n < c->lent ? n : c->lent;
    c->lent -= n;
    if (n > 0 && !close_if_over(c)) {
        c->events->on_sent(c, n);
    }
}

// The handler may let `c` go, and even connect it anew, between two pieces.
static void on_data(struct net_tcp *c, struct tcp_pcb *pcb, const struct pbuf *p) {
    for (; p != NULL && c->pcb == pcb && !tcp.aborted_in_event; p = p->next) {
        c->unread = (uint16_t)(c->unread + p->len);
        c->events->on_data(c, p->payload, p->len);
    }
}

static void on_received(struct net_tcp *c, struct tcp_pcb *pcb, struct pbuf *p) {
    if (p != NULL) {
        on_data(c, pcb, p);
        pbuf_free(p);
        return;
    }
    c->ended = true;
    if (!close_if_over(c)) {
        c->events->on_end(c);
    }
}

static int error_of(err_t err) {
    if (err == ERR_CLSD) {
        return 0; // both sides finished
    }
    if (err == ERR_RST) {
        return ERR_CLOSED;
    }
    return tcp.making_room ? ERR_NO_MEMORY : ERR_TIMED_OUT;
}

static void dispatch(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p,
                     uint32_t size) {
    switch (event) {
    case LWIP_EVENT_ACCEPT:
        if (pcb != NULL) {
            on_accept(arg, pcb);
        }
        break;
    case LWIP_EVENT_CONNECTED:
        on_connected(arg);
        break;
    case LWIP_EVENT_SENT:
        on_sent(arg, size);
        break;
    case LWIP_EVENT_RECV:
        on_received(arg, pcb, p);
        break;
    default:
        break;
    }
}

// For a connection that we let go: what still comes is taken and dropped, so that it can end in
// order. A client that waits and gives up is gone at once.
static err_t on_stray(struct tcp_pcb *pcb, struct pbuf *p) {
    if (p != NULL) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    if (!is_waiting(pcb)) {
        return ERR_OK;
    }
    tcp_abort(pcb);
    return ERR_ABRT;
}

// many: lwIP sets them. NOLINTNEXTLINE(readability-function-size)
err_t lwip_tcp_event(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p,
                     u16_t size, err_t err) {
    if (arg == NULL) {
        return event == LWIP_EVENT_RECV ? on_stray(pcb, p) : ERR_OK;
    }
    if (event == LWIP_EVENT_ERR) { // its pcb is gone already
        closed(arg, error_of(err));
        return ERR_OK;
    }
    struct tcp_pcb *outer = tcp.in_event;
    bool outer_aborted = tcp.aborted_in_event;
    tcp.in_event = pcb;
    tcp.aborted_in_event = false;
    dispatch(arg, pcb, event, p, size);
    bool aborted = tcp.aborted_in_event;
    tcp.in_event = outer;
    tcp.aborted_in_event = outer_aborted;
    return aborted ? ERR_ABRT : ERR_OK;
}

int net_tcp_listen(struct net_tcp_listener *l, uint16_t port) {
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL) {
        return ERR_NO_MEMORY;
    }
    pcb->prio = PRIO_APP;
    if (tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK) {
        tcp_abort(pcb);
        return ERR_BUSY;
    }
    struct tcp_pcb *listening = tcp_listen(pcb);
    if (listening == NULL) {
        tcp_abort(pcb);
        return ERR_NO_MEMORY;
    }
    listening->callback_arg = l;
    l->pcb = listening;
    return 0;
}

static int bind_anywhere(struct tcp_pcb *pcb) {
    for (uint32_t tries = 0; tries < PORT_TRIES; tries++) {
        uint16_t random;
        os_random(&random, sizeof(random));
        tcp.port = port_after(tcp.port, random);
        if (tcp_bind(pcb, IP_ADDR_ANY, tcp.port) == ERR_OK) {
            return 0;
        }
    }
    return ERR_BUSY;
}

// A control block, if need be that of a less important connection; maybe the one whose event is
// being handled, and lwIP must be told that it is gone.
static struct tcp_pcb *allocate(bool reserved) {
    tcp.making_room = true;
    struct tcp_pcb *pcb = tcp_alloc(reserved ? PRIO_RESERVED : PRIO_APP);
    tcp.making_room = false;
    struct tcp_pcb *p = tcp_active_pcbs;
    while (p != NULL && p != tcp.in_event) {
        p = p->next;
    }
    tcp.aborted_in_event |= p == NULL && tcp.in_event != NULL;
    return pcb;
}

int net_tcp_connect(struct net_tcp *c, const struct net_tcp_events *events, uint32_t address,
                    uint16_t port) {
    if (c->pcb != NULL || !net_up()) {
        return ERR_STATE;
    }
    if (!c->reserved && count_used(ANY_PORT) >= CONNECTIONS) {
        return ERR_NO_MEMORY;
    }
    struct tcp_pcb *pcb = allocate(c->reserved);
    if (pcb == NULL) {
        return ERR_NO_MEMORY;
    }
    const ip_addr_t remote = IPADDR4_INIT(lwip_htonl(address));
    int err = bind_anywhere(pcb);
    if (err < 0 || tcp_connect(pcb, &remote, port, NULL) != ERR_OK) {
        tcp_abort(pcb);
        return err < 0 ? err : ERR_NO_MEMORY;
    }
    adopt(c, pcb);
    c->events = events;
    return 0;
}

int net_tcp_send(struct net_tcp *c, const void *data, uint32_t n, bool more) {
    struct tcp_pcb *pcb = pcb_of(c);
    if (pcb == NULL || c->finished || (pcb->state != ESTABLISHED && pcb->state != CLOSE_WAIT)) {
        return ERR_STATE;
    }
    uint32_t room = tcp_sndbuf(pcb);
    uint32_t taken = n < room ? n : room;
    if (taken < n && taken < pcb->mss) {
        taken = 0; // a full segment fits soon
    }
    u8_t flags = more || taken < n ? TCP_WRITE_FLAG_MORE : 0;
    if (taken > 0 && tcp_write(pcb, data, (u16_t)taken, flags) != ERR_OK) {
        taken = 0;
    }
    c->lent += taken;
    if (!more || taken < n) {
        tcp_output(pcb);
    }
    return (int)taken;
}

void net_tcp_consumed(struct net_tcp *c, uint32_t n) {
    struct tcp_pcb *pcb = pcb_of(c);
    n = n < c->unread ? n : c->unread;
    if (pcb == NULL || n == 0) {
        return;
    }
    c->unread = (uint16_t)(c->unread - n);
    pcb->rcv_wnd = (tcpwnd_size_t)(pcb->rcv_wnd + n);
    announce(c);
}

void net_tcp_widen(struct net_tcp *c, uint32_t bytes) {
    struct tcp_pcb *pcb = pcb_of(c);
    bytes = bytes < TCP_WND ? bytes : TCP_WND;
    if (pcb == NULL || c->reserved || bytes <= c->window) {
        return;
    }
    uint32_t gain = bytes - c->window;
    gain = gain < tcp.spare ? gain : tcp.spare;
    tcp.spare = (uint16_t)(tcp.spare - gain);
    c->window = (uint16_t)(c->window + gain);
    pcb->rcv_wnd = (tcpwnd_size_t)(pcb->rcv_wnd + gain);
    announce(c);
}

void net_tcp_finish(struct net_tcp *c) {
    if (c->pcb == NULL || c->finished) {
        return;
    }
    c->finished = true;
    tcp_shutdown(pcb_of(c), 0, 1); // if it finds no memory now, lwIP tries again by itself
}

void net_tcp_drop(struct net_tcp *c) {
    struct tcp_pcb *pcb = pcb_of(c);
    if (pcb == NULL) {
        return;
    }
    bool in_order = c->lent == 0 && pcb->state != SYN_SENT;
    forget(c);
    if (!in_order) {
        abort_pcb(pcb);
        return;
    }
    pcb->prio = PRIO_APP; // what is left of the reserved one is not worth more than others
    pcb->callback_arg = NULL;
    tcp_shutdown(pcb, 0, 1);
    tcp_close(pcb);
}

bool net_tcp_in_use(const struct net_tcp *c) {
    return c->pcb != NULL;
}

int net_tcp_init(void) {
    os_random(tcp.key, sizeof(tcp.key));
    os_random(&tcp.port, sizeof(tcp.port));
    uint32_t all = board_netif->receive_frames * TCP_MSS;
    uint32_t apps = all > PARAM_NET_TCP_RESERVED_WINDOW ? all - PARAM_NET_TCP_RESERVED_WINDOW : 0;
    uint32_t share = apps / (CONNECTIONS + CLOSING_SHARES);
    share = share < PARAM_NET_TCP_WINDOW ? share : PARAM_NET_TCP_WINDOW;
    tcp.window = (uint16_t)(share > WINDOW_MIN ? share : WINDOW_MIN);
    uint32_t used = tcp.window * (uint32_t)(CONNECTIONS + CLOSING_SHARES);
    uint32_t spare = apps > used ? apps - used : 0;
    tcp.spare = (uint16_t)(spare < NET_TCP_WINDOW_MAX ? spare : NET_TCP_WINDOW_MAX);
    return 0;
}
