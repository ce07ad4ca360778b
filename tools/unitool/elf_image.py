# SPDX-License-Identifier: Apache-2.0
"""A linked ELF as flash sees it: contents by load address, symbols, kept relocations, patching."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

_ALLOC = 0x2
_NOBITS = "SHT_NOBITS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section that occupies memory."""

    name: str
    address: int  # where the CPU uses it
    load: int  # where flash holds it; for NOBITS the same as `address`
    size: int
    file_offset: int
    alignment: int
    in_file: bool  # has contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """An ELF symbol. Thumb functions have bit 0 set."""

    name: str
    value: int
    size: int
    kind: int  # STT_…
    section: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """What --emit-relocs kept."""

    address: int  # as the CPU sees the place
    kind: int  # R_ARM_… or R_RISCV_…
    symbol: int  # index
    addend: int  # 0 where it stands in the place (ARM)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What differs between 32 and 64 bits."""

    symbol: str  # layout of a symbol
    order: tuple[int, ...]  # of its name, value, size, info and section
    word: str
    kind_bits: int  # of a relocation's info; the rest is the symbol's index

    def symbols(self, table: bytes) -> Iterator[tuple[int, ...]]:
        """Return name, value, size, info and section of each."""
        for fields in struct.iter_unpack(self.symbol, table):
            yield tuple(fields[i] for i in self.order)


_FORMS = {
    32: _Form(symbol="<IIIBBH", order=(0, 1, 2, 3, 5), word="I", kind_bits=8),
    64: _Form(symbol="<IBBHQQ", order=(0, 4, 5, 1, 3), word="Q", kind_bits=32),
}


class Elf:
    """A little-endian ELF file, read once."""

    def __init__(self, path: Path) -> None:
        """Read the sections of `path`."""
        self.path = path
        self._bytes = path.read_bytes()
        with path.open("rb") as file:
            elf: Any = ELFFile(file)
            self.machine: str = elf["e_machine"]
            self.entry: int = elf["e_entry"]
            segments = [s.header for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
            headers = [(s.name, s.header) for s in elf.iter_sections()]
            self._form = _FORMS[elf.elfclass]
        self._headers = headers
        self.sections = tuple(
            _section(name, h, segments) for name, h in headers if h["sh_flags"] & _ALLOC
        )

    @property
    def in_flash(self) -> Iterator[Section]:
        """Sections with contents."""
        return (s for s in self.sections if s.in_file and s.size)

    def contents(self, base: int) -> bytes:
        """Return what lies in flash from `base` on, gaps as zeros."""
        sections = list(self.in_flash)
        image = bytearray(max(s.load + s.size for s in sections) - base)
        for s in sections:
            data = self._bytes[s.file_offset : s.file_offset + s.size]
            image[s.load - base : s.load - base + s.size] = data
        return bytes(image)

    def patch(self, load: int, data: bytes) -> None:
        """Replace contents at load address `load`, here and in the file."""
        for s in self.in_flash:
            if s.load <= load and load + len(data) <= s.load + s.size:
                at = s.file_offset + load - s.load
                self._bytes = self._bytes[:at] + data + self._bytes[at + len(data) :]
                self.path.write_bytes(self._bytes)
                return
        raise ValueError(f"nothing is loaded at {load:#x}")

    def load_of(self, address: int) -> int | None:
        """Return the load address of what the CPU sees at `address`."""
        for s in self.in_flash:
            if s.address <= address < s.address + s.size:
                return address - s.address + s.load
        return None

    def address_of(self, load: int) -> int:
        """Return where the CPU sees what flash holds at `load`."""
        for s in self.in_flash:
            if s.load <= load < s.load + s.size:
                return load - s.load + s.address
        return load

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """All symbols, by index."""
        table = next(h for name, h in self._headers if h["sh_type"] == "SHT_SYMTAB")
        names = self._data(self._headers[table["sh_link"]][1])
        return tuple(
            Symbol(
                name=names[at : names.index(b"\0", at)].decode(),
                value=value,
                size=size,
                kind=info & 15,
                section=section,
            )
            for at, value, size, info, section in self._form.symbols(self._data(table))
        )

    def find(self, name: str) -> int | None:
        """Return the value of the symbol `name`."""
        return next((s.value for s in self.symbols if s.name == name and s.section), None)

    def name_at(self, address: int) -> str:
        """Return `symbol` or `symbol+offset` for an address, for people."""
        best: Symbol | None = None
        for s in self.symbols:
            if not s.name or s.name.startswith("$") or s.kind > 2 or not s.section:
                continue
            if s.value & ~1 <= address and (best is None or _better(s, best, address)):
                best = s
        if best is None:
            return f"{address:#x}"
        offset = address - (best.value & ~1)
        return best.name + (f"+{offset:#x}" if offset else "")

    def relocations(self) -> Iterator[Relocation]:
        """What --emit-relocs kept for sections with contents."""
        for _, h in self._headers:
            if h["sh_type"] not in ("SHT_REL", "SHT_RELA"):
                continue
            target = self._headers[h["sh_info"]][1]
            if not target["sh_flags"] & _ALLOC or target["sh_type"] == _NOBITS:
                continue
            word = self._form.word
            layout = f"<{word}{word}" + (word.lower() if h["sh_type"] == "SHT_RELA" else "")
            for address, info, *addend in struct.iter_unpack(layout, self._data(h)):
                yield Relocation(
                    address=address,
                    kind=info & (1 << self._form.kind_bits) - 1,
                    symbol=info >> self._form.kind_bits,
                    addend=addend[0] if addend else 0,
                )

    def _data(self, header: Any) -> bytes:
        return self._bytes[header["sh_offset"] : header["sh_offset"] + header["sh_size"]]


def _better(s: Symbol, best: Symbol, address: int) -> bool:
    """Prefer what encloses the address, then the nearest, then what has a size."""

    def rank(symbol: Symbol) -> tuple[bool, int, bool]:
        start = symbol.value & ~1
        return address < start + symbol.size, start, symbol.size > 0

    return rank(s) > rank(best)


def _section(name: str, header: Any, segments: Iterable[Any]) -> Section:
    address, size = header["sh_addr"], header["sh_size"]
    in_file = header["sh_type"] != _NOBITS
    load = address
    for p in segments:
        if in_file and p["p_offset"] <= header["sh_offset"] < p["p_offset"] + p["p_filesz"]:
            load = p["p_paddr"] + header["sh_offset"] - p["p_offset"]
    return Section(
        name=name,
        address=address,
        load=load,
        size=size,
        file_offset=header["sh_offset"],
        alignment=max(header["sh_addralign"], 1),
        in_file=in_file,
    )
