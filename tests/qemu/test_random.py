# SPDX-License-Identifier: Apache-2.0
"""The random generator never repeats a block, however the board comes to start again."""

from __future__ import annotations

import re
from collections.abc import Callable

from unitool.emulator import Emulator

Device = Callable[..., Emulator]


def test_no_two_starts_give_the_same_bytes(device: Device) -> None:
    with device("tests/apps/random") as board:
        board.console.expect(r"start 20: \w{64}\r", 60)
        board.cut()
        board.power_on()
        board.console.expect(r"start 21: \w{64}\r", 20)
        blocks = re.findall(r"start \d+: (\w{64})\r", board.console.log)
    assert len(blocks) == 21
    halves = [block[i : i + 32] for block in blocks for i in (0, 32)]
    assert len(set(halves)) == len(halves)


def test_two_devices_differ(device: Device) -> None:
    with device("tests/apps/random") as first:
        seen = first.console.expect(r"start 1: (\w{64})\r", 20)[1]
    with device("tests/apps/random", folder="other") as second:
        assert second.console.expect(r"start 1: (\w{64})\r", 20)[1] != seen
