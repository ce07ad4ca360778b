# SPDX-License-Identifier: Apache-2.0
"""Packets of gdb's remote serial protocol, as bytes: no socket, no target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from xml.parsers import expat

from unitool.errors import UnitoolError

HINT = "see that a gdb server listens there, and that the board behind it is on; then try again"
INTERRUPT = b"\x03"
_ESCAPE, _REPEAT = ord("}"), ord("*")
_FLIP = 0x20
_PACKET_BYTES_MAX = 1 << 20


class GdbError(UnitoolError):
    """A gdb server refused, said what cannot be understood, or is gone."""


class GdbGoneError(GdbError):
    """The gdb server, or the board behind it, does not answer any more."""


class Mark(Enum):
    """What stands between packets."""

    ACK = "+"
    NACK = "-"
    DAMAGED = "damaged"  # a packet whose checksum is wrong


def frame(payload: bytes) -> bytes:
    """Return a packet: escaped, and with its checksum."""
    body = bytearray()
    for byte in payload:
        body += bytes([_ESCAPE, byte ^ _FLIP]) if byte in b"#$}*" else bytes([byte])
    return b"$%b#%02x" % (bytes(body), sum(body) % 256)


def unpack(body: bytes) -> bytes:
    """Undo escapes and run lengths. GdbError if they lead nowhere."""
    out, i = bytearray(), 0
    while i < len(body):
        byte = body[i]
        if byte == _ESCAPE and i + 1 < len(body):
            out.append(body[i + 1] ^ _FLIP)
            i += 2
        elif byte == _REPEAT and out and i + 1 < len(body) and body[i + 1] >= ord(" "):
            out += out[-1:] * (body[i + 1] - 29)
            i += 2
        elif byte in (_ESCAPE, _REPEAT):
            raise GdbError("the gdb server sent a broken packet", HINT)
        else:
            out.append(byte)
            i += 1
    return bytes(out)


class Decoder:
    """Takes bytes as they come, gives packets and what stands between them."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[bytes | Mark]:
        """Yield each payload that is complete now; notifications (%) are skipped."""
        self._pending += data
        while self._pending:
            head = self._pending[:1]
            if head in (b"$", b"%"):
                end = self._pending.find(b"#")
                if end < 0 or len(self._pending) < end + 3:
                    if len(self._pending) > _PACKET_BYTES_MAX:
                        raise GdbError("the gdb server's packet does not end", HINT)
                    return
                body, told = self._pending[1:end], self._pending[end + 1 : end + 3]
                self._pending = self._pending[end + 3 :]
                if told.lower() != b"%02x" % (sum(body) % 256):
                    yield Mark.DAMAGED
                elif head == b"$":
                    yield unpack(body)
                continue
            self._pending = self._pending[1:]
            if head in (b"+", b"-"):
                yield Mark(head.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why the target stopped."""

    signal: int = 0
    exited: bool = False  # nothing is left to debug
    watch: int | None = None  # address of the data that a watchpoint saw

    @classmethod
    def parse(cls, payload: bytes) -> Stop:
        """Read a stop reply. GdbError if it is none."""
        kind, rest = payload[:1], payload[1:]
        try:
            number = int(rest[:2], 16)
            if kind in (b"W", b"X"):
                return cls(signal=number, exited=True)
            pairs = [pair.partition(b":") for pair in rest[2:].split(b";") if pair]
            watched = [int(v, 16) for k, _, v in pairs if k in (b"watch", b"rwatch", b"awatch")]
        except ValueError:
            kind = b""
        if kind not in (b"S", b"T"):
            raise GdbError(f"{payload[:40]!r} is no stop reply", HINT)
        return cls(signal=number, watch=watched[0] if watched else None)


def is_stop(payload: bytes) -> bool:
    """Whether it is a stop reply: no answer to any other command looks like one."""
    return payload[:1] in (b"S", b"T", b"W", b"X") and len(payload) >= 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One register as the target's description has it."""

    name: str
    number: int
    size: int  # bytes


def parse_features(text: bytes, first: int = 0) -> tuple[list[Register], list[str], int]:
    """Read one file of a target description; `first` is the number of a register that names none.

    Returns its registers, the files that it includes, and the number that would follow.
    GdbError if it is no such file.
    """
    registers: list[Register] = []
    includes: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal first
        if tag.rpartition(":")[2] == "include" and "href" in attributes:
            includes.append(attributes["href"])
        if tag == "reg":
            number = int(attributes.get("regnum", first))
            first = number + 1
            size = int(attributes["bitsize"]) // 8
            registers.append(Register(name=attributes["name"], number=number, size=size))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, KeyError, ValueError):
        raise GdbError("the gdb server's target description is broken", HINT) from None
    return registers, includes, first
