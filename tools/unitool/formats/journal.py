# SPDX-License-Identifier: Apache-2.0
"""The journal of docs/flash.md: records, the state they add up to, appends and rollover.

Works on the two sectors as bytes; who puts it into flash follows `steps` in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from zlib import crc32

from construct import Bytes, Int8ul, Int32ul, Struct

from unitool.formats.reasons import MalformedError
from unitool.formats.records import Payload, Slot, Start, payload_of

RECORD_BYTES = 64
PAYLOAD_BYTES = 52
VERSION = 1
RECORDS_MAX = 128

_RECORD = Struct(
    "sequence" / Int32ul,
    "type" / Int8ul,
    "version" / Int8ul,
    "component" / Int8ul,
    "key" / Int8ul,
    "payload" / Bytes(PAYLOAD_BYTES),
    "crc" / Int32ul,
)


class Type(IntEnum):
    """What a record says; bit 7: whoever does not know it must not start an image."""

    START = 0x01
    BOOT = 0x02
    SLOT = 0x83
    FLOOR = 0x04
    KEYSET = 0x85
    GENERATION = 0x06
    WEAR = 0x07


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of the journal."""

    sequence: int
    type: int
    component: int = 0
    key: int = 0
    payload: bytes  # 52 bytes

    @property
    def about(self) -> tuple[int, int, int]:
        """Return what later records of the same kind replace."""
        return self.type, self.component, self.key

    @property
    def critical(self) -> bool:
        """Whether code that does not know the type must not start an image."""
        return bool(self.type & 0x80)

    def encode(self) -> bytes:
        """Return the 64 bytes."""
        fields = {
            "sequence": self.sequence,
            "type": self.type,
            "version": VERSION,
            "component": self.component,
            "key": self.key,
            "payload": self.payload.ljust(PAYLOAD_BYTES, b"\0"),
            "crc": 0,
        }
        data: bytes = _RECORD.build(fields)[:-4]
        return data + struct.pack("<I", crc32(data))

    @classmethod
    def decode(cls, data: bytes) -> Record | None:
        """Read 64 bytes; None where the CRC is wrong, which is as if nothing stood there."""
        if len(data) < RECORD_BYTES or crc32(data[:60]) != struct.unpack_from("<I", data, 60)[0]:
            return None
        r = _RECORD.parse(data[:RECORD_BYTES])
        if r.version != VERSION:
            raise MalformedError(f"journal record {r.sequence} of version {r.version}")
        return cls(
            sequence=r.sequence, type=r.type, component=r.component, key=r.key, payload=r.payload
        )

    def decoded(self) -> Payload | None:
        """Return what the payload says; None for types this version does not know."""
        return payload_of(self.type, self.payload)


@dataclass(frozen=True, slots=True)
class Step:
    """One flash operation: erase a sector, or program `data` at `offset` in it."""

    sector: int
    offset: int
    data: bytes | None  # None: erase


@dataclass(slots=True)
class Journal:
    """Both sectors, and the flash operations that appends amounted to."""

    sectors: list[bytearray]
    record_bytes: int = RECORD_BYTES
    erased: int = 0xFF
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def open(cls, a: bytes, b: bytes, program_bytes: int = 1, erased: int = 0xFF) -> Journal:
        """Take the two areas as they stand in flash."""
        return cls([bytearray(a), bytearray(b)], max(RECORD_BYTES, program_bytes), erased)

    @property
    def capacity(self) -> int:
        """Records that a sector holds."""
        return min(RECORDS_MAX, len(self.sectors[0]) // self.record_bytes)

    def records(self, sector: int) -> list[tuple[int, Record]]:
        """Return (place, record) of the good records of a sector."""
        found = ((i, Record.decode(self._place(sector, i))) for i in range(self.capacity))
        return [(i, record) for i, record in found if record is not None]

    def _place(self, sector: int, i: int) -> bytes:
        return bytes(self.sectors[sector][i * self.record_bytes : (i + 1) * self.record_bytes])

    @property
    def active(self) -> int | None:
        """Return the sector that is the journal; None if there is none yet."""
        starts = [
            (record.sequence, sector)
            for sector in (0, 1)
            for _, record in self.records(sector)
            if record.type == Type.START
        ]
        return max(starts)[1] if starts else None

    def state(self) -> dict[tuple[int, int, int], Record]:
        """Return the latest record of each (type, component, key)."""
        if self.active is None:
            return {}
        latest: dict[tuple[int, int, int], Record] = {}
        for _, record in self.records(self.active):
            known = latest.get(record.about)
            if known is None or record.sequence > known.sequence:
                latest[record.about] = record
        return latest

    def slot(self, slot: int, component: int = 0) -> Slot | None:
        """Return what is known of a slot."""
        record = self.state().get((Type.SLOT, component, slot))
        payload = record.decoded() if record else None
        return payload if isinstance(payload, Slot) else None

    def append(self, payload: Payload, component: int = 0, key: int = 0) -> None:
        """Append a record; starts the journal, or rolls it over, where needed."""
        self.append_raw(payload.TYPE, component, key, payload.encode())

    def append_raw(self, kind: int, component: int, key: int, payload: bytes) -> None:
        """Append a record of any type."""
        sector = self.active
        free = self.capacity if sector is None else self._free(sector)
        if sector is None:
            sector, free = self._start(0, [], 0)
        elif free >= self.capacity:
            sector, free = self._roll_over(sector)
        self._write(sector, free, (self._next(), kind, component, key), payload)

    def _free(self, sector: int) -> int:
        """Return the first place behind everything that is not blank."""
        for i in range(self.capacity, 0, -1):
            if any(byte != self.erased for byte in self._place(sector, i - 1)):
                return i
        return 0

    def _next(self) -> int:
        return 1 + max((r.sequence for s in (0, 1) for _, r in self.records(s)), default=0)

    def _roll_over(self, sector: int) -> tuple[int, int]:
        latest = sorted(self.state().values(), key=lambda record: record.sequence)
        starts = [r.decoded() for r in latest if r.type == Type.START]
        rollovers = starts[0].rollovers + 1 if isinstance(starts[0], Start) else 1
        kept = [record for record in latest if record.type != Type.START]
        if len(kept) + 2 > self.capacity:
            raise MalformedError("the journal's state does not fit a sector")
        return self._start(1 - sector, kept, rollovers)

    def _start(self, sector: int, kept: list[Record], rollovers: int) -> tuple[int, int]:
        """Erase `sector`, copy `kept` to it, make it the journal; return it and its free place."""
        sequence = self._next()
        size = len(self.sectors[sector])
        self.sectors[sector] = bytearray([self.erased]) * size
        self.steps.append(Step(sector, 0, None))
        for i, record in enumerate(kept):
            self._write(sector, i, (sequence + i, *record.about), record.payload)
        start = Start(record_bytes=self.record_bytes, rollovers=rollovers)
        self._write(sector, len(kept), (sequence + len(kept), Type.START, 0, 0), start.encode())
        return sector, len(kept) + 1

    def _write(self, sector: int, i: int, head: tuple[int, int, int, int], payload: bytes) -> None:
        """Write a record at place `i`; `head` is sequence number, type, component and key."""
        sequence, kind, component, key = head
        record = Record(sequence=sequence, type=kind, component=component, key=key, payload=payload)
        data = record.encode().ljust(self.record_bytes, bytes([self.erased]))
        at = i * self.record_bytes
        self.sectors[sector][at : at + self.record_bytes] = data
        self.steps.append(Step(sector, at, data))
