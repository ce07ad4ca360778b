# SPDX-License-Identifier: Apache-2.0
"""Finds the words that move with an image by comparing links, and proves that nothing else does.

Pure: takes linked images, raises BuildError naming the symbol at fault. FORMAT.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from unitool.boards import Region
from unitool.elf_image import Elf, Relocation
from unitool.errors import BuildError
from unitool.formats import relocation
from unitool.formats.relocation import Table

_HINT = "unitool build -v shows the links; FORMAT.md section 3 says what a word may be"
# Absolute: the word holds an address (or, for HI20, its upper 20 bits). Of an address of 64 bits
# only the lower word moves: all memory lies below 4 GiB.
_ABSOLUTE = {"EM_ARM": {2: "ABS32", 38: "TARGET1"}, "EM_RISCV": {1: "32", 2: "64", 26: "HI20"}}
# Relative to where the code stands: AUIPC, whose upper 20 bits count pages.
_RELATIVE = {"EM_ARM": {}, "EM_RISCV": {18: "CALL", 19: "CALL_PLT", 23: "PCREL_HI20"}}
_AUIPC = 0x17


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the same objects."""

    elf: Elf
    base: int  # of the body
    body: bytes


def derive(a: Link, b: Link, granule: int) -> Table:
    """Return the words in which two links differ by their distance.

    BuildError names the symbol where they differ otherwise.
    """
    _same_layout(a, b)
    delta = b.base - a.base
    lowest = (
        delta & -delta
    ).bit_length() - 1 >> 3  # first byte of a word that the distance changes
    plus: list[int] = []
    minus: list[int] = []
    free = 0  # no word may start before
    at = _next_difference(a.body, b.body, 0)
    while at is not None:
        start = at - lowest
        sign = _sign(a.body, b.body, start, delta)
        if sign == 0 or start < free or start % granule:
            raise _fault(a, at, "differs between two link addresses, but not as an aligned address")
        (plus if sign > 0 else minus).append(start)
        free = start + 4
        at = _next_difference(a.body, b.body, free)
    return Table(granule=granule, base=a.base, plus=tuple(plus), minus=tuple(minus))


def _next_difference(a: bytes, b: bytes, start: int) -> int | None:
    """Return the first offset from `start` on where they differ; whole pieces are skipped fast."""
    step = 256
    for at in range(start, len(a), step):
        if a[at : at + step] != b[at : at + step]:
            return next(i for i in range(at, len(a)) if a[i] != b[i])
    return None


def _sign(a: bytes, b: bytes, start: int, delta: int) -> int:
    """Return 1 if the word moved by +delta, -1 by -delta, else 0."""
    if start < 0 or start + 4 > len(a):
        return 0
    moved = _word(b, start) - _word(a, start) & 0xFFFF_FFFF
    if moved == delta & 0xFFFF_FFFF:
        return 1
    return -1 if moved == -delta & 0xFFFF_FFFF else 0


def _word(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 4], "little")


def _same_layout(a: Link, b: Link) -> None:
    if len(a.body) == len(b.body):
        return
    there = {(s.name, s.section): s.value for s in b.elf.symbols}
    moved = b.base - a.base
    first = min(
        (
            s
            for s in a.elf.symbols
            if s.name
            and a.base <= s.value < a.base + len(a.body)
            and there.get((s.name, s.section), s.value + moved) != s.value + moved
        ),
        key=lambda s: s.value,
        default=None,
    )
    name = first.name if first else "the end of the image"
    raise BuildError(
        f"the image is {len(a.body)} bytes at one address and {len(b.body)} at another: "
        f"{name} is the first to move",
        "a branch out of the slot is in reach at one address only; move the slots away from it",
    )


def prove(table: Table, a: Link, other: Link) -> None:
    """BuildError unless `a`, its words moved, is the link `other` byte for byte."""
    _same_layout(a, other)
    moved = relocation.apply(a.body, other.base - a.base, table)
    at = _next_difference(moved, other.body, 0)
    if at is not None:
        raise _fault(a, at, f"is not reproduced at {other.base:#x} by the relocation table")


def cross_check(table: Table, kept: Link, slot: Region) -> None:
    """BuildError unless each entry is a relocation that may move, and each such one an entry.

    `kept` was linked with --emit-relocs. Allowed: an absolute address of the slot (+), a
    PC-relative one from the slot out of it (-), or from RAM into it (+).
    """
    wanted = _movable(kept, slot)
    entries = {**dict.fromkeys(table.plus, 1), **dict.fromkeys(table.minus, -1)}
    for at, sign in sorted(entries.items()):
        if wanted.get(at) != sign and not _is_veneer(kept, at, sign):
            raise _fault(kept, at, "moves with the image, but no relocation says why")
    for at in sorted(wanted):
        if at not in entries:
            raise _fault(kept, at, "holds an address that does not move with the image")


def _movable(kept: Link, slot: Region) -> dict[int, int]:
    """Offset → sign of every place whose relocation ties it to where the slot is."""
    elf = kept.elf
    absolute, relative = _ABSOLUTE[elf.machine], _RELATIVE[elf.machine]
    found: dict[int, int] = {}
    for r in elf.relocations():
        load = elf.load_of(r.address)
        if load is None or (r.kind not in absolute and r.kind not in relative):
            continue
        at = load - kept.base
        from_slot = slot.base <= r.address < slot.end
        to_slot = slot.base <= _target(r, kept, at) <= slot.end
        if r.kind in absolute and to_slot:
            found[at] = 1
        elif r.kind in relative and from_slot != to_slot and kept.body[at] & 0x7F == _AUIPC:
            found[at] = 1 if to_slot else -1
    return found


def _target(r: Relocation, kept: Link, at: int) -> int:
    """Return the address that a relocation leads to. ARM keeps it in the word itself."""
    if kept.elf.machine == "EM_ARM":
        return _word(kept.body, at)
    return kept.elf.symbols[r.symbol].value + r.addend & 0xFFFF_FFFF


def _is_veneer(kept: Link, at: int, sign: int) -> bool:
    """Whether the word is the address in a long-branch stub, which ld makes without relocation."""
    word = _word(kept.body, at)
    address = kept.elf.address_of(kept.base + at)
    for s in kept.elf.symbols:
        if s.name.endswith("_veneer") and 0 < address - (s.value & ~1) <= 12:
            name = s.name.removeprefix("__").removesuffix("_veneer").removesuffix("_from_thumb")
            aims = {t.value & ~1 for t in kept.elf.symbols if t.name == name}
            return sign == 1 and word & ~1 in aims
    return False


def _fault(link: Link, at: int, what: str) -> BuildError:
    """Name the symbol at a body offset, and what it refers to if a relocation was kept there."""
    address = link.elf.address_of(link.base + at)
    where = link.elf.name_at(address)
    place = f"{where} (body offset {at:#x})"
    for r in link.elf.relocations():
        if r.address <= address < r.address + 4:
            s = link.elf.symbols[r.symbol]
            target = s.name or link.elf.name_at(s.value)
            return BuildError(f"{place} {what}: it refers to {target}", _HINT)
    return BuildError(f"{place} {what}", _HINT)


def reserve_for(table: Table) -> int:
    """Bytes that the encoded table takes in the image."""
    return len(relocation.encode(table)) + 3 & ~3
