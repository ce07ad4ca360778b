# SPDX-License-Identifier: Apache-2.0
"""The apps of this repository start from either slot, with traps where the other image would be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unitool.emulator import Emulator

Device = Callable[..., Emulator]

GREETINGS = {
    "firmware/apps/hello": "hello from {board}",
    "firmware/apps/cxxdemo": r"3 sensors[^$]*humidity -1\r[^$]*pressure 1013\r[^$]*temperature 3\r",
    "tests/apps/features": "features ok, slot {slot}",
}
# Neither instruction set can execute it.
POISON = {"armv7m": b"\xff\xde", "riscv": b"\0\0"}


def poison(board: Emulator, slot: int) -> None:
    """Fill a slot with an instruction that traps."""
    area = board.board.slots[slot]
    word = POISON[board.board.arch]
    board.state.write(area.offset, word * (area.size // len(word)))


@pytest.mark.parametrize("slot", [0, 1], ids="AB")
@pytest.mark.parametrize("app", GREETINGS, ids=lambda app: app.rsplit("/", 1)[1])
def test_app_runs_from_either_slot(device: Device, app: str, slot: int) -> None:
    board = device(app, slot=slot)
    poison(board, 1 - slot)
    with board:
        wanted = GREETINGS[app].format(board=board.board.name, slot="AB"[slot])
        board.console.expect(wanted, 20)
        assert "panic" not in board.console.log
