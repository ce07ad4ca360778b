# SPDX-License-Identifier: Apache-2.0
"""Boards: a folder with board.toml each, parsed once, strictly, into frozen dataclasses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from unitool import paths, runners, strict_toml
from unitool.board_model import (
    BODY_OFFSET,
    Area,
    Board,
    Emulator,
    Flash,
    FlashRegion,
    Memory,
    Region,
)
from unitool.errors import BoardError, UsageError
from unitool.formats import flash as flash_format
from unitool.formats import journal, retained
from unitool.strict_toml import Table

__all__ = [
    "AREAS",
    "BODY_OFFSET",
    "Area",
    "Board",
    "Emulator",
    "Flash",
    "FlashRegion",
    "Memory",
    "Region",
    "all_boards",
    "load",
    "one_of_each_family",
    "read",
]

_KIND = strict_toml.Kind(
    error=BoardError, manual="porting.md", missing="unitool boards lists the boards that there are"
)
_PAGE = 4096  # slots lie a multiple of this apart: AUIPC and LUI count pages
_ADDRESS_SPACE = 1 << 32
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_DRIVER = re.compile(r"[a-z0-9_]+/[a-z0-9_]+")
AREAS = ("identity", "trust_a", "trust_b", "journal_a", "journal_b", "slot_a", "slot_b", "storage")


def all_boards(extra_dirs: Iterable[Path] = ()) -> tuple[Board, ...]:
    """Return every board, by name. Of two with one name the later folder's counts."""
    found = _folders(extra_dirs)
    return tuple(read(found[name]) for name in sorted(found))


def one_of_each_family(found: Iterable[Board]) -> tuple[Board, ...]:
    """Return the first board of those that share the CPU's architecture and every driver.

    What one of them proves about that code holds for the others.
    """
    families: dict[tuple[str, frozenset[str]], Board] = {}
    for board in found:
        families.setdefault((board.arch, frozenset(board.drivers)), board)
    return tuple(families.values())


def load(name: str, extra_dirs: Iterable[Path] = ()) -> Board:
    """Return the board called `name`. UsageError: there is none; BoardError: its file is wrong."""
    found = _folders(extra_dirs)
    if name not in found:
        raise UsageError(
            f"no board is called {name!r}",
            f"there are {', '.join(sorted(found))}; --boards-dir DIR adds those of a folder",
        )
    return read(found[name])


def _folders(extra_dirs: Iterable[Path]) -> dict[str, Path]:
    return {
        file.parent.name: file.parent
        for where in (paths.checkout() / "boards", *extra_dirs)
        for file in sorted(where.glob("*/board.toml"))
    }


def read(folder: Path) -> Board:
    """Parse the board.toml in `folder`."""
    file = folder / "board.toml"
    top = strict_toml.load(file, _KIND)
    about = top.table("board")
    flash = _flash(top.table("flash"))
    memory = _memory(top.table("memory"))
    layout = _layout(top.table("layout"), flash)
    _check_boot_area(top, layout, flash, memory)
    emulator = _emulator(top.table("emulator")) if top.has("emulator") else None
    board = Board(
        name=folder.name,
        dir=folder,
        summary=about.text("summary"),
        arch=about.text("arch"),
        cpu=about.text("cpu"),
        chip=about.text("chip"),
        drivers=_drivers(about),
        clk_hz=about.integer("clk_hz", low=1),
        irqs=about.integer("irqs", high=480),
        memory=memory,
        flash=flash,
        layout=layout,
        emulator=emulator,
        runner=_runner(top, "file" if emulator else "gdb"),
        pyocd_target=_probe(top.table("probe")) if top.has("probe") else None,
    )
    if not _NAME.fullmatch(board.name):
        about.fail("name", f"the folder {folder.name!r} is no name: use a-z, 0-9 and -")
    about.finish("summary, arch, cpu, chip, drivers, clk_hz, irqs")
    top.finish("board, memory, flash, layout, runner, emulator, probe")
    return board


def _probe(table: Table) -> str:
    target = table.text("target")
    table.finish("target")
    return target


def _drivers(about: Table) -> tuple[str, ...]:
    drivers = about.texts("drivers")
    for driver in drivers:
        if not _DRIVER.fullmatch(driver):
            about.fail("drivers", f"{driver!r} is not of the form class/name, such as uart/cmsdk")
    if len(set(drivers)) != len(drivers):
        about.fail("drivers", "names a driver twice")
    return drivers


def _region(table: Table) -> Region:
    region = Region(base=table.integer("base"), size=table.integer("size", low=1))
    if region.end > _ADDRESS_SPACE:
        table.fail("size", f"{region.end:#x} lies outside the 32-bit address space")
    return region


def _memory(table: Table) -> Memory:
    boot_table, ram_table = table.table("boot"), table.table("ram")
    boot, ram = _region(boot_table), _region(ram_table)
    kept = ram_table.integer("retained", low=retained.BYTES_MIN)
    if kept % 32 or kept >= ram.size:
        ram_table.fail("retained", f"{kept:#x} is no multiple of 32 smaller than the RAM")
    if boot.base < ram.end and ram.base < boot.end:
        ram_table.fail("base", "RAM overlaps memory.boot")
    boot_table.finish("base, size")
    ram_table.finish("base, size, retained")
    devices = _devices(table)
    table.finish("boot, ram, devices")
    return Memory(
        boot=boot,
        ram=Region(base=ram.base, size=ram.size - kept),
        retained=Region(base=ram.end - kept, size=kept),
        devices=devices,
    )


