# SPDX-License-Identifier: Apache-2.0
"""What an image takes of flash, RAM and stack, by part, and whether app.toml's limits allow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from elftools.elf.elffile import ELFFile

from unitool import lto, stack
from unitool.apps import App
from unitool.boards import Board
from unitool.elf_image import Elf, Symbol
from unitool.errors import BuildError
from unitool.formats import relocation
from unitool.linking import Linked

_FUNCTION, _OBJECT = 2, 1
_OTHER = "libraries, literals"
_VECTORS_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes. `flash_B` is the body; a signed image adds its header and TLVs."""

    flash_B: int
    ram_B: int  # .data, .bss and stack, without retained
    stack_B: int  # reserved for main and interrupts
    stack_used_B: int  # of it, at least, in the deepest chain of calls
    stack_chain: tuple[str, ...]
    reloc_B: int  # relocation table
    reloc_entries: int
    parts: Mapping[str, tuple[int, int]]  # component or library → flash, RAM

    @property
    def reloc_percent(self) -> float:
        """The table's share of the image."""
        return 100 * self.reloc_B / self.flash_B

    def as_dict(self) -> dict[str, Any]:
        """Return the form of size.json."""
        return {**asdict(self), "reloc_percent": round(self.reloc_percent, 2)}

    @classmethod
    def from_dict(cls, facts: Any) -> Sizes:
        """Read back what as_dict gave."""
        fields = {k: v for k, v in facts.items() if k != "reloc_percent"}
        fields["parts"] = {name: (flash, ram) for name, (flash, ram) in fields["parts"].items()}
        fields["stack_chain"] = tuple(fields["stack_chain"])
        return cls(**fields)


def measure(board: Board, linked: Linked, stack_bytes: int) -> Sizes:
    """Measure a finished image."""
    elf = Elf(linked.elf)
    ram = board.memory.ram
    flash_bytes = linked.bin.stat().st_size
    ram_bytes = sum(s.size for s in elf.sections if ram.base <= s.address < ram.end)
    used, chain = stack.deepest(_functions(linked.elf.parent), _pointed_at(elf, linked))
    return Sizes(
        flash_B=flash_bytes,
        ram_B=ram_bytes,
        stack_B=stack_bytes,
        stack_used_B=used,
        stack_chain=chain,
        reloc_B=linked.reserve,
        reloc_entries=len(linked.table.words) if linked.table else 0,
        parts=_parts(elf, board, (flash_bytes - linked.reserve, ram_bytes - stack_bytes)),
    )


def _functions(out: Path) -> dict[str, stack.Function]:
    return stack.parse((out / lto.CALL_GRAPH).read_text(encoding="utf-8"))


def functions_with_large_frames(out: Path, limit: int) -> list[stack.Function]:
    """Return our functions whose frame exceeds `limit` bytes."""
    return stack.large_frames(_functions(out), limit)


def _pointed_at(elf: Elf, linked: Linked) -> set[str]:
    """Names of functions whose address lies in the image, the vector table's left out.

    Where they are is known for sure with a relocation table; without, words that look like it.
    """
    body = linked.bin.read_bytes()
    if linked.table is None:
        places: Iterable[int] = range(_VECTORS_BYTES, len(body) - 3, 4)
    else:
        places = (at for at in linked.table.plus if at > relocation.offset_of(body))
    words = {int.from_bytes(body[at : at + 4], "little") & ~1 for at in places}
    return {s.name for s in elf.symbols if s.kind == _FUNCTION and s.value & ~1 in words}


