# SPDX-License-Identifier: Apache-2.0
"""webdemo's HTTP server on emulated boards: what it serves, what it refuses, what it survives."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from unitool.emulator import Emulator

from tests.qemu.net_tools import Client, get

Device = Callable[..., Emulator]

MEBIBYTE = 1 << 20
PATTERN = bytes((i * 7 + (i >> 8) * 13) & 0xFF for i in range(MEBIBYTE))


@pytest.fixture
def port(device: Device) -> Iterator[int]:
    """Return the forwarded port of a running webdemo."""
    with device("firmware/apps/webdemo", forward=(80,)) as board:
        board.console.expect(r"net: up, 10\.0\.2\.15")
        yield board.port(80)


def test_page_and_status(port: int) -> None:
    page = get(port, "/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.body.startswith(b"<!doctype html>")
    assert page.body.endswith(b"</script>\n")
    status = json.loads(get(port, "/status").body)
    assert (status["app"], status["slot"], status["boot"]["count"]) == ("webdemo", "A", 1)
    assert status["boot"]["reason"] == "power-on"
    assert status["heap"]["size"] > status["heap"]["used"]
    assert "doing" in status["update"]


def test_an_address_set_by_hand_needs_no_dhcp(device: Device) -> None:
    with device("tests/apps/fixed_address", forward=(80,)) as board:
        board.console.expect(r"net: up, 10\.0\.2\.15")
        with Client(board.port(80)) as client:
            assert client.get("/").body == b"GET from 10.0.2.15"
            assert client.post("/", b"text").body == b"POST to 10.0.2.15"


def test_a_mebibyte_each_way_arrives_whole(port: int) -> None:
    with Client(port) as client:
        assert client.get("/pattern").body == PATTERN
        for size in (0, 1, 1460, 1461, MEBIBYTE):
            body = random.Random(size).randbytes(size)
            told = json.loads(client.post("/digest", body).body)
            assert told == {"bytes": size, "sha256": hashlib.sha256(body).hexdigest()}


def test_uploads_and_downloads_at_once(port: int) -> None:
    body = random.Random(1).randbytes(MEBIBYTE)
    digest = hashlib.sha256(body).hexdigest()
    done: list[bool] = []

    def upload() -> None:
        with Client(port) as client:
            done.append(json.loads(client.post("/digest", body).body)["sha256"] == digest)

    def download() -> None:
        with Client(port) as client:
            done.append(client.get("/pattern").body == PATTERN)

    work = [threading.Thread(target=f) for f in (upload, download) * 3]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
    assert done == [True] * 6


def test_a_thousand_requests_from_eight_clients(port: int) -> None:
    failures: list[BaseException] = []

    def client(number: int) -> None:
        try:
            with Client(port) as connection:
                for _ in range(100):
                    assert connection.get("/").status == 200
            for _ in range(25):
                assert get(port, "/status").status == 200
        except BaseException as error:
            failures.append(error)

    work = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
    assert not failures


REFUSED = {
    "no such path": ("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "method not allowed": ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
    "known method": ("DELETE /status HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "unknown method": ("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "no length": ("POST /digest HTTP/1.1\r\nHost: x\r\n\r\n", 411),
    "chunked": ("POST /digest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    "too large": ("POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
    "body of a GET": ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
    "long target": (f"GET /{'a' * 5000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "long head": (f"GET / HTTP/1.1\r\nHost: x\r\nA: {'a' * 9000}\r\n\r\n", 431),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "two lengths": (
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
    ),
    "version": ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "control character": ("GET / HTTP/1.1\r\nHost: \x01\r\n\r\n", 400),
    "noise": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
}


def test_what_is_refused_gets_its_status_and_a_prompt_end(port: int) -> None:
    for name, (request, status) in REFUSED.items():
        with Client(port) as client:
            started = time.monotonic()
            client.send(request.encode("latin-1"))
            reply = client.reply()
            assert reply.status == status, name
            assert reply.headers["connection"] == "close", name
            assert client.is_closed(), name
            assert time.monotonic() - started < 1.0, name
    with Client(port) as client:
        assert client.get("/status", method="PUT").headers["allow"] == "GET, HEAD"


def test_ways_to_end_a_connection(port: int) -> None:
    with Client(port) as client:  # asked for
        client.get("/", "Connection: close\r\n")
        assert client.is_closed()
    with Client(port) as client:  # HTTP/1.0
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.reply().status == 200
        assert client.is_closed()
    with Client(port) as client:  # half-closed by the client
        client.send(b"GET /pattern HTTP/1.1\r\nHost: x\r\n\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.reply().body == PATTERN
        assert client.is_closed()
    with Client(port) as client:  # kept
        assert client.get("/", method="HEAD").body == b""
        assert client.get("/").status == 200


def test_pipelined_request_ends_the_connection_after_the_first_answer(port: int) -> None:
    request = b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n"
    with Client(port) as client:
        client.send(request + request)
        assert client.reply().status == 200
        assert client.is_closed()


def test_body_is_asked_for(port: int) -> None:
    with Client(port) as client:
        client.send(
            b"POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        while b"100 Continue\r\n\r\n" not in client.rest:
            client.rest += client.socket.recv(100)
        client.send(b"abc")
        assert json.loads(client.reply().body)["sha256"] == hashlib.sha256(b"abc").hexdigest()


def test_more_clients_than_connections_are_served_in_turn(port: int) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(Client(port)) for _ in range(6)]
        for client in idle:
            assert client.get("/status").status == 200
        started = time.monotonic()
        assert get(port, "/").status == 200  # the longest idle one makes room
        assert time.monotonic() - started < 4.0
        assert sum(client.socket.recv(1, socket.MSG_DONTWAIT) == b"" for client in idle[:1]) == 1


def test_clients_that_leave_in_the_middle(port: int) -> None:
    pieces = [
        b"GET / HT",
        b"GET /pattern HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes(5000),
    ]
    reset = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 s
    for i in range(40):
        with Client(port) as client:
            client.send(pieces[i % 3])
            if i % 2:
                client.socket.recv(100) if i % 3 == 1 else None
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert json.loads(get(port, "/status").body)["boot"]["count"] == 1
    with Client(port) as client:
        assert client.get("/pattern").body == PATTERN


def test_mutated_requests_do_no_harm(port: int) -> None:
    seed = b"POST /digest HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd"
    rng = random.Random(5)
    for _ in range(300):
        request = bytearray(seed)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(request))
            request[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        with Client(port) as client:
            client.send(bytes(request))
            client.socket.shutdown(socket.SHUT_WR)
            client.socket.settimeout(5)
            while client.socket.recv(4096):
                pass
    assert json.loads(get(port, "/status").body)["boot"]["count"] == 1
