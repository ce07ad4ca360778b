# SPDX-License-Identifier: Apache-2.0
"""The `.uota` container of docs/protocol.md: signed images and all that belongs to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from construct import Bytes, Const, ConstructError, Int16ul, Int32ul, Int64ul, Struct

from unitool.formats.reasons import DigestError, MalformedError, TruncatedError, UnsupportedError

ENTRIES_MAX = 64
ALIGNMENT = 8
CRITICAL = 1

_HEAD = Struct(Const(b"UOTA\1\0\0\0"), "count" / Int32ul, "zero" / Const(0, Int32ul))
_ENTRY = Struct(
    "kind" / Int16ul,
    "flags" / Int16ul,
    "index" / Int32ul,
    "offset" / Int64ul,
    "size" / Int64ul,
    "digest" / Bytes(32),
    "zero" / Const(bytes(8)),
)


class Kind(IntEnum):
    """What an entry holds."""

    MANIFEST = 1
    IMAGE = 2
    DELTA = 3
    SBOM = 4
    INFO = 5
    KEYSET = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One content; those of the same index belong to the same identity."""

    kind: int
    index: int
    content: bytes
    critical: bool = False


def build(entries: Iterable[Entry]) -> bytes:
    """Return the file."""
    listed = list(entries)
    if not 1 <= len(listed) <= ENTRIES_MAX:
        raise MalformedError(
            f"a bundle of {len(listed)} entries; 1 to {ENTRIES_MAX} are possible",
            "pack fewer images into one: unitool pack -b BOARD, or unitool pack FILE…",
        )
    table = bytearray(_HEAD.build({"count": len(listed)}))
    contents = bytearray()
    start = _HEAD.sizeof() + len(listed) * _ENTRY.sizeof()
    for entry in listed:
        contents += bytes(-(start + len(contents)) % ALIGNMENT)
        fields = {
            "kind": entry.kind,
            "flags": CRITICAL if entry.critical else 0,
            "index": entry.index,
            "offset": start + len(contents),
            "size": len(entry.content),
            "digest": sha256(entry.content).digest(),
        }
        table += _ENTRY.build(fields)
        contents += entry.content
    return bytes(table + contents)


def parse(data: bytes) -> tuple[Entry, ...]:
    """Return the entries; layout and every content's digest are checked, no signature."""
    try:
        head = _HEAD.parse(data)
    except ConstructError:
        raise MalformedError("no bundle: it does not start with UOTA, version 1") from None
    if not 1 <= head.count <= ENTRIES_MAX:
        raise MalformedError(f"bundle of {head.count} entries; 1 to {ENTRIES_MAX} are possible")
    at = _HEAD.sizeof()
    expected = at + head.count * _ENTRY.sizeof()
    if expected > len(data):
        raise TruncatedError("the bundle is cut short inside its table")
    entries = []
    for number in range(head.count):
        row = data[at + number * _ENTRY.sizeof() : at + (number + 1) * _ENTRY.sizeof()]
        entry, expected = _entry(data, row, number, expected)
        entries.append(entry)
    if expected != len(data):
        raise MalformedError(f"{len(data) - expected} bytes behind the bundle's last entry")
    return tuple(entries)


def _entry(data: bytes, row: bytes, number: int, end: int) -> tuple[Entry, int]:
    """Read one row of the table; `end` is where the content before ends."""
    try:
        e = _ENTRY.parse(row)
    except ConstructError:
        raise MalformedError(f"bundle entry {number}: reserved bytes are set") from None
    if e.flags & ~CRITICAL:
        raise UnsupportedError(f"bundle entry {number}: flags {e.flags:#x}")
    if e.flags & CRITICAL and e.kind not in set(Kind):
        raise UnsupportedError(f"bundle entry {number}: critical, and of unknown kind {e.kind}")
    start = end + -end % ALIGNMENT
    if e.offset != start or any(data[end:start]):
        raise MalformedError(
            f"bundle entry {number}: at {e.offset} instead of {start}, or no zeros before"
        )
    if start > len(data) or e.size > len(data) - start:
        raise TruncatedError(f"the bundle is cut short inside entry {number}")
    content = data[start : start + e.size]
    if sha256(content).digest() != e.digest:
        raise DigestError(f"bundle entry {number}: its content does not match its digest")
    return Entry(e.kind, e.index, content, bool(e.flags & CRITICAL)), start + e.size
