# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at named symbols of an update: the board always comes back and the update ends."""

from __future__ import annotations

import pytest
from debugger import StoppingEmulator, address_of, stop_at
from fleet import Backend, Unit, UnitMaker, Versions
from unitool.boards import Board

TIMES = 5
# Where, in which image, and how often it passes there before: each time a little later.
POINTS = {
    "download": ("fetch_body", "old", (1, 4, 9, 15, 22)),
    "journal": ("journal_append", "old", (1, 2, 3, 4, 5)),
    "ready": ("fetch_ready", "old", (1, 1, 1, 1, 1)),
    "first_boot": ("hal_reset_entry", "new", (1, 1, 1, 1, 1)),
    "confirm": ("update_confirm", "new", (1, 1, 1, 1, 1)),
}


def kill_once(unit: Unit, elf_symbol: str, which: str, times: int, versions: Versions) -> None:
    """Stop the CPU at the symbol in the image that is running, or about to run, and kill QEMU."""
    emulator = unit.emulator
    assert isinstance(emulator, StoppingEmulator)
    elf = versions.make(unit.board, "1.0.0").elf
    slot = unit.running_slot()
    address = address_of(elf, elf_symbol, unit.board, slot if which == "old" else 1 - slot)
    emulator.stop = True
    stop_at(emulator, address, times=times, timeout_s=90)
    emulator.stop = False
    emulator.cut()
    emulator.power_on()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(
    board: Board, unit: UnitMaker, backend: Backend, versions: Versions, point: str
) -> None:
    symbol, which, passes = POINTS[point]
    one = unit(gdb=True)
    first = versions.make(board, "1.0.0")
    with one.emulator:
        one.wait_version("1.0.0")
        for i in range(TIMES):
            rollout = backend.roll_out(versions.resign(board, first, f"1.{i + 1}.0"))
            kill_once(one, symbol, which, passes[i], versions)
            backend.wait_done(rollout, one, 120)
            assert backend.device(one.id)["version"] == f"1.{i + 1}.0"
