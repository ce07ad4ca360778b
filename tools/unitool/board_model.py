# SPDX-License-Identifier: Apache-2.0
"""What a board is to the tools: frozen facts, no parsing (boards.py)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BODY_OFFSET = 0x200  # from the slot's start to the image's body: the header's size (FORMAT.md)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A piece of the address space."""

    base: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.base + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the CPU sees besides the flash."""

    boot: Region
    ram: Region  # without `retained`
    retained: Region  # the end of RAM; survives reset
    devices: Region  # those outside the range that the core itself knows; empty where none are


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A piece of flash with one use, counted from the flash's base."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """The first offset behind it."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashRegion:
    """Blocks of one size, in address order."""

    count: int
    erase_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """The flash contract of docs/flash.md, as numbers."""

    base: int
    regions: tuple[FlashRegion, ...]
    program_bytes: int
    write_once: bool
    erased_value: int
    read_may_fault: bool
    stalls: bool
    erase_ms_max: int

    @property
    def size(self) -> int:
        """Bytes of the whole device."""
        return sum(region.count * region.erase_bytes for region in self.regions)

    def block(self, offset: int) -> tuple[int, int]:
        """Return start and size of the erase block that holds `offset`."""
        start = 0
        for region in self.regions:
            end = start + region.count * region.erase_bytes
            if offset < end:
                return offset - (offset - start) % region.erase_bytes, region.erase_bytes
            start = end
        raise ValueError(f"offset {offset:#x} lies outside the flash")

    def block_sizes(self, area: Area) -> set[int]:
        """Return the sizes of the blocks that an area consists of."""
        sizes, offset = set(), area.offset
        while offset < area.end:
            start, size = self.block(offset)
            sizes.add(size)
            offset = start + size
        return sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """How QEMU is told to be this board."""

    qemu: str
    machine: str
    args: tuple[str, ...] = ()  # more of QEMU's arguments
    flash_files: tuple[str, ...] = ()  # in the state folder, in address order
    boot_file: str | None = None  # where the bootloader lies outside the flash
    ram_file: str | None = None  # where RAM must outlive QEMU's process
    ram_file_bytes: int = 0
    relaunch_on_reset: bool = False
    console_data: int = 0  # address of the console's data register, to count up to a first byte
    console_setup_stores: int = 0  # stores to it that set the console up, before that byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything that tools need to know about a board."""

    name: str
    dir: Path
    summary: str
    arch: str
    cpu: str
    chip: str
    drivers: tuple[str, ...]  # class/name
    clk_hz: int
    irqs: int
    memory: Memory
    flash: Flash
    layout: dict[str, Area]
    emulator: Emulator | None
    runner: str  # how unitool flash reaches it, unless it is told otherwise
    pyocd_target: str | None  # what pyOCD calls it, where it knows it by itself

    @property
    def word_bytes(self) -> int:
        """Size of a register and of a pointer."""
        return 8 if self.cpu.startswith("rv64") else 4

    @property
    def slots(self) -> tuple[Area, Area]:
        """Slots A and B."""
        return self.layout["slot_a"], self.layout["slot_b"]

    def slot_address(self, slot: int) -> int:
        """Return the address of the header of slot 0 (A) or 1 (B)."""
        return self.flash.base + self.slots[slot].offset
