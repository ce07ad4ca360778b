# SPDX-License-Identifier: Apache-2.0
"""The flash contract on the boards' own drivers, and that flash outlives the power."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unitool.emulator import Emulator

pytestmark = pytest.mark.every_board
Device = Callable[..., Emulator]
APP = "tests/apps/flash"


@pytest.mark.parametrize("slot", [0, 1], ids="AB")
def test_drivers_keep_the_flash_contract(device: Device, slot: int) -> None:
    with device(APP, slot=slot) as board:
        board.console.expect(rf"flash contract holds, slot {'AB'[slot]}|broken: .*\n", 60)
        assert "broken" not in board.console.log


def test_programmed_bytes_survive_kill(device: Device) -> None:
    with device(APP) as board:
        board.console.expect(r"storage held ffffffff")
        board.console.expect("flash contract holds", 60)
        board.cut()
        storage = board.board.layout["storage"]
        assert board.state.read(storage.offset, 4) == b"\x3c" * 4
        board.power_on()
        board.console.expect(r"storage held 3c3c3c3c")
