# SPDX-License-Identifier: Apache-2.0
"""Relocation table at the head of a body (FORMAT.md section 3): encode, decode, check, apply."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from construct import ConstructError, Int8ul, Int16ul, Int32ul, Struct

from unitool.formats.reasons import RelocationError

MAGIC = 0x434F4C52  # "RLOC"
MAGIC_OFFSET, TABLE_POINTER_OFFSET, BUILD_ID_POINTER_OFFSET = 0x20, 0x24, 0x28
FIXED_END = 0x2C
TABLE_OFFSET_MAX = 1024
HEAD_BYTES = 16
VERSION = 1
GRANULES = (2, 4)
VARINT_BYTES_MAX = 5

_HEAD = Struct(
    "version" / Int8ul,
    "granule" / Int8ul,
    "reserved" / Int16ul,
    "base" / Int32ul,
    "count" / Int32ul,
    "length" / Int32ul,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Words that move when the body does: offsets from the body's start, increasing."""

    granule: int
    base: int
    plus: tuple[int, ...]  # canonical + D
    minus: tuple[int, ...]  # canonical - D

    @property
    def words(self) -> list[tuple[int, int]]:
        """Return (offset, sign 0 or 1) in order."""
        return sorted([(at, 0) for at in self.plus] + [(at, 1) for at in self.minus])


def encode(table: Table) -> bytes:
    """Return head and entries, without padding."""
    entries = bytearray()
    before = 0
    for at, sign in table.words:
        if (at - before) % table.granule:
            raise RelocationError(f"word at {at:#x} is not on the granule of {table.granule}")
        entries += _varint((at - before) // table.granule << 1 | sign)
        before = at
    head = dict(
        version=VERSION,
        granule=table.granule,
        reserved=0,
        base=table.base,
        count=len(table.plus) + len(table.minus),
        length=len(entries),
    )
    encoded: bytes = _HEAD.build(head)
    return encoded + bytes(entries)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def has_table(body: bytes) -> bool:
    """Whether the body holds the magic, so that it runs in either slot."""
    return body[MAGIC_OFFSET:TABLE_POINTER_OFFSET] == struct.pack("<I", MAGIC)


def offset_of(body: bytes) -> int:
    """Return the offset of the table, checked against the rules."""
    if len(body) < FIXED_END:
        raise RelocationError(f"body of {len(body)} bytes is too short for a relocation table")
    (offset,) = struct.unpack_from("<I", body, TABLE_POINTER_OFFSET)
    if not FIXED_END <= offset <= TABLE_OFFSET_MAX or offset % 4:
        raise RelocationError(
            f"relocation table at {offset:#x}: not in 0x2c..0x400, or not aligned"
        )
    if offset > len(body) - HEAD_BYTES:
        raise RelocationError("relocation table lies outside the body")
    return int(offset)


def decode(body: bytes, expected_base: int | None = None) -> Table:
    """Return the table of a canonical or relocated body, every rule of FORMAT.md checked.

    `expected_base`: address of the device's slot A body; None where no device is known.
    """
    offset = offset_of(body)
    try:
        head = _HEAD.parse(body[offset : offset + HEAD_BYTES])
    except ConstructError:
        raise RelocationError("relocation table is cut short") from None
    if head.version != VERSION or head.reserved != 0:
        raise RelocationError(f"relocation table of version {head.version}, or reserved field set")
    if head.granule not in GRANULES:
        raise RelocationError(f"relocation granule {head.granule}")
    if expected_base is not None and head.base != expected_base:
        raise RelocationError(
            f"linked for {head.base:#010x}; slot A's body is at {expected_base:#010x}"
        )
    if head.length > len(body) - offset - HEAD_BYTES:
        raise RelocationError("relocation entries reach outside the body")
    entries = body[offset + HEAD_BYTES : offset + HEAD_BYTES + head.length]
    end = offset + HEAD_BYTES + (head.length + 3 & ~3)
    return _words(head, entries, (offset, end), len(body))


def _words(head: Struct, entries: bytes, table: tuple[int, int], body_size: int) -> Table:
    """Decode the entries; `table` is the range that no word may touch."""
    words: tuple[list[int], list[int]] = ([], [])
    at, word, count = 0, 0, 0
    while at < len(entries):
        value, at = _read_varint(entries, at)
        gap = (value >> 1) * head.granule
        if count and gap < 4:
            raise RelocationError(f"word {count} overlaps the one before, or is not behind it")
        word += gap
        if word > body_size - 4:
            raise RelocationError(f"word {count} at {word:#x} lies outside the body")
        for start, end in (table, (MAGIC_OFFSET, FIXED_END)):
            if word < end and word + 4 > start:
                raise RelocationError(
                    f"word {count} at {word:#x} lies inside the table or its pointer"
                )
        words[value & 1].append(word)
        count += 1
        if count > head.count:
            break
    if count != head.count:
        raise RelocationError(f"{head.count} relocation entries promised, {count} or more found")
    return Table(granule=head.granule, base=head.base, plus=tuple(words[0]), minus=tuple(words[1]))


def _read_varint(entries: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(entries[at : at + VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * i)
        if byte & 0x80:
            continue
        if value >= 1 << 32 or (i and byte == 0):
            raise RelocationError("relocation entry is too large, or longer than needed")
        return value, at + i + 1
    raise RelocationError("relocation entry does not end")


def check(body: bytes, expected_base: int | None = None) -> None:
    """RelocationError unless the body's table keeps every rule."""
    decode(body, expected_base)


def apply(body: bytes, delta: int, table: Table | None = None) -> bytes:
    """Return the canonical body as it stands at base + `delta`; negate `delta` to undo."""
    table = table or decode(body)
    moved = bytearray(body)
    for offsets, step in ((table.plus, delta), (table.minus, -delta)):
        for at in offsets:
            (value,) = struct.unpack_from("<I", moved, at)
            struct.pack_into("<I", moved, at, (value + step) & 0xFFFFFFFF)
    return bytes(moved)
