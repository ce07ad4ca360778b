# SPDX-License-Identifier: Apache-2.0
"""A client of gdb's remote serial protocol: memory, registers, breakpoints, run control."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from types import TracebackType
from typing import Self

from unitool.gdb_packets import (
    HINT,
    INTERRUPT,
    Decoder,
    GdbError,
    GdbGoneError,
    Mark,
    Register,
    Stop,
    frame,
    is_stop,
    parse_features,
)

__all__ = ["GdbError", "GdbGoneError", "GdbRemote", "Register", "Stop", "connect"]

_ANSWER_S = 10.0
_RESENDS = 3
_PACKET_BYTES = 400  # where the server names no size: what every stub can take
_OVERHEAD_BYTES = 32  # of a packet, besides the data that it carries
_WRITE_HEAD_MAX = len("X12345678,12345678:")


def connect(host: str, port: int, timeout_s: float = _ANSWER_S) -> socket.socket:
    """Return a connection to a gdb server. GdbError if nobody listens."""
    try:
        connection = socket.create_connection((host, port), timeout=timeout_s)
    except OSError as error:
        raise GdbError(
            f"no gdb server at {host}:{port} ({error.strerror or error})",
            "start one there (unitool run --gdb, openocd), or name another place",
        ) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class GdbRemote:
    """One target behind a stream socket. Every method: GdbError if it refuses or is gone.

    A stop reply that nobody asked for (a running guest is stopped by the connection, and says so)
    is dropped while another answer is waited for.
    """

    def __init__(self, connection: socket.socket, timeout_s: float = _ANSWER_S) -> None:
        """Agree on features. The target may be stopped by this; `close` leaves it as it is then."""
        self._socket = connection
        self._timeout_s = timeout_s
        self._decoder = Decoder()
        self._came: deque[bytes | Mark] = deque()
        self._acks = True
        self._binary: bool | None = None  # whether X is understood; None: not tried yet
        self._registers: dict[str, Register] | None = None
        self.was_stopped = True  # no stop was reported that nobody asked for
        told = self._ask(b"qSupported:swbreak+;hwbreak+").split(b";")
        self._features = {name for name in told if name.endswith(b"+")}
        sizes = [part[11:] for part in told if part.startswith(b"PacketSize=")]
        self.packet_bytes = _number(sizes[0]) if sizes else _PACKET_BYTES
        if b"QStartNoAckMode+" in self._features:
            self._expect_ok(b"QStartNoAckMode")
            self._acks = False

    # -- memory

    def read(self, address: int, size: int) -> bytes:
        """Return memory as the target's CPU sees it."""
        step = max(1, (self.packet_bytes - _OVERHEAD_BYTES) // 2)
        data = b""
        while len(data) < size:
            at, wanted = address + len(data), min(step, size - len(data))
            piece = _bytes(self._ask(b"m%x,%x" % (at, wanted)), f"reading {at:#x}")
            if not piece or len(piece) > wanted:
                raise GdbError(f"{len(piece)} bytes at {at:#x} instead of {wanted}", HINT)
            data += piece
        return data

    def write(self, address: int, data: bytes) -> None:
        """Change memory. A gdb server decides whether that is a bus write or goes behind it."""
        if self._binary is None:
            self._binary = self._ask(b"X%x,0:" % address) == b"OK"
        room = self.packet_bytes - _OVERHEAD_BYTES - _WRITE_HEAD_MAX
        step = max(1, room // 2)  # two digits a byte; at worst every binary byte is escaped
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            head = b"%x,%x:" % (address + at, len(piece))
            content = b"X" + head + piece if self._binary else b"M" + head + piece.hex().encode()
            self._expect_ok(content, f"writing {address + at:#x}")

    # -- registers

    @property
    def registers(self) -> dict[str, Register]:
        """Every register that the target's description names."""
        if self._registers is None:
            found: list[Register] = []
            files, following = deque(["target.xml"]), 0
            while files:
                text = self.transfer("features", files.popleft())
                here, includes, following = parse_features(text, following)
                found += here
                files.extendleft(reversed(includes))
            self._registers = {register.name: register for register in found}
        return self._registers

    def read_register(self, name: str) -> int:
        """Return one register."""
        number = self._register(name).number
        return int.from_bytes(
            _bytes(self._ask(b"p%x" % number), f"reading register {name}"), "little"
        )

    def write_register(self, name: str, value: int) -> None:
        """Set one register."""
        register = self._register(name)
        content = (value & ((1 << 8 * register.size) - 1)).to_bytes(register.size, "little")
        self._expect_ok(b"P%x=%s" % (register.number, content.hex().encode()), f"setting {name}")

    def _register(self, name: str) -> Register:
        if name not in self.registers:
            raise GdbError(f"the target has no register {name!r}", HINT)
        return self.registers[name]

    # -- breakpoints: 0 software, 1 hardware, 2 write, 3 read, 4 access

    def insert(self, kind: int, address: int, size: int) -> None:
        """Set a breakpoint or watchpoint; `size` is the bytes watched, or the kind of break."""
        self._expect_ok(b"Z%d,%x,%x" % (kind, address, size), f"a breakpoint at {address:#x}")

    def remove(self, kind: int, address: int, size: int) -> None:
        """Take it away again."""
        self._expect_ok(b"z%d,%x,%x" % (kind, address, size), f"the breakpoint at {address:#x}")

    def clear(self) -> None:
        """Greet a target that stands, as gdb does: QEMU drops breakpoints of earlier sessions."""
        self._send(b"?")
        self._stopped()

    # -- running

    def resume(self) -> None:
        """Let it run; `wait` or `interrupt` come next."""
        self._send(b"c")

    def step(self) -> Stop:
        """Run one instruction."""
        self._send(b"s")
        return self._stopped()

    def wait(self, timeout_s: float) -> Stop | None:
        """Return why it stopped; None if it did not within the time."""
        payload = self._receive(time.monotonic() + timeout_s)
        if payload is None:
            return None
        if payload[:1] == b"O" and payload != b"OK":  # what the target prints
            return self.wait(timeout_s)
        return Stop.parse(payload)

    def interrupt(self) -> Stop:
        """Stop it where it is."""
        self._write(INTERRUPT)
        return self._stopped()

    def _stopped(self) -> Stop:
        stop = self.wait(self._timeout_s)
        if stop is None:
            raise GdbGoneError(f"the target did not stop within {self._timeout_s:g} s", HINT)
        return stop

    # -- the server

    def transfer(self, object_: str, annex: str = "") -> bytes:
        """Read one of the server's objects, such as features or memory-map."""
        step, content = self.packet_bytes - _OVERHEAD_BYTES, b""
        while True:
            head = f"qXfer:{object_}:read:{annex}:{len(content):x},{step:x}"
            answer = self._ask(head.encode())
            if answer[:1] not in (b"m", b"l"):
                raise GdbError(f"the gdb server has no {object_} {annex}".rstrip(), HINT)
            content += answer[1:]
            if answer[:1] == b"l":
                return content
            if len(answer) == 1:
                raise GdbError(f"the gdb server's {object_} does not end", HINT)

    def monitor(self, command: str) -> str:
        """Run a command of the server's own (`monitor` in gdb); return what it printed."""
        answer = self._ask(b"qRcmd," + command.encode().hex().encode())
        said = b""
        while answer != b"OK":
            if answer[:1] == b"O":
                said += _bytes(answer[1:], "a monitor command")
            elif answer == b"" or answer[:1] == b"E":
                raise GdbError(f"the gdb server refuses the command {command!r}", HINT)
            else:
                return (said + _bytes(answer, "a monitor command")).decode(errors="replace")
            answer = self._answer()
        return said.decode(errors="replace")

    def is_qemu(self) -> bool:
        """Whether the server is QEMU's own."""
        return self._ask(b"qqemu.sstepbits") != b""

    def detach(self) -> None:
        """Let the target run on and end the session."""
        with contextlib.suppress(GdbError):  # some close at once
            self._ask(b"D")
        self.close()

    def close(self) -> None:
        """Drop the connection and leave the target as it is."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    # -- packets

    def _expect_ok(self, payload: bytes, doing: str = "") -> None:
        answer = self._ask(payload)
        if answer != b"OK":
            what = doing or payload.decode(errors="replace")
            raise GdbError(f"{what}: {_refusal(answer)}", HINT)

    def _ask(self, payload: bytes) -> bytes:
        self._send(payload)
        return self._answer()

    def _answer(self) -> bytes:
        end = time.monotonic() + self._timeout_s
        while (payload := self._receive(end)) is not None:
            if not is_stop(payload):
                return payload
            self.was_stopped = False
            if Stop.parse(payload).exited:
                raise GdbGoneError("the target is gone: its program ended", HINT)
        raise GdbGoneError(f"the gdb server did not answer within {self._timeout_s:g} s", HINT)

    def _send(self, payload: bytes) -> None:
        packet = frame(payload)
        self._write(packet)
        if not self._acks:
            return
        end, left = time.monotonic() + self._timeout_s, _RESENDS
        early: list[bytes | Mark] = []
        while (item := self._next(end)) is not Mark.ACK:
            if item is None:
                raise GdbGoneError("the gdb server does not acknowledge packets", HINT)
            if item is Mark.NACK:
                left -= 1
                if left < 0:
                    raise GdbError("the connection to the gdb server damages packets", HINT)
                self._write(packet)
            elif isinstance(item, bytes):
                early.append(item)  # a stop reply that crossed our packet
        self._came.extendleft(reversed(early))

    def _receive(self, end: float) -> bytes | None:
        """Return the next payload; None at the time `end`."""
        left = _RESENDS
        while (item := self._next(end)) is not None:
            if isinstance(item, bytes):
                return item
            if item is Mark.DAMAGED:
                left -= 1
                if left < 0 or not self._acks:
                    raise GdbError("the connection from the gdb server damages packets", HINT)
        return None

    def _next(self, end: float) -> bytes | Mark | None:
        while not self._came:
            try:
                self._socket.settimeout(max(0.001, end - time.monotonic()))
                data = self._socket.recv(65536)
            except TimeoutError:
                return None
            except OSError:
                data = b""
            if not data:
                raise _gone()
            for item in self._decoder.feed(data):
                self._came.append(item)
                if self._acks and (isinstance(item, bytes) or item is Mark.DAMAGED):
                    self._write(b"-" if item is Mark.DAMAGED else b"+")
        return self._came.popleft()

    def _write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(data)
        except OSError:
            raise _gone() from None


def _gone() -> GdbGoneError:
    return GdbGoneError("the gdb server closed the connection", "see that the board is still on")


def _refusal(answer: bytes) -> str:
    if not answer:
        return "the gdb server cannot do that"
    return f"the gdb server answered {answer[:40].decode(errors='replace')!r}"


def _number(text: bytes) -> int:
    try:
        return max(int(text, 16), 64)
    except ValueError:
        raise GdbError(f"the gdb server names a packet size of {text!r}", HINT) from None


def _bytes(answer: bytes, doing: str) -> bytes:
    if answer[:1] == b"E" and len(answer) % 2:
        raise GdbError(f"{doing}: {_refusal(answer)}", HINT)
    try:
        return bytes.fromhex(answer.decode("ascii"))
    except ValueError:
        raise GdbError(f"{doing}: {_refusal(answer)}", HINT) from None
