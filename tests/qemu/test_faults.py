# SPDX-License-Identifier: Apache-2.0
"""Every kind of fault leaves a record that names the place, and the board comes back."""

from __future__ import annotations

import re

from collections.abc import Callable

import pytest
from unitool import crash
from unitool.emulator import Emulator

Device = Callable[..., Emulator]

RESET_WATCHDOG, RESET_PANIC, RESET_SOFTWARE, RESET_POWER_ON = 3, 4, 2, 1

# key of tests/apps/faults: what the report says (both CPUs), and the function it names
FAULTS = {
    "w": (r"fault \w+ \w+ \w+ at 00000004", "act"),
    "r": (r"fault \w+ \w+ \w+ at 00000008", "act"),
    "c": (r"fault .*", None),
    "s": (r"fault .*", None),
    "d": (r"fault .*", None),
    "o": (r"fault .*", None),
    "k": (r"fault .*", "act"),
    "x": (r"fault .*", None),
    "b": (r"fault .*", "act"),
    "a": (r"assert", "act"),
    "p": (r"by request", "act"),
}


def report(board: Emulator, key: str) -> str:
    """Make the board fault, and return the line about it that the next start prints."""
    board.console.expect(r"ready, slot A")
    board.console.send(key)
    line = board.console.expect(r"panic: [^\n]*\n|not trapped")[0]
    board.console.expect(rf"ready, slot A, start \d+, reason {RESET_PANIC}")
    return line


@pytest.mark.parametrize("key", FAULTS)
def test_fault_is_reported_by_the_next_start(device: Device, key: str) -> None:
    what, where = FAULTS[key]
    with device("tests/apps/faults") as board:
        line = report(board, key)
        assert re.match(rf"panic: {what} pc=", line), line
        found = crash.parse_line(line)
        assert found is not None
        assert found.slot_base == board.board.slot_address(0)
