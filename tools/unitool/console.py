# SPDX-License-Identifier: Apache-2.0
"""The console of an emulated board: everything it said, and waiting for what it will say."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from unitool import unix_sockets
from unitool.errors import EmulatorError
from unitool.state import CONSOLE

_TAIL_CHARACTERS = 2000
_SLICE_S = 0.5


class Console:
    """Collects what the guest prints; `expect` reads on from where the last match ended."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        """`send` passes bytes to the guest."""
        self._send = send
        self._text = ""
        self._position = 0
        self._changed = threading.Condition()
        self._failure: Callable[[], EmulatorError | None] = lambda: None

    def watch(self, failure: Callable[[], EmulatorError | None]) -> None:
        """`failure` tells why nothing more can come."""
        self._failure = failure

    def feed(self, data: bytes) -> None:
        """Take what the guest printed."""
        with self._changed:
            self._text += data.decode(errors="replace")
            self._changed.notify_all()

    def wake(self) -> None:
        """Let those who wait look at `failure` again."""
        with self._changed:
            self._changed.notify_all()

    @property
    def log(self) -> str:
        """All that was printed since this object was made, over every power cycle."""
        with self._changed:
            return self._text

    def send(self, data: bytes | str) -> None:
        """Type on the console."""
        self._send(data.encode() if isinstance(data, str) else data)

    def expect(self, pattern: str, timeout_s: float = 30) -> re.Match[str]:
        """Wait until `pattern` appears behind the last match. EmulatorError at the timeout."""
        compiled = re.compile(pattern)
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                match = compiled.search(self._text, self._position)
                if match is not None:
                    self._position = match.end()
                    return match
                failure = self._failure()
                if failure is not None:
                    raise failure
                left_s = end - time.monotonic()
                if left_s <= 0:
                    raise EmulatorError(
                        f"the board did not print {pattern!r} within {timeout_s:g} s, but:\n"
                        + (self._text[self._position :][-_TAIL_CHARACTERS:] or "(nothing)"),
                        "look at the console with unitool run",
                    )
                self._changed.wait(min(left_s, _SLICE_S))

    def read(self, position: int, timeout_s: float) -> str:
        """Return what was printed from character `position` on; waits for the first."""
        with self._changed:
            if len(self._text) <= position:
                self._changed.wait(timeout_s)
            return self._text[position:]


def connect(state: Path) -> socket.socket:
    """Connect to the console of the board that runs in `state`. OSError if none does."""
    return unix_sockets.connect(state, CONSOLE)


def listen(state: Path) -> socket.socket:
    """Offer a console at state/console.sock, in place of a dead one."""
    return unix_sockets.listen(state, CONSOLE)


class Clients:
    """Whoever is connected to the console's socket: all hear the guest, all may type."""

    def __init__(self, listener: socket.socket, type_: Callable[[bytes], None]) -> None:
        self._listener = listener
        self._type = type_
        self._clients: list[socket.socket] = []
        self._selector: selectors.BaseSelector | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def attach(self, selector: selectors.BaseSelector) -> None:
        """Let `selector` watch them; `handle` takes what it finds."""
        self._selector = selector
        selector.register(self._listener, selectors.EVENT_READ, "listener")
        for client in self._clients:
            selector.register(client, selectors.EVENT_READ, client)

    def handle(self, key: selectors.SelectorKey) -> None:
        """Greet a new one, or pass on what one typed."""
        assert self._selector is not None
        if key.data == "listener":
            client, _ = self._listener.accept()
            client.setblocking(False)
            self._clients.append(client)
            self._selector.register(client, selectors.EVENT_READ, client)
            return
        if key.data not in self._clients:
            return  # dropped since the selector looked
        data = b""
        with contextlib.suppress(OSError):
            data = key.data.recv(4096)
        if data:
            self._type(data)
        else:
            self._drop(key.data)

    def _drop(self, client: socket.socket) -> None:
        assert self._selector is not None
        with contextlib.suppress(KeyError):
            self._selector.unregister(client)
        self._clients.remove(client)
        client.close()

    def send(self, data: bytes) -> None:
        """Let all of them hear `data`."""
        for client in list(self._clients):
            try:
                client.sendall(data)
            except OSError:  # gone, or too slow to keep up with
                self._drop(client)
