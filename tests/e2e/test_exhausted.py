# SPDX-License-Identifier: Apache-2.0
"""An app that takes all of its heap and every connection it can get is updated all the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest
from fleet import Backend, UnitMaker, Versions, wait_for
from unitool.boards import Board

# Connects again and again, sends without end, and never takes what it is sent.
HOG = """
#include "net/net.h"
#include "net/tcp.h"
#include "os/sched.h"

enum { HOGS = 64, HOG_PORT = %d, JUNK_BYTES = 4096 };
static struct net_tcp hogs[HOGS];
static struct os_timer hog_timer;
static uint8_t junk[JUNK_BYTES];
static uint32_t hogs_open, hogs_refused;

static void hog_send(struct net_tcp *c) {
    while (net_tcp_send(c, junk, sizeof junk, true) > 0) {
    }
}
static void hog_opened(struct net_tcp *c) {
    hogs_open++;
    hog_send(c);
}
static void hog_data(struct net_tcp *c, const uint8_t *data, uint32_t n) {
    (void)c, (void)data, (void)n;
}
static void hog_sent(struct net_tcp *c, uint32_t n) {
    (void)n;
    hog_send(c);
}
static void hog_ended(struct net_tcp *c) {
    (void)c;
}
static void hog_closed(struct net_tcp *c, int err) {
    (void)c, (void)err;
    hogs_open--;
}
static const struct net_tcp_events hog_events = {hog_opened, hog_data, hog_sent, hog_ended,
                                                 hog_closed};

static void take_everything(struct os_timer *timer) {
    uint32_t taken = 0;
    while (os_alloc(64) != NULL) {
        taken++;
    }
    for (unsigned i = 0; i < HOGS; i++) {
        if (!net_tcp_in_use(&hogs[i]) &&
            net_tcp_connect(&hogs[i], &hog_events, net_gateway(), HOG_PORT) < 0) {
            hogs_refused++;
            break;
        }
    }
    if (taken > 0) {
        LOG("hog: heap is full");
    }
    if (hogs_open > 0 && hogs_refused == 20) {
        LOG("hog: %%u connections, no more to be had", hogs_open);
    }
    os_timer_start(timer, 50, take_everything);
}
"""


@pytest.fixture
def sink() -> Iterator[int]:
    """Accept connections, send to them, and read nothing; return the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    client.setblocking(False)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    kept.append(client)
                    with suppress(BlockingIOError):
                        client.send(b"x" * 65536)

        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for client in kept:
            client.close()


def test_an_update_completes_while_the_app_holds_everything(
    board: Board, unit: UnitMaker, backend: Backend, versions: Versions, sink: int
) -> None:
    hog = versions.make(
        board,
        "1.0.0",
        also=HOG % sink,
        start="os_timer_start(&hog_timer, 50, take_everything);",
        net=("core", "tcp"),
    )
    one = unit(first=hog)
    with one.emulator:
        one.emulator.console.expect(r"hog: heap is full", 30)
        one.emulator.console.expect(r"hog: \d+ connections, no more to be had", 30)
        rollout = backend.roll_out(versions.make(board, "2.0.0"))
        backend.wait_done(rollout, one)
        one.wait_version("2.0.0")
    assert wait_for(lambda: backend.rollout(rollout)["counts"] == {"done": 1}, "done")
