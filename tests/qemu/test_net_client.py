# SPDX-License-Identifier: Apache-2.0
"""netlab: the HTTP client against all kinds of servers, an echo, and what an app cannot block."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from unitool.emulator import Emulator

from tests.qemu.net_tools import Client, HostServer

Device = Callable[..., Emulator]

BLOB = random.Random(3).randbytes(300_000)
ERR_FORMAT, ERR_UNSUPPORTED, ERR_TIMED_OUT, ERR_NO_MEMORY, ERR_CLOSED = 6, 7, 8, 9, 12
ABSENT = 0xFFFFFFFF


@pytest.fixture
def lab(device: Device) -> Iterator[Emulator]:
    """Return a running netlab."""
    with device("tests/apps/netlab", forward=(80, 7)) as board:
        board.console.expect(r"net: up, 10\.0\.2\.15")
        yield board


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


def serve(target: str, headers: dict[str, str]) -> bytes | None:
    """Blobs with ranges, and everything that a server can do wrong."""
    if target == "/blob":
        start = headers.get("range", "")
        if not start:
            return head("200 OK", f"Content-Length: {len(BLOB)}") + BLOB
        at = int(start.removeprefix("bytes=").removesuffix("-"))
        if at >= len(BLOB):
            return head("416 No", f"Content-Range: bytes */{len(BLOB)}", "Content-Length: 0")
        told = f"Content-Range: bytes {at}-{len(BLOB) - 1}/{len(BLOB)}"
        return head("206 Partial Content", told, f"Content-Length: {len(BLOB) - at}") + BLOB[at:]
    answers: dict[str, bytes | None] = {
        "/missing": head("404 Not Found", "Content-Length: 3") + b"no\n",
        "/moved": head("302 Found", "Location: /blob", "Content-Length: 0"),
        "/empty": head("204 No Content"),
        "/chunked": head("200 OK", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
        "/early": head("100 Continue") + head("200 OK", "Content-Length: 2") + b"ok",
        "/short": head("200 OK", "Content-Length: 10", "Connection: close") + b"abc",
        "/garbage": b"SSH-2.0-OpenSSH_9.2p1\r\n",
        "/folded": head("200 OK", "A: b", " c", "Content-Length: 0"),
        "/long": head("200 OK", f"A: {'a' * 9000}", "Content-Length: 0"),
        "/lengths": head("200 OK", "Content-Length: 1", "Content-Length: 2") + b"ab",
        "/range": head("206 OK", "Content-Range: bytes 5-2/9", "Content-Length: 1") + b"a",
        "/surplus": head("200 OK", "Content-Length: 2") + b"okHTTP/1.1 200 OK\r\n\r\n",
        "/silent": b"",
        "/none": None,
    }
    return answers[target]


class Lab:
    """The board's fetch command."""

    def __init__(self, board: Emulator, server: HostServer) -> None:
        self.client = Client(board.port(80))
        self.server = server

    def fetch(
        self, path: str, start: int | None = None, *, reserved: bool = False
    ) -> dict[str, object]:
        """Have the board fetch a path of the server."""
        first = "-" if start is None else str(start)
        url = f"http://10.0.2.2:{self.server.port}{path}"
        reply = self.client.get(f"/fetch?{int(reserved)}&{first}&{url}")
        assert reply.status == 200
        told: dict[str, object] = json.loads(reply.body)
        return told


def test_client_fetches_and_resumes(lab: Emulator) -> None:
    with HostServer(serve) as server:
        board = Lab(lab, server)
        for reserved in (False, True):
            told = board.fetch("/blob", reserved=reserved)
            assert (told["error"], told["status"], told["bytes"]) == (0, 200, len(BLOB))
            assert told["sha256"] == sha256(BLOB)
            assert (told["length"], told["from"], told["total"]) == (len(BLOB), ABSENT, ABSENT)
            told = board.fetch("/blob", 100_001, reserved=reserved)
            assert (told["error"], told["status"]) == (0, 206)
            assert (told["from"], told["total"]) == (100_001, len(BLOB))
            assert told["sha256"] == sha256(BLOB[100_001:])
        assert server.connections == 2, "one per client, kept between requests"


