# SPDX-License-Identifier: Apache-2.0
"""QEMU's machine protocol over a connected socket: commands out, replies and events in."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from typing import Any

from unitool.errors import EmulatorError

_REPLY_S = 10.0
_HINT = "qemu.log in the board's state folder has what it said; then start the board again"


class Qmp:
    """One QEMU's control connection. `receive` is called by the thread that owns the socket."""

    def __init__(self, connection: socket.socket) -> None:
        """Ask for command mode at once; QEMU obeys after its greeting."""
        self.socket = connection
        self.ready = False  # QEMU has greeted: its options were right
        self._pending = b""
        self._replies: dict[int, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._ids = itertools.count(1)
        self._closed = False
        self._write({"execute": "qmp_capabilities"})

    def _write(self, message: dict[str, Any]) -> None:
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> tuple[list[dict[str, Any]], bool]:
        """Read what came: the events, and whether QEMU closed the connection."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        events = []
        *lines, self._pending = (self._pending + data).split(b"\n")
        with self._changed:
            self._closed = not data
            for line in lines:
                message = json.loads(line)
                self.ready |= "QMP" in message
                if "event" in message:
                    events.append(message)
                elif "id" in message:
                    self._replies[message["id"]] = message
            self._changed.notify_all()
        return events, self._closed

    def execute(self, command: str, **arguments: object) -> Any:
        """Run a command and return its result. EmulatorError if QEMU refuses or is gone."""
        number = next(self._ids)
        message = {"execute": command, "id": number}
        if arguments:
            message["arguments"] = arguments
        try:
            self._write(message)
        except OSError:
            raise EmulatorError(f"QEMU is gone, {command} did not reach it", _HINT) from None
        with self._changed:
            self._changed.wait_for(lambda: number in self._replies or self._closed, _REPLY_S)
            reply = self._replies.pop(number, None)
        if reply is None:
            raise EmulatorError(f"QEMU did not answer {command} within {_REPLY_S:g} s", _HINT)
        if "error" in reply:
            raise EmulatorError(f"QEMU refused {command}: {reply['error'].get('desc')}", _HINT)
        return reply.get("return")
