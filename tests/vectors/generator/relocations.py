# SPDX-License-Identifier: Apache-2.0
"""Vectors relocation/*: bodies with good and hostile tables."""

from __future__ import annotations

import struct

from unitool.formats import relocation
from unitool.formats.relocation import Table

from generator.common import SLOT_A, SLOT_B, Writer

BASE, DELTA = SLOT_A + 0x20, SLOT_B - SLOT_A  # vectors have headers of 32 bytes
BUILD_ID = bytes(range(0xA0, 0xB4))
PLUS, MINUS = (4, 8, 0x2C, 0x90, 0x9C), (0x94,)


def body(
    table: bytes, *, size: int = 0xA8, at: int = 0x40, words: dict[int, int] | None = None
) -> bytes:
    """Return a body with this table at `at`, a build id behind it, and words that point into it."""
    out = bytearray((i * 7 + 3) & 0xFF for i in range(size))
    struct.pack_into("<8I", out, 0, 0x2000_4000, *(BASE + 0x85 + 4 * i for i in range(7)))
    out[at : at + len(table)] = table
    end = at + (len(table) + 3 & ~3)
    out[at + len(table) : end] = bytes(end - at - len(table))
    out[end : end + 20] = BUILD_ID
    struct.pack_into("<III", out, 0x20, relocation.MAGIC, at, end)
    for offset, value in (words or {}).items():
        struct.pack_into("<I", out, offset, value)
    return bytes(out)


def good() -> bytes:
    """Return the body that most vectors use."""
    words = {0x2C: BASE + 0x90, 0x90: BASE, 0x94: 0xFFFF_0000, 0x9C: 0xFFFF_FFF0}
    return body(relocation.encode(Table(granule=4, base=BASE, plus=PLUS, minus=MINUS)), words=words)


def _raw(entries: bytes, *, count: int, length: int | None = None, **head: int) -> bytes:
    fields = {"version": 1, "granule": 4, "reserved": 0, "base": BASE} | head
    size = len(entries) if length is None else length
    return struct.pack("<BBHIII", *fields.values(), count, size) + entries


def _varint_entries(*words: int, granule: int = 4) -> bytes:
    """Encode absolute offsets in the order given, also where that breaks the rules."""
    out, before = b"", 0
    for word in words:
        value = ((word - before) // granule << 1) & 0xFFFF_FFFF
        while value >= 0x80:
            out += bytes([value & 0x7F | 0x80])
            value >>= 7
        out += bytes([value])
        before = word
    return out


def write(w: Writer) -> None:
    """Add all cases."""
    _write_good(w)
    _write_hostile(w)


def _write_good(w: Writer) -> None:
    cases = {
        "plain": good(),
        "empty": body(_raw(b"", count=0)),
        "first_word": body(relocation.encode(Table(granule=4, base=BASE, plus=(0,), minus=()))),
        "last_word": body(relocation.encode(Table(granule=4, base=BASE, plus=(0xA4,), minus=()))),
        "neighbours": body(
            relocation.encode(Table(granule=4, base=BASE, plus=(0x8C, 0x90), minus=(0x94, 0x98)))
        ),
        "granule_2": body(
            relocation.encode(Table(granule=2, base=BASE, plus=(2, 0x8A, 0x96), minus=(0x92,)))
        ),
        "long_gap": body(
            relocation.encode(Table(granule=4, base=BASE, plus=(8, 0x400), minus=())), size=0x404
        ),
        "table_at_2c": body(
            relocation.encode(Table(granule=4, base=BASE, plus=(4, 0x90), minus=())), at=0x2C
        ),
        "table_at_1024": body(
            relocation.encode(Table(granule=4, base=BASE, plus=(4, 0x30, 0x3FC), minus=(0x42C,))),
            at=1024,
            size=0x430,
        ),
    }
    for name, content in cases.items():
        found = relocation.decode(content, BASE)
        words = [f"{at} {'-' if sign else '+'}" for at, sign in found.words]
        moved = relocation.apply(content, DELTA)
        w.add(
            "relocation_good",
            name,
            expect="OK",
            base=BASE,
            delta=DELTA,
            table_offset=relocation.offset_of(content),
            body=content,
            word=words,
            moved=moved if len(content) < 0x300 else b"",
        )


def _write_hostile(w: Writer) -> None:
    entry = _varint_entries
    overlap = bytes([0x90 // 4 << 1, 0])
    cases = {
        "version_2": _raw(entry(4), count=1, version=2),
        "granule_0": _raw(entry(4), count=1, granule=0),
        "granule_1": _raw(entry(4), count=1, granule=1),
        "granule_3": _raw(entry(4), count=1, granule=3),
        "granule_8": _raw(entry(4), count=1, granule=8),
        "reserved_set": _raw(entry(4), count=1, reserved=1),
        "wrong_base": _raw(entry(4), count=1, base=BASE + 0x1000),
        "base_is_slot_b": _raw(entry(4), count=1, base=BASE + DELTA),
        "same_word_twice": _raw(overlap, count=2),
        "overlap_by_granule": _raw(entry(0x8A, 0x8C, granule=2), count=2, granule=2),
        "unsorted": _raw(entry(0x90, 8), count=2),
        "outside_body": _raw(entry(0xA8), count=1),
        "across_end": _raw(entry(0xA6, granule=2), count=1, granule=2),
        "far_outside": _raw(entry(0x7000_0000), count=1),
        "sum_wraps": _raw(entry(0x90) + b"\xfe\xff\xff\xff\x0f", count=2),
        "endless_varint": _raw(b"\x80" * 8, count=1),
        "varint_of_6_bytes": _raw(b"\x82\x80\x80\x80\x80\x00", count=1),
        "varint_too_large": _raw(b"\x82\x80\x80\x80\x10", count=1),
        "varint_not_minimal": _raw(b"\x82\x00", count=1),
        "varint_cut_off": _raw(b"\x82", count=1),
        "count_too_high": _raw(entry(4, 8), count=3),
        "count_too_low": _raw(entry(4, 8), count=1),
        "count_without_entries": _raw(b"", count=1),
        "count_huge": _raw(entry(4), count=0xFFFF_FFFF),
        "length_behind_body": _raw(entry(4), count=1, length=0x100),
        "length_huge": _raw(entry(4), count=1, length=0xFFFF_FFFF),
        "word_in_table_head": _raw(entry(0x44), count=1),
        "word_in_entries": _raw(entry(0x50), count=1),
        "word_in_padding": _raw(entry(0x52, granule=2), count=1, granule=2),
        "word_into_table": _raw(entry(0x3E, granule=2), count=1, granule=2),
        "word_on_magic": _raw(entry(0x20), count=1),
        "word_on_pointer": _raw(entry(0x24), count=1),
        "word_on_build_id_pointer": _raw(entry(0x28), count=1),
        "word_into_magic": _raw(entry(0x1E, granule=2), count=1, granule=2),
    }
    for name, table in cases.items():
        w.add("relocation_bad", name, expect="ERR_RELOCATION", base=BASE, body=body(table))
    for name, offset in (
        ("table_at_28", 0x28),
        ("table_at_1028", 1028),
        ("table_unaligned", 0x42),
        ("table_at_end", 0x9C),
        ("table_far_away", 0xFFFF_FFF0),
    ):
        content = bytearray(good())
        struct.pack_into("<I", content, 0x24, offset)
        w.add("relocation_bad", name, expect="ERR_RELOCATION", base=BASE, body=bytes(content))