def _parts(elf: Elf, board: Board, totals: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Sum functions and variables by the component that defines them; the rest is one part."""
    flash: dict[str, int] = defaultdict(int)
    ram: dict[str, int] = defaultdict(int)
    owners = _owners(elf.path)
    memory = board.memory.ram
    for s in _sized(elf.symbols):
        part = owners.get(s.value & ~1)
        if part is None:
            continue
        in_ram = memory.base <= s.value < memory.end
        ram[part] += s.size if in_ram else 0
        flash[part] += s.size if not in_ram or elf.load_of(s.value & ~1) is not None else 0
    flash[_OTHER] = totals[0] - sum(flash.values())
    ram[_OTHER] = totals[1] - sum(ram.values())
    return {
        name: (flash[name], ram[name])
        for name in sorted({*flash, *ram}, key=lambda n: (n == _OTHER, -flash[n], -ram[n], n))
    }


def _sized(symbols: Iterable[Symbol]) -> Iterator[Symbol]:
    """Yield each function and variable once, aliases left out."""
    seen: set[int] = set()
    for s in symbols:
        if s.kind in (_FUNCTION, _OBJECT) and s.size and s.value not in seen:
            seen.add(s.value)
            yield s


def _owners(path: Path) -> dict[int, str]:
    """Address → part, from the debug information: where functions and variables are written."""
    owners: dict[int, str] = {}
    with path.open("rb") as file:
        dwarf: Any = ELFFile(file).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                address = _address(die)
                if address is not None:
                    owners[address] = part_of(_source(die))
    return owners


def _address(die: Any) -> int | None:
    if die.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in die.attributes:
        return int(die.attributes["DW_AT_low_pc"].value) & ~1
    if die.tag == "DW_TAG_variable" and "DW_AT_location" in die.attributes:
        location = die.attributes["DW_AT_location"].value
        if isinstance(location, list) and len(location) == 5 and location[0] == 3:  # DW_OP_addr
            return int.from_bytes(bytes(location[1:]), "little")
    return None


def _source(die: Any) -> str:
    """Return the source file in which the entry was first seen."""
    for _ in range(4):  # out of line → abstract → declaration
        link = next(
            (a for a in ("DW_AT_abstract_origin", "DW_AT_specification") if a in die.attributes),
            None,
        )
        if link is None:
            break
        die = die.get_DIE_from_attribute(link)
    name = die.cu.get_top_DIE().attributes["DW_AT_name"].value
    return str(name.decode())


def part_of(source: str) -> str:
    """Return who a source file belongs to: `os/heap/tlsf`, `lwip`, `hal`, `board`, `app`."""
    pieces = PurePosixPath(source).parts
    match pieces[0] if pieces else "":
        case "firmware":
            return "/".join(pieces[1:-1])
        case "third_party":
            return pieces[1].rsplit("-", 1)[0]
        case "hal":
            return "/".join(pieces[:-1] if len(pieces) < 4 else pieces[:3])
        case "boards":
            return "board"
        case "gen" | "":
            return "generated"
    return _OTHER if ".." in pieces else "app"


def enforce_boot_stack(sizes: Sizes) -> None:
    """BuildError if the bootloader's stack is too small for its calls."""
    if sizes.stack_used_B > sizes.stack_B:
        raise BuildError(
            f"the bootloader's calls take {sizes.stack_used_B:,} of {sizes.stack_B:,} bytes of "
            f"stack",
            f"the calls are {' → '.join(sizes.stack_chain)}",
        )


def enforce(sizes: Sizes, app: App) -> None:
    """BuildError naming the first limit of app.toml that the image exceeds."""
    limits = app.limits
    for what, used, limit in (
        ("flash", sizes.flash_B, limits.flash),
        ("ram", sizes.ram_B, limits.ram),
        ("stack", sizes.stack_used_B, limits.stack_main),
    ):
        if limit is not None and used > limit:
            key = "limits.stack.main" if what == "stack" else f"limits.{what}"
            raise BuildError(
                f"{app.name} takes {used:,} bytes of {what}, {used - limit:,} more than "
                f"{key} in {app.dir / 'app.toml'} allows",
                f"the calls are {' → '.join(sizes.stack_chain)}"
                if what == "stack"
                else "unitool size shows what takes them",
            )
