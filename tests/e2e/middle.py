# SPDX-License-Identifier: Apache-2.0
"""A man in the middle: an HTTP proxy between boards and the server that may answer by itself."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Reply:
    """Status, body and the headers that matter."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Middle:
    """`turn(middle, poll, honest reply)` decides what the board gets while `on`."""

    def __init__(self, upstream: str) -> None:
        """`upstream`: where the server listens, http://127.0.0.1:PORT."""
        self.upstream = upstream.removeprefix("http://")
        self.turn: Callable[[Middle, bytes, Reply], Reply] | None = None
        self.polls: list[bytes] = []
        self.answers: list[bytes] = []
        self.turns = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                self._send(outer.forward("GET", self.path, b"", self.headers.get("Range")))

            def do_POST(self) -> None:
                poll = self.rfile.read(int(self.headers["Content-Length"]))
                self._send(outer.poll(poll))

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def guest_url(self) -> str:
        """Return the address that boards are given."""
        return f"http://10.0.2.2:{self._server.server_port}"

    def forward(self, method: str, path: str, body: bytes, range_: str | None = None) -> Reply:
        """Return what the server says to this."""
        connection = http.client.HTTPConnection(self.upstream, timeout=10)
        headers = {"Range": range_} if range_ else {}
        connection.request(method, path, body or None, headers)
        found = connection.getresponse()
        data = found.read()
        kept = {k: v for k, v in found.getheaders() if k in ("content-range", "content-type")}
        connection.close()
        return Reply(found.status, data, kept)

    def poll(self, message: bytes) -> Reply:
        """Return what the board gets for a poll."""
        honest = self.forward("POST", "/v1/poll", message)
        if self.turn is None:
            self.polls.append(message)
            self.answers.append(honest.body)
            return honest
        self.turns += 1
        return self.turn(self, message, honest)

    def __enter__(self) -> Self:
        """Listen."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
