# SPDX-License-Identifier: Apache-2.0
"""What an image takes of flash, RAM and stack, by part, and whether app.toml's limits allow it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unitool.apps import App
from unitool.boards import Board
from unitool.elf_image import Elf
from unitool.errors import BuildError
from unitool.linking import Linked

_INPUT = re.compile(r"^ (\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
_OUTPUT = re.compile(r"^(\.?\S+)(?:\s+0x([0-9a-f]+)\s+0x([0-9a-f]+).*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes. `flash_B` is the body; a signed image adds its header and TLVs."""

    flash_B: int
    ram_B: int
    stack_B: int
    reloc_B: int
    reloc_entries: int
    parts: dict[str, tuple[int, int]]  # component or library → flash, RAM

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
        parts = {name: (flash, ram) for name, (flash, ram) in fields["parts"].items()}
        return cls(**{**fields, "parts": parts})


def measure(board: Board, linked: Linked, stack: int) -> Sizes:
    """Measure a finished image."""
    elf = Elf(linked.elf)
    ram = board.memory.ram
    in_ram = [s for s in elf.sections if ram.base <= s.address < ram.end]
    has_stack = any("stack" in s.name for s in in_ram)
    return Sizes(
        flash_B=linked.bin.stat().st_size,
        ram_B=sum(s.size for s in in_ram) + (0 if has_stack else stack),
        stack_B=stack,
        reloc_B=linked.reserve,
        reloc_entries=len(linked.table.words) if linked.table else 0,
        parts=_parts(linked.map, board),
    )


def _parts(map_file: Path, board: Board) -> dict[str, tuple[int, int]]:
    """Sum the linker map's input sections by the component or library that they came from."""
    flash: dict[str, int] = defaultdict(int)
    ram: dict[str, int] = defaultdict(int)
    text = map_file.read_text(errors="replace")
    text = text[text.find("Linker script and memory map") :].replace("\n                ", " ")
    section = ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            section = line.split()[0]
            continue
        match = _INPUT.match(line)
        if match is None or section.startswith((".debug", ".comment", ".stab")):
            continue
        address, size, origin = int(match[2], 16), int(match[3], 16), _part(match[4])
        if not size or not address or origin is None:
            continue
        in_ram = board.memory.ram.base <= address < board.memory.ram.end
        writable = section.startswith((".data", ".ram"))
        ram[origin] += size if in_ram else 0
        flash[origin] += size if not in_ram or writable else 0
    return {
        name: (flash[name], ram[name])
        for name in sorted({*flash, *ram}, key=lambda n: (-flash[n], -ram[n], n))
    }


def _part(origin: str) -> str | None:
    """Return who an object file belongs to: `app`, `os/heap/tlsf`, `lwip`, `hal`, `libc`."""
    if ".a(" in origin or origin.endswith(".a"):
        return Path(origin.split("(")[0]).name
    pieces = Path(origin).parts
    if pieces[:1] != ("obj",):
        return None
    if pieces[1] == "firmware":
        return "/".join(pieces[2:-1])
    if pieces[1] == "third_party":
        return "/".join(pieces[2:]).rsplit("/", 1)[0]
    return pieces[1]


def enforce(sizes: Sizes, app: App) -> None:
    """BuildError naming the first limit of app.toml that the image exceeds."""
    limits = app.limits
    for what, used, limit in (
        ("flash", sizes.flash_B, limits.flash),
        ("ram", sizes.ram_B, limits.ram),
    ):
        if limit is not None and used > limit:
            raise BuildError(
                f"{app.name} takes {used:,} bytes of {what}, {used - limit:,} more than "
                f"limits.{what} in {app.dir / 'app.toml'} allows",
                "unitool size shows what takes them",
            )
