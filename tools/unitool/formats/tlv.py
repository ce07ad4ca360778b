# SPDX-License-Identifier: Apache-2.0
"""The two TLV areas behind an image's body, and which entries may stand where (FORMAT.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from construct import (
    ConstructError,
    GreedyBytes,
    GreedyRange,
    Int16ul,
    Prefixed,
    Struct,
    Terminated,
)

from unitool.formats.reasons import IdentityError, MalformedError, SignatureError, TruncatedError

PROTECTED_MAGIC, PLAIN_MAGIC = 0x6908, 0x6907
VENDOR_TYPE_MIN = 0xA0


class Tlv(IntEnum):
    """Types that are read or, in the protected area, skipped."""

    KEYHASH = 0x01
    SHA256 = 0x10
    ECDSA = 0x22
    ED25519 = 0x24
    DEPENDENCY = 0x40
    SEC_CNT = 0x50
    BOOT_RECORD = 0x60
    UUID_VID = 0x74
    UUID_CID = 0x75


SIGNATURES = (Tlv.ECDSA, Tlv.ED25519)
_PLAIN = {Tlv.SHA256, Tlv.KEYHASH, *SIGNATURES}
_PROTECTED = {Tlv.SEC_CNT, Tlv.UUID_VID, Tlv.UUID_CID}
_PROTECTED_SKIPPED = {Tlv.DEPENDENCY, Tlv.BOOT_RECORD}
_SIZES = {
    Tlv.KEYHASH: 32,
    Tlv.SHA256: 32,
    Tlv.ED25519: 64,
    Tlv.SEC_CNT: 4,
    Tlv.UUID_VID: 16,
    Tlv.UUID_CID: 16,
}

_HEAD = Struct("magic" / Int16ul, "total" / Int16ul)
_ENTRY = Struct("type" / Int16ul, "data" / Prefixed(Int16ul, GreedyBytes))
_ENTRIES = Struct("entries" / GreedyRange(_ENTRY), Terminated)


@dataclass(frozen=True, slots=True)
class Entry:
    """One type and its bytes."""

    type: int
    data: bytes


def name(kind: int) -> str:
    """Return the name of a type, or its number."""
    return Tlv(kind).name if kind in set(Tlv) else f"{kind:#06x}"


def parse_area(data: bytes, at: int, magic: int) -> tuple[tuple[Entry, ...], int]:
    """Return the entries of the area at `at`, and where it ends."""
    what = "protected TLV area" if magic == PROTECTED_MAGIC else "TLV area"
    if len(data) - at < 4:
        raise TruncatedError(f"the image is cut short before the {what}")
    head = _HEAD.parse(data[at : at + 4])
    if head.magic != magic:
        raise MalformedError(f"{what}: magic {head.magic:#06x} instead of {magic:#06x}")
    if head.total < 4:
        raise MalformedError(f"{what} of {head.total} bytes")
    if head.total > len(data) - at:
        raise TruncatedError(f"the image is cut short: the {what} ends behind the file")
    try:
        entries = _ENTRIES.parse(data[at + 4 : at + head.total]).entries
    except ConstructError:
        raise MalformedError(f"{what} is not filled exactly by its entries") from None
    return tuple(Entry(e.type, e.data) for e in entries), at + head.total


def build_area(entries: Iterable[Entry], magic: int) -> bytes:
    """Return an area of these entries, whether they may stand in it or not."""
    content = _ENTRIES.build({"entries": [{"type": e.type, "data": e.data} for e in entries]})
    head: bytes = _HEAD.build({"magic": magic, "total": 4 + len(content)})
    return head + bytes(content)


def check_protected(entries: Iterable[Entry]) -> dict[int, bytes]:
    """Return what we read of the protected area, by type."""
    found: dict[int, bytes] = {}
    for entry in entries:
        if entry.type >= VENDOR_TYPE_MIN or entry.type in _PROTECTED_SKIPPED:
            continue
        if entry.type not in _PROTECTED:
            raise MalformedError(f"TLV {name(entry.type)} may not stand in the protected area")
        _add(found, entry)
    for needed in (Tlv.UUID_VID, Tlv.UUID_CID):
        if needed not in found:
            raise IdentityError(f"mandatory TLV {needed.name} is missing")
    return found


def check_plain(entries: Iterable[Entry]) -> dict[int, bytes]:
    """Return the plain area by type: digest, key hash and exactly one signature."""
    found: dict[int, bytes] = {}
    for entry in entries:
        if entry.type not in _PLAIN:
            raise MalformedError(f"TLV {name(entry.type)} may not stand in the plain area")
        if entry.type in SIGNATURES and Tlv.KEYHASH not in found:
            raise MalformedError("a signature without a KEYHASH before it")
        if entry.type in SIGNATURES and any(kind in found for kind in SIGNATURES):
            raise MalformedError("more than one signature")
        _add(found, entry)
    if Tlv.SHA256 not in found:
        raise MalformedError("mandatory TLV SHA256 is missing")
    if not any(kind in found for kind in SIGNATURES):
        raise SignatureError("the image is not signed")
    return found


def _add(found: dict[int, bytes], entry: Entry) -> None:
    kind = Tlv(entry.type)
    size = _SIZES.get(kind, len(entry.data))
    if kind in found:
        raise MalformedError(f"TLV {kind.name} stands twice")
    if len(entry.data) != size:
        raise MalformedError(f"TLV {kind.name} of {len(entry.data)} bytes instead of {size}")
    found[kind] = entry.data
