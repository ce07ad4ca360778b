# SPDX-License-Identifier: Apache-2.0
"""Payloads of the journal's records (docs/flash.md)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar, Self

from construct import Bytes, Const, ConstructError, Int8ul, Int16ul, Int32ul, Padding, Struct

from unitool.formats.reasons import MalformedError
from unitool.formats.version import Version


class SlotState(IntEnum):
    """Where an image in a slot stands."""

    EMPTY = 0
    INSTALLING = 1
    READY = 2
    TRYING = 3
    CONFIRMED = 4
    BAD = 5
    REVERTED = 6


class Reason(IntEnum):
    """Why a slot is bad or reverted."""

    NONE = 0
    CRASHED = 1
    NOT_CONFIRMED = 2
    SIGNATURE = 3
    IDENTITY = 4
    FLOOR = 5
    RELOCATION = 6
    FORMAT = 7
    SERVER = 8
    LOCAL = 9
    POWER_ONS = 10


class Payload:
    """What a record says: a frozen dataclass whose fields are those of FORM."""

    TYPE: ClassVar[int]
    FORM: ClassVar[Struct]

    def encode(self) -> bytes:
        """Return the bytes, without the zeros behind."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        encoded: bytes = self.FORM.build(values)
        return encoded

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a payload of 52 bytes. What a later version put behind our fields is passed over."""
        try:
            found = cls.FORM.parse(payload)
        except ConstructError as error:
            raise MalformedError(f"journal {cls.__name__}: {str(error).splitlines()[-1]}") from None
        return cls(**{f.name: found[f.name] for f in fields(cls)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Payload):
    """A sector is the journal from here on."""

    TYPE: ClassVar[int] = 0x01
    FORM: ClassVar[Struct] = Struct(
        "format" / Const(1, Int16ul), "record_bytes" / Int16ul, "rollovers" / Int32ul
    )
    record_bytes: int
    rollovers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot(Payload):
    """An image is about to be started."""

    TYPE: ClassVar[int] = 0x02
    FORM: ClassVar[Struct] = Struct(
        "count" / Int32ul,
        "slot" / Int8ul,
        "reset_reason" / Int8ul,
        "crashes" / Int8ul,
        "unwell" / Int8ul,
    )
    count: int
    slot: int
    reset_reason: int
    crashes: int = 0  # by watchdog or panic, in a row
    unwell: int = 0  # starts in a row that ended before the image was well


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot(Payload):
    """What lies in a slot and whether it may start."""

    TYPE: ClassVar[int] = 0x83
    FORM: ClassVar[Struct] = Struct(
        "state" / Int8ul,
        "tries" / Int8ul,
        "power_ons" / Int8ul,
        "flags" / Int8ul,
        "reason" / Int16ul,
        "reverts" / Int8ul,
        Padding(1),
        "offset" / Int32ul,
        "counter" / Int32ul,
        "digest" / Bytes(32),
    )
    state: int
    tries: int = 0
    power_ons: int = 0
    flags: int = 0  # bit 0: was confirmed before
    reason: int = 0
    reverts: int = 0
    offset: int = 0
    counter: int = 0
    digest: bytes = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor(Payload):
    """The lowest security counter that may still run."""

    TYPE: ClassVar[int] = 0x04
    FORM: ClassVar[Struct] = Struct("counter" / Int32ul, "cid" / Bytes(16))
    counter: int
    cid: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset(Payload):
    """Which trust copy holds the boot keyset."""

    TYPE: ClassVar[int] = 0x85
    FORM: ClassVar[Struct] = Struct(
        "epoch" / Int32ul, "copy" / Int8ul, "root" / Int8ul, Padding(2), "digest" / Bytes(32)
    )
    epoch: int
    copy: int
    root: int = 0  # 1: the spare root signed it
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation(Payload):
    """What the server calls this stretch of the device's polls."""

    TYPE: ClassVar[int] = 0x06
    FORM: ClassVar[Struct] = Struct("generation" / Bytes(8))
    generation: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear(Payload):
    """What is left to spend on slot erases, and the highest version ever confirmed."""

    TYPE: ClassVar[int] = 0x07
    FORM: ClassVar[Struct] = Struct(
        "budget" / Int8ul, "hours" / Int8ul, Padding(2), "highest" / Bytes(8)
    )
    budget: int
    hours: int = 0  # of uptime, towards one more
    highest: bytes = bytes(8)

    @property
    def version(self) -> Version:
        """Return the highest version ever confirmed."""
        return Version.decode(self.highest)


_KINDS: dict[int, type[Payload]] = {
    kind.TYPE: kind for kind in (Start, Boot, Slot, Floor, Keyset, Generation, Wear)
}


def payload_of(kind: int, payload: bytes) -> Payload | None:
    """Return what a payload says; None for types this version does not know."""
    known = _KINDS.get(kind)
    return known.decode(payload) if known else None
