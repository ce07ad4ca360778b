# SPDX-License-Identifier: Apache-2.0
"""QEMU's sockets in a state folder; a lost one becomes pyOCD's ProbeDisconnected, and why."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyocd.core import exceptions

from unitool import powered, unix_sockets
from unitool.gdb_packets import GdbError
from unitool.powered import Powered
from unitool.state import QMP

_ANSWER_S = 10.0
_GREETING_S = 2.0
_CAUSE_S, _REFUSAL_S, _POLL_S = 2.0, 0.5, 0.05
_CHUNK = 1 << 16


@contextmanager
def losing(board: Powered) -> Iterator[None]:
    """Turn what a dead guest looks like into pyOCD's error for it."""
    try:
        yield
    except TimeoutError:
        raise exceptions.ProbeError(
            f"the emulated {board.board} does not answer: see qemu.log in {board.state}"
        ) from None
    except GdbError as error:  # a refusal, unless the guest is gone
        cause = _cause(board, _REFUSAL_S)
        if cause is None:
            raise exceptions.TransferError(error.message) from None
        raise exceptions.ProbeDisconnected(cause) from None
    except (OSError, EOFError):
        closed = f"the emulated {board.board} closed its debug connection"
        raise exceptions.ProbeDisconnected(_cause(board, _CAUSE_S) or closed) from None


def _cause(board: Powered, patience_s: float) -> str | None:
    """Say why the connection broke, if it did. The supervisor needs a moment to find out."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if all(entry.process != board.process for entry in powered.boards()):
            return (
                f"the emulated {board.board} is off, or died: see {board.state}/qemu.log; unitool "
                f"emulate -b {board.board} --state {board.state} switches it on"
            )
        if _held(board):
            return (
                f"the CPU of the emulated {board.board} locked up and is held: connect again, and "
                "flash what it can run"
            )
        time.sleep(_POLL_S)
    return None


def _held(board: Powered) -> bool:
    """Whether a new QEMU holds its CPU: the supervisor's answer to a lock-up."""
    with contextlib.suppress(OSError, EOFError, exceptions.ProbeError):
        monitor = Monitor(board, _POLL_S)
        try:
            return bool(monitor.execute("query-status")["status"] == "prelaunch")
        finally:
            monitor.close()
    return False


class Monitor:
    """QEMU's machine protocol, one command at a time."""

    def __init__(self, board: Powered, patience_s: float = _GREETING_S) -> None:
        """Connect. ProbeError if another debugger has the board: QEMU serves one at a time."""
        self._socket = unix_sockets.connect(Path(board.state), QMP)
        self._socket.settimeout(patience_s)
        self._pending = b""
        self._events: list[str] = []
        try:
            self._message()
        except TimeoutError:
            self.close()
            raise exceptions.ProbeError(
                f"another debugger is connected to the emulated {board.board}: end it first"
            ) from None
        self._socket.settimeout(_ANSWER_S)
        self.execute("qmp_capabilities")

    def execute(self, command: str) -> Any:
        """Run a command and return its result."""
        self._socket.sendall(json.dumps({"execute": command}).encode() + b"\n")
        while True:
            message = self._message()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise exceptions.ProbeError(f"QEMU refused {command}: {message['error']['desc']}")
            self._events.append(message.get("event", ""))

    def take(self, event: str) -> bool:
        """Whether `event` came since the last call. Reads what is there, without waiting."""
        self._socket.setblocking(False)
        try:
            while True:
                self._events.append(self._message().get("event", ""))
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(_ANSWER_S)
        found = event in self._events
        self._events.clear()
        return found

    def await_event(self, event: str) -> None:
        """Return when `event` has come since the last `take`."""
        while event not in self._events:
            self._events.append(self._message().get("event", ""))
        self._events.clear()

    def _message(self) -> dict[str, Any]:
        while b"\n" not in self._pending:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise EOFError
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


class Qtest:
    """QEMU's test protocol: what a debugger's memory port does, also while the CPU runs."""

    def __init__(self, connection: socket.socket) -> None:
        """`connection` is to the state folder's qtest socket."""
        self._socket = connection
        self._socket.settimeout(_ANSWER_S)
        self._lines = connection.makefile("rb")

    def read(self, address: int, size: int) -> bytes:
        """Return memory: devices see accesses of one, two or four bytes where `size` is that."""
        if size in _WIDTHS and address % size == 0:
            value = int(self._ask(f"read{_WIDTHS[size]} {address:#x}"), 16)
            return value.to_bytes(8, "little")[:size]
        return bytes.fromhex(self._ask(f"read {address:#x} {size:#x}")[2:])

    def write(self, address: int, data: bytes) -> None:
        """Change memory, with the access sizes that `read` uses."""
        if len(data) in _WIDTHS and address % len(data) == 0:
            value = int.from_bytes(data, "little")
            self._ask(f"write{_WIDTHS[len(data)]} {address:#x} {value:#x}")
        elif data:
            self._ask(f"write {address:#x} {len(data):#x} 0x{data.hex()}")

    def _ask(self, command: str) -> str:
        self._socket.sendall(command.encode() + b"\n")
        answer = self._lines.readline().decode()
        if not answer.endswith("\n"):
            raise EOFError
        word, _, value = answer.strip().partition(" ")
        if word != "OK":
            raise exceptions.TransferError(f"QEMU refused {command[:40]}: {answer.strip()}")
        return value

    def close(self) -> None:
        """Let go of it."""
        self._lines.close()
        self._socket.close()


_WIDTHS = {1: "b", 2: "w", 4: "l"}
