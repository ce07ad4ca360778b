// SPDX-License-Identifier: Apache-2.0
// TCP connections, event by event from the run loop, without copies: received bytes are looked at
// where they arrived, sent bytes stay the caller's until they are acknowledged. No allocation; each
// connection has a fixed share of the stack's pools, and those of `reserved` ones are set apart.
#pragma once
#include "hal/language.h"
#include <stdbool.h>
#include <stdint.h>

C_BEGIN

enum { NET_TCP_WINDOW_MAX = 0xFFFF }; // windows are not scaled

struct net_tcp;

// Called from the run loop only, or from within a net_tcp_ function where it says so.
struct net_tcp_events {
    // The connection stands (connected or accepted).
    void (*on_open)(struct net_tcp *c);

    // `n` bytes arrived, valid during the call. Each counts against the window until it is given
    // back by net_tcp_consumed.
    void (*on_data)(struct net_tcp *c, const uint8_t *data, uint32_t n);

    // The first `n` bytes of what was lent have been acknowledged: they are the caller's again, and
    // there is room for more.
    void (*on_sent)(struct net_tcp *c, uint32_t n);

    // The other side sends no more. Answer and call net_tcp_finish.
    void (*on_end)(struct net_tcp *c);

    // Over, `c` may be used anew: 0 both sides finished; ERR_CLOSED reset by the other side;
    // ERR_TIMED_OUT not answering; ERR_NO_MEMORY pushed out by a more important connection.
    void (*on_closed)(struct net_tcp *c, int err);
};

// The caller's memory, zero at first; all fields but `reserved` are private.
struct net_tcp {
    const struct net_tcp_events *events;
    void *pcb;
    uint32_t lent;   // bytes
    uint16_t window; // bytes granted in all
    uint16_t unread; // bytes delivered and not yet consumed
    bool finished;   // our FIN is queued
    bool ended;      // their FIN came
    bool reserved;   // use the share set apart: for one connection, the update agent's
};

// The caller's memory, for ever. A client for whom there is no connection waits with a closed
// window.
struct net_tcp_listener {
    // One that is not in use; asked only while fewer than `connections` of them are.
    struct net_tcp *(*accept)(struct net_tcp_listener *l);
    // Clients wait, or are turned away: close an idle connection, if there is one.
    void (*on_full)(struct net_tcp_listener *l);
    const struct net_tcp_events *events; // of accepted connections
    uint32_t connections;                // that `accept` can deliver at once
    void *pcb;                           // private
};

// ERR_BUSY if the port is taken, ERR_NO_MEMORY.
int net_tcp_listen(struct net_tcp_listener *l, uint16_t port);

// Ends in on_open or on_closed. ERR_STATE while `c` is in use or the network is down,
// ERR_NO_MEMORY if the share is used up, ERR_BUSY if no local port is free.
int net_tcp_connect(struct net_tcp *c, const struct net_tcp_events *events, uint32_t address,
                    uint16_t port);

// Lend up to `n` bytes for sending; they must not change until on_sent has counted them. Returns
// how many were taken, 0 if there is no room now, ERR_STATE if `c` is not open for sending. `more`:
// others follow at once; without it everything taken so far is sent.
int net_tcp_send(struct net_tcp *c, const void *data, uint32_t n, bool more);

// Open the window again by `n` delivered bytes. Allowed in on_data.
void net_tcp_consumed(struct net_tcp *c, uint32_t n);

// Ask for a window of `bytes` in all, for a long transfer; get what the device can receive besides
// the windows of all others.
void net_tcp_widen(struct net_tcp *c, uint32_t bytes);

// Send FIN behind what was lent. Data still arrives; on_closed follows when the other side
// finishes.
void net_tcp_finish(struct net_tcp *c);

// Let go at once, without further events: orderly if nothing is lent, otherwise with a reset.
// Harmless if `c` is not in use.
void net_tcp_drop(struct net_tcp *c);

// True from net_tcp_connect or accept to on_closed or net_tcp_drop.
bool net_tcp_in_use(const struct net_tcp *c);

// For the generated init, after os/random's. 0: cannot fail.
int net_tcp_init(void);

C_END
