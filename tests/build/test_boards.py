# SPDX-License-Identifier: Apache-2.0
"""board.toml: what it becomes, and one bad file per rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from unitool import boards
from unitool.errors import BoardError, UsageError

from .sample import body_address

# name: (text in the good file, what replaces it, what the error says)
BAD = {
    "unknown_key": ("summary =", "colour = 1\nsummary =", "board.colour: unknown key"),
    "unknown_table": ("[layout]", "[attic]\nx = 1\n[layout]", "attic: unknown key"),
    "probe_key": ("[layout]", '[probe]\ntarget = "k64f"\nx = 1\n[layout]', "probe.x: unknown key"),
    "probe_target": ("[layout]", "[probe]\n[layout]", "probe.target: is missing"),
    "missing_key": ('cpu = "cortex-m3"\n', "", "board.cpu: is missing"),
    "wrong_type": ('cpu = "cortex-m3"', "cpu = 3", "board.cpu: must be a string"),
    "not_toml": ("[layout]", "[layout", "not TOML"),
    "driver_form": ('"uart/null"', '"uart"', "board.drivers: 'uart' is not of the form"),
    "driver_twice": ('"uart/null"', '"uart/null", "uart/null"', "names a driver twice"),
    "overlap": (
        "trust_b = { offset = 0x0000_2000",
        "trust_b = { offset = 0x0000_1000",
        "layout.trust_b: overlaps trust_a",
    ),
    "unaligned_start": (
        "slot_a = { offset = 0x0040_0000",
        "slot_a = { offset = 0x0040_0800",
        "layout.slot_a: starts at 0x400800, inside the erase block",
    ),
    "unaligned_end": (
        "storage = { offset = 0x0060_0000, size = 0x0020_0000",
        "storage = { offset = 0x0060_0000, size = 0x0020_0010",
        "layout.storage: ends at 0x800010, inside the erase block",
    ),
    "outside": (
        "storage = { offset = 0x0060_0000",
        "storage = { offset = 0x00F0_0000",
        "layout.storage: ends at 0x1100000, behind the flash",
    ),
    "area_key": ("storage = { offset", "storage = { name = 1, offset", "layout.storage.name: unk"),
    "unknown_area": (
        "storage =",
        "attic = { offset = 0x80_0000, size = 0x1000 }\nstorage =",
        "layout.attic: unknown key",
    ),
    "unequal_slots": (
        "slot_b = { offset = 0x0050_0000, size = 0x0010_0000",
        "slot_b = { offset = 0x0050_0000, size = 0x000F_0000",
        "layout.slot_b: is 0xf0000 long",
    ),
    "unequal_journals": (
        "journal_b = { offset = 0x0000_4000, size = 0x1000",
        "journal_b = { offset = 0x0000_4000, size = 0x2000",
        "layout.journal_b: differs in size",
    ),
    "boot_area": (
        "[layout]",
        "[layout]\nboot = { offset = 0x70_0000, size = 0x1000 }",
        "layout.boot: overlaps storage",
    ),
    "boot_memory": (
        "[layout]",
        "[layout]\nboot = { offset = 0x80_0000, size = 0x1000 }",
        "layout.boot: does not say the same as memory.boot",
    ),
    "program_bytes": ("program_bytes = 8", "program_bytes = 12", "flash.program_bytes: 12 is not"),
    "program_large": ("program_bytes = 8", "program_bytes = 1024", "flash.program_bytes: 0x400"),
    "erased_value": ("erased_value = 0xFF", "erased_value = 1", "flash.erased_value: 0x1 is neit"),
    "erase_bytes": ("erase_bytes = 4096", "erase_bytes = 5000", "flash.regions[0].erase_bytes"),
    "flash_end": ("base = 0x2100_0000", "base = 0xFFFF_0000", "flash.regions: the flash ends"),
    "runner": ('default = "pyocd"', 'default = "magic"', "runner.default: there is no runner"),
    "runner_key": ('default = "pyocd"', 'default = "pyocd"\nx = 1', "runner.x: unknown key"),
    "flag": ("stalls = false", "stalls = 0", "flash.stalls: must be true or false"),
    "retained_small": ("retained = 0x400", "retained = 0x200", "memory.ram.retained: 0x200"),
    "retained_odd": ("retained = 0x400", "retained = 0x401", "memory.ram.retained: 0x401"),
    "ram_on_boot": ("base = 0x2000_0000", "base = 0x0000_8000", "memory.ram.base: RAM overlaps"),
    "devices_odd": (
        "[flash]",
        "[memory.devices]\nbase = 0xA000_1000\nsize = 0x2000\n[flash]",
        "memory.devices.size: 0x2000 is no power of two that divides the base",
    ),
    "devices_key": (
        "[flash]",
        "[memory.devices]\nbase = 0xA000_0000\nsize = 0x2000\nirq = 1\n[flash]",
        "memory.devices.irq: unknown key",
    ),
    "address_space": ("base = 0x2000_0000", "base = 0xFFFF_0000", "memory.ram.size"),
}


def test_real_boards_are_read() -> None:
    found = {board.name: board for board in boards.all_boards()}
    assert {"mps2-an385", "virt-rv32"} <= set(found)
    arm, riscv = found["mps2-an385"], found["virt-rv32"]
    assert body_address(arm, 0) == 0x2140_0200 and body_address(arm, 1) == 0x2150_0200
    assert arm.memory.ram.end == arm.memory.retained.base
    assert riscv.layout["boot"].size == riscv.memory.boot.size
    assert riscv.flash.size == 64 << 20


@pytest.mark.parametrize("rule", BAD)
def test_bad_board_is_refused_by_file_key_and_reason(rule: str, tree: Path) -> None:
    before, after, says = BAD[rule]
    file = tree / "boards" / "mps2-an385" / "board.toml"
    good = file.read_text()
    assert before in good
    file.write_text(good.replace(before, after, 1))
    with pytest.raises(BoardError, match=re.escape(says)) as error:
        boards.load("mps2-an385")
    assert error.value.message.startswith(str(file))


def test_slots_must_lie_whole_pages_apart(tree: Path) -> None:
    file = tree / "boards" / "mps2-an385" / "board.toml"
    text = re.sub(
        r"count = 4096, erase_bytes = 4096", "count = 8192, erase_bytes = 2048", file.read_text()
    )
    text = re.sub(r"slot_b = \{[^}]*\}", "slot_b = { offset = 0x50_0800, size = 0x10_0000 }", text)
    text = re.sub(r"storage = \{[^}]*\}", "storage = { offset = 0x61_0000, size = 0x1000 }", text)
    file.write_text(text)
    with pytest.raises(BoardError, match=r"slot_b: is not a multiple of 4096 away"):
        boards.load("mps2-an385")


def test_slots_must_lie_whole_blocks_apart(tree: Path) -> None:
    file = tree / "boards" / "mps2-an385" / "board.toml"
    text = file.read_text().replace(
        "{ count = 4096, erase_bytes = 4096 }",
        "{ count = 1281, erase_bytes = 4096 }, { count = 175, erase_bytes = 65536 }",
    )
    text = re.sub(r"slot_b = \{[^}]*\}", "slot_b = { offset = 0x50_1000, size = 0x10_0000 }", text)
    text = re.sub(
        r"storage = \{[^}]*\}", "storage = { offset = 0x60_1000, size = 0x10_0000 }", text
    )
    file.write_text(text)
    with pytest.raises(BoardError, match=r"slot_b: is not a multiple of 65536 away from slot_a"):
        boards.load("mps2-an385")


@pytest.mark.parametrize(
    ("unit", "area"), [(8, "identity"), (8, "trust_a"), (512, "journal_a"), (512, "trust_a")]
)
def test_what_an_area_holds_must_fit(unit: int, area: str, tree: Path) -> None:
    file = tree / "boards" / "mps2-an385" / "board.toml"
    size = {"identity": 256, "trust_a": 1024, "journal_a": 4096}[area]
    text = re.sub(
        r"count = 4096, erase_bytes = 4096", "count = 65536, erase_bytes = 256", file.read_text()
    )
    text = text.replace("program_bytes = 8", f"program_bytes = {unit}")
    for name in (area, area.replace("_a", "_b")):
        text = re.sub(rf"({name} = \{{ offset = \S+, size = )0x1000", rf"\g<1>{size}", text)
    file.write_text(text)
    with pytest.raises(BoardError, match=rf"layout\.{area}: is {size} bytes long; it needs"):
        boards.load("mps2-an385")


def test_unequal_sectors_are_normal() -> None:
    flash = boards.Flash(
        base=0,
        regions=(
            boards.FlashRegion(count=4, erase_bytes=0x4000),
            boards.FlashRegion(count=2, erase_bytes=0x1_0000),
        ),
        program_bytes=1,
        write_once=False,
        erased_value=0xFF,
        read_may_fault=False,
        stalls=True,
        erase_ms_max=10,
    )
    assert flash.size == 0x3_0000
    assert flash.block(0x4001) == (0x4000, 0x4000)
    assert flash.block(0x1_0001) == (0x1_0000, 0x1_0000)
    with pytest.raises(ValueError, match="outside"):
        flash.block(0x3_0000)


def test_unknown_board_lists_what_there_is(tree: Path) -> None:
    with pytest.raises(UsageError) as error:
        boards.load("mps3")
    assert "mps2-an385, virt-rv32" in str(error.value.hint)


def test_boards_of_other_folders_are_found(tree: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "lab-board"
    mine.mkdir(parents=True)
    (mine / "board.toml").write_text((tree / "boards/virt-rv32/board.toml").read_text())
    assert boards.load("lab-board", [tmp_path / "mine"]).dir == mine
