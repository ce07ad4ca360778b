# SPDX-License-Identifier: Apache-2.0
"""The journal of docs/flash.md: records, the state they add up to, appends and rollover.

Works on the two sectors as bytes; who puts it into flash follows `steps` in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from enum import IntEnum
from zlib import crc32

from construct import Bytes, Int8ul, Int32ul, Struct

from unitool.formats.reasons import MalformedError
from unitool.formats.records import Payload, Slot, Start, payload_of

RECORD_BYTES = 64
PAYLOAD_BYTES = 52
VERSION = 1
PLACES_MIN, PLACES_MAX = 16, 128
_START_FORMAT = b"\1\0"

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
    payload: bytes
    version: int = VERSION

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
            "version": self.version,
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
        return cls(
            sequence=r.sequence,
            type=r.type,
            component=r.component,
            key=r.key,
            payload=r.payload,
            version=r.version,
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
    def places(self) -> int:
        """Records that a sector holds."""
        return min(PLACES_MAX, min(map(len, self.sectors)) // self.record_bytes)

    def place(self, sector: int, i: int) -> bytes:
        """Return what stands at a place, whether it counts or not."""
        return bytes(self.sectors[sector][i * self.record_bytes : (i + 1) * self.record_bytes])

    def records(self, sector: int) -> list[Record]:
        """Return the records of a sector that count, in order."""
        counting: list[Record] = []
        for i in reversed(range(self.places)):
            record = Record.decode(self.place(sector, i))
            # A record behind with the same or a lower number has replaced this one.
            if record and (not counting or record.sequence < counting[-1].sequence):
                counting.append(record)
        return counting[::-1]

    def end(self, sector: int) -> int:
        """Return the place behind everything that is not blank."""
        blank = bytes([self.erased]) * self.record_bytes
        used = (i + 1 for i in range(self.places) if self.place(sector, i) != blank)
        return max(used, default=0)

    @property
    def active(self) -> int | None:
        """Return the sector that is the journal; None if there is none yet."""
        starts = [
            (record.sequence, -sector)
            for sector in (0, 1)
            for record in self.records(sector)
            if record.type == Type.START and record.payload[:2] == _START_FORMAT
        ]
        return -max(starts)[1] if starts else None

    def state(self) -> dict[tuple[int, int, int], Record]:
        """Return the latest record of each (type, component, key)."""
        if self.active is None:
            return {}
        return {record.about: record for record in self.records(self.active)}

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
        last = 0 if sector is None else self.records(sector)[-1].sequence
        record = Record(sequence=last + 1, type=kind, component=component, key=key, payload=payload)
        if sector is None or self.end(sector) >= self.places:
            self._roll_over(sector, record)
        else:
            self._program(sector, self.end(sector), record)

    def _roll_over(self, sector: int | None, newest: Record) -> None:
        """Move to the other sector; until START is whole there, this one stays the journal."""
        if sector is None:  # no half-dead START may come back to life later
            self._erase(1)
        target = 1 if sector == 0 else 0
        self._erase(target)
        latest = sorted(self.state().values(), key=lambda record: record.sequence)
        rollovers = max(
            (s.rollovers for s in map(Record.decoded, latest) if isinstance(s, Start)), default=0
        )
        kept = [r for r in latest if r.type != Type.START and r.about != newest.about]
        start = Start(record_bytes=self.record_bytes, rollovers=rollovers + 1)
        final = Record(sequence=0, type=Type.START, payload=start.encode())
        moved = [*kept, newest, final]
        if len(moved) > self.places:
            raise MalformedError(
                "the journal's state does not fit a sector",
                "give journal_a and journal_b more sectors in board.toml",
            )
        for i, record in enumerate(moved):
            self._program(target, i, replace(record, sequence=newest.sequence + i))

    def _erase(self, sector: int) -> None:
        self.sectors[sector] = bytearray([self.erased]) * len(self.sectors[sector])
        self.steps.append(Step(sector, 0, None))

    def _program(self, sector: int, i: int, record: Record) -> None:
        data = record.encode().ljust(self.record_bytes, bytes([self.erased]))
        at = i * self.record_bytes
        self.sectors[sector][at : at + self.record_bytes] = data
        self.steps.append(Step(sector, at, data))
