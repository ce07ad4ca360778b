# SPDX-License-Identifier: Apache-2.0
"""The flash algorithm of a board as debuggers read it: CMSIS form, from board.toml and driver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyocd.target.pack.flash_algo import PackFlashAlgo
from unitool import boards, flash_algo
from unitool.boards import Board, FlashRegion
from unitool.errors import BuildError

BOARDS = [board for board in boards.all_boards() if board.arch.startswith("arm")]
UNEQUAL = (
    FlashRegion(count=4, erase_bytes=0x4000),
    FlashRegion(count=1, erase_bytes=0x10000),
    FlashRegion(count=7, erase_bytes=0x20000),
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNITOOL_CACHE", str(tmp_path))


def unequal(board: Board) -> Board:
    return replace(board, flash=replace(board.flash, regions=UNEQUAL))


@pytest.mark.parametrize("made", [lambda b: b, unequal], ids=["own", "unequal"])
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_debuggers_read_what_board_toml_says(board: Board, made: object) -> None:
    board = made(board)  # type: ignore[operator]
    algo = PackFlashAlgo(str(flash_algo.build(board)))
    assert set(algo.symbols) == {"Init", "UnInit", "EraseSector", "ProgramPage"}
    assert all(address & 1 for address in algo.symbols.values()), "Thumb"
    info = algo.flash_info
    flash = board.flash
    assert (info.start, info.size, info.value_empty) == (flash.base, flash.size, flash.erased_value)
    assert info.name == board.name.encode() and info.erase_timeout_ms == flash.erase_ms_max
    assert info.page_size % flash.program_bytes == 0
    assert info.page_size <= min(region.erase_bytes for region in flash.regions)
    sectors, at = [], 0
    for region in flash.regions:
        sectors.append((at, region.erase_bytes))
        at += region.count * region.erase_bytes
    assert info.sector_info_list == sectors
    assert len(algo.algo_data) < 2048


def test_algorithm_is_built_once_and_anew_when_the_board_changes() -> None:
    board = BOARDS[0]
    first = flash_algo.build(board)
    made = first.stat().st_mtime_ns
    assert flash_algo.build(board) == first and first.stat().st_mtime_ns == made
    assert flash_algo.build(unequal(board)) != first


def test_driver_that_does_not_compile_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "board.c").write_text("int x = y;\n")
    with pytest.raises(BuildError, match=r"flash algorithm of .*\n.*board.c"):
        flash_algo.build(replace(BOARDS[0], dir=folder))
