# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP client over sockets, and a server whose answers a test writes byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

TIMEOUT_S = 20.0

# QEMU listens at a forwarded port with a backlog of one: of connections that come faster than it
# accepts, the host's kernel delays some for a second and resets others.
ACCEPT_S = 0.01
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection to a forwarded port."""

    def __init__(self, port: int) -> None:
        with _one_at_a_time:
            self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
            time.sleep(ACCEPT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError(self.rest)
        self.rest += piece

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self, *, has_body: bool = True) -> Reply:
        """Read one answer, skipping 100 Continue."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        status = int(first.split(" ")[1])
        if status == 100:
            return self.reply(has_body=has_body)
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", "0")) if has_body else 0
        while len(self.rest) < size:
            self._more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return Reply(status, headers, body)

    def get(self, path: str, extra: str = "", method: str = "GET") -> Reply:
        self.send(f"{method} {path} HTTP/1.1\r\nHost: board\r\n{extra}\r\n".encode())
        return self.reply(has_body=method != "HEAD")

    def post(self, path: str, body: bytes, extra: str = "") -> Reply:
        length = f"Content-Length: {len(body)}\r\n"
        self.send(f"POST {path} HTTP/1.1\r\nHost: board\r\n{length}{extra}\r\n".encode() + body)
        return self.reply()

    def is_closed(self) -> bool:
        """Wait for the other side's end of the connection."""
        with suppress(ConnectionResetError):
            return self.rest == b"" and self.socket.recv(1) == b""
        return True


def get(port: int, path: str) -> Reply:
    """Fetch with a connection of its own."""
    with Client(port) as client:
        return client.get(path, "Connection: close\r\n")


Handler = Callable[[str, dict[str, str]], bytes | None]


class HostServer:
    """Answers each request with the bytes that `handler(target, headers)` returns; None closes,
    and so does "Connection: close" in an answer.

    The board reaches it as 10.0.2.2.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> HostServer:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (self.listener, *self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    rest += piece
                head, _, rest = rest.partition(b"\r\n\r\n")
                first, *lines = head.decode("ascii").split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)}
                answer = self.handler(first.split(" ")[1], headers)
                if answer is None:
                    return
                connection.sendall(answer)
                if b"\r\nConnection: close\r\n" in answer:
                    return