def test_client_reports_what_a_server_does(lab: Emulator) -> None:
    expected = {
        "/missing": (0, 404, 3),
        "/moved": (0, 302, 0),
        "/empty": (0, 204, 0),
        "/early": (0, 200, 2),
        "/chunked": (ERR_UNSUPPORTED, 200, 0),
        "/short": (ERR_CLOSED, 200, 3),
        "/garbage": (ERR_FORMAT, 0, 0),
        "/folded": (ERR_FORMAT, 0, 0),
        "/long": (ERR_FORMAT, 0, 0),
        "/lengths": (ERR_FORMAT, 0, 0),
        "/range": (ERR_FORMAT, 0, 0),
        "/surplus": (0, 200, 2),
        "/none": (ERR_CLOSED, 0, 0),
        "/silent": (ERR_TIMED_OUT, 0, 0),
    }
    with HostServer(serve) as server:
        board = Lab(lab, server)
        for path, (error, status, size) in expected.items():
            told = board.fetch(path)
            assert (told["error"], told["status"], told["bytes"]) == (error, status, size), path
        told = board.fetch("/blob", len(BLOB))
        assert (told["status"], told["from"], told["total"]) == (416, ABSENT, len(BLOB))
        assert board.fetch("/blob")["sha256"] == sha256(BLOB)


def test_nobody_listens_and_no_such_name(lab: Emulator) -> None:
    with HostServer(serve) as server:
        board = Lab(lab, server)
        free = server.port
        server.__exit__()
        assert board.fetch("/blob")["error"] == ERR_CLOSED, free
        reply = board.client.get("/fetch?0&-&http://no-such-name.invalid/")
        assert json.loads(reply.body)["error"] != 0
        reply = board.client.get("/fetch?0&-&https://10.0.2.2/")
        assert json.loads(reply.body)["error"] != 0


def test_reserved_client_works_when_the_app_has_used_up_everything(lab: Emulator) -> None:
    with HostServer(serve) as server, HostServer(lambda *_: b"") as sink:
        board = Lab(lab, server)
        told = json.loads(board.client.get(f"/hog?{sink.port}").body)
        assert told["error"] == ERR_NO_MEMORY
        assert told["connections"] >= 3
        assert told["heap"] > 1_000_000
        assert board.fetch("/blob")["error"] == ERR_NO_MEMORY
        for _ in range(3):
            told = board.fetch("/blob", reserved=True)
            assert (told["error"], told["sha256"]) == (0, sha256(BLOB))
        assert json.loads(board.client.get("/free").body)["lent"] > 0
        assert board.fetch("/blob")["sha256"] == sha256(BLOB)


def test_reserved_client_works_when_strangers_hold_all_connections(lab: Emulator) -> None:
    with HostServer(serve) as server, ExitStack() as stack:
        board = Lab(lab, server)
        for i in range(20):
            stranger = stack.enter_context(Client(lab.port(80 if i % 3 else 7)))
            stranger.send(b"GET /fetch" if i % 2 else b"")
            told = board.fetch("/blob", reserved=True)
            assert (told["error"], told["sha256"]) == (0, sha256(BLOB))


def test_tcp_echoes_a_mebibyte(lab: Emulator) -> None:
    data = random.Random(9).randbytes(1 << 20)
    for _ in range(2):
        with Client(lab.port(7)) as client:
            thread = threading.Thread(target=client.send, args=(data,))
            thread.start()
            back = b""
            while len(back) < len(data):
                piece = client.socket.recv(65536)
                assert piece
                back += piece
            thread.join()
            assert sha256(back) == sha256(data)