def _devices(memory: Table) -> Region:
    """Devices where the core expects none: protection must open a window for them."""
    if not memory.has("devices"):
        return Region(base=0, size=0)
    table = memory.table("devices")
    devices = _region(table)
    if devices.size & (devices.size - 1) or devices.base % devices.size:
        table.fail("size", f"{devices.size:#x} is no power of two that divides the base")
    table.finish("base, size")
    return devices


def _flash(table: Table) -> Flash:
    regions = []
    for region in table.tables("regions"):
        count, erase = region.integer("count", low=1), region.integer("erase_bytes", low=1)
        if erase & (erase - 1):
            region.fail("erase_bytes", f"{erase:#x} is not a power of two")
        regions.append(FlashRegion(count=count, erase_bytes=erase))
        region.finish("count, erase_bytes")
    flash = Flash(
        base=table.integer("base"),
        regions=tuple(regions),
        program_bytes=table.integer("program_bytes", low=1, high=512),
        write_once=table.flag("write_once"),
        erased_value=table.integer("erased_value", high=0xFF),
        read_may_fault=table.flag("read_may_fault"),
        stalls=table.flag("stalls"),
        erase_ms_max=table.integer("erase_ms_max", low=1, high=60_000),
    )
    if flash.program_bytes & (flash.program_bytes - 1):
        table.fail("program_bytes", f"{flash.program_bytes} is not a power of two")
    if flash.erased_value not in (0x00, 0xFF):
        table.fail("erased_value", f"{flash.erased_value:#x} is neither 0x00 nor 0xFF")
    if flash.base + flash.size > _ADDRESS_SPACE:
        table.fail("regions", "the flash ends outside the 32-bit address space")
    table.finish(
        "base, regions, program_bytes, write_once, erased_value, read_may_fault, stalls, "
        "erase_ms_max"
    )
    return flash


def _layout(table: Table, flash: Flash) -> dict[str, Area]:
    names = (("boot",) if table.has("boot") else ()) + AREAS
    layout = {name: _area(table, name, flash) for name in names}
    table.finish(", ".join(("boot", *AREAS)))
    in_order = sorted(layout, key=lambda name: layout[name].offset)
    for before, after in pairwise(in_order):
        if layout[before].end > layout[after].offset:
            table.fail(after, f"overlaps {before}, which ends at {layout[before].end:#x}")
    _check_slots(table, layout["slot_a"], layout["slot_b"], flash)
    for pair in ("trust", "journal"):
        if layout[f"{pair}_a"].size != layout[f"{pair}_b"].size:
            table.fail(f"{pair}_b", f"differs in size from {pair}_a")
    _check_room(table, layout, flash.program_bytes)
    return layout


def _check_room(table: Table, layout: dict[str, Area], unit: int) -> None:
    """What docs/flash.md puts into an area must fit."""
    for name, least in (
        ("identity", max(flash_format.IDENTITY_BYTES, unit)),
        ("trust_a", -(-flash_format.TRUST_BYTES_MAX // unit) * unit),
        ("journal_a", journal.PLACES_MIN * max(journal.RECORD_BYTES, unit)),
    ):
        if layout[name].size < least:
            table.fail(name, f"is {layout[name].size} bytes long; it needs {least}")


def _area(parent: Table, name: str, flash: Flash) -> Area:
    table = parent.table(name)
    area = Area(offset=table.integer("offset"), size=table.integer("size", low=1))
    table.finish("offset, size")
    if area.end > flash.size:
        parent.fail(name, f"ends at {area.end:#x}, behind the flash ({flash.size:#x})")
    for verb, edge in (("starts", area.offset), ("ends", area.end)):
        if edge < flash.size and flash.block(edge)[0] != edge:
            start, size = flash.block(edge)
            parent.fail(name, f"{verb} at {edge:#x}, inside the erase block {start:#x}+{size:#x}")
    return area


def _check_slots(table: Table, a: Area, b: Area, flash: Flash) -> None:
    if a.size != b.size:
        table.fail("slot_b", f"is {b.size:#x} long and slot_a {a.size:#x}; one image must fit both")
    step = max(_PAGE, *(size for area in (a, b) for size in flash.block_sizes(area)))
    if (b.offset - a.offset) % step:
        table.fail("slot_b", f"is not a multiple of {step} away from slot_a")


def _check_boot_area(top: Table, layout: dict[str, Area], flash: Flash, memory: Memory) -> None:
    """A bootloader in the flash must be an area of it, and the same one."""
    inside = flash.base <= memory.boot.base < flash.base + flash.size
    expected = Area(offset=memory.boot.base - flash.base, size=memory.boot.size) if inside else None
    if layout.get("boot") != expected:
        top.fail("layout.boot", "does not say the same as memory.boot")


def _runner(top: Table, otherwise: str) -> str:
    if not top.has("runner"):
        return otherwise
    table = top.table("runner")
    name = table.text("default")
    if name not in runners.names():
        table.fail("default", f"there is no runner {name!r}, but {', '.join(runners.names())}")
    table.finish("default")
    return name


def _emulator(table: Table) -> Emulator:
    emulator = Emulator(
        qemu=table.text("qemu"),
        machine=table.text("machine"),
        args=table.texts("args", ()),
        flash_files=table.texts("flash_files", ()),
        boot_file=table.text("boot_file") if table.has("boot_file") else None,
        ram_file=table.text("ram_file") if table.has("ram_file") else None,
        ram_file_bytes=table.integer("ram_file_bytes", 0),
        relaunch_on_reset=table.flag("relaunch_on_reset", False),
        console_data=table.integer("console_data", 0),
        console_setup_stores=table.integer("console_setup_stores", 0),
    )
    table.finish(
        "qemu, machine, args, flash_files, boot_file, ram_file, ram_file_bytes, relaunch_on_reset, "
        "console_data, console_setup_stores"
    )
    return emulator
