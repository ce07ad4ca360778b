# SPDX-License-Identifier: Apache-2.0
"""Every app of this repository runs from either slot, with traps where the other image would be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from unitool import apps
from unitool.emulator import Emulator

from tests.qemu.net_tools import get

pytestmark = pytest.mark.every_board
Device = Callable[..., Emulator]

ROOT = Path(__file__).resolve().parents[2]
FEATURES = "tests/apps/features"
APPS = [
    *sorted(str(f.parent.relative_to(ROOT)) for f in (ROOT / "firmware/apps").glob("*/app.toml")),
    FEATURES,
]
# More than that an app logs something, of those whose lines are known.
SAYS = {
    "firmware/apps/hello": "hello from {board}",
    "firmware/apps/cxxdemo": r"3 sensors[^$]*humidity -1\r[^$]*pressure 1013\r[^$]*temperature 3\r",
    FEATURES: "features ok, slot {slot}",
}
LOG_LINE = r"\[ *\d+\.\d+\] \S"
HTTP_SERVER = "net/http-server"
SETTLE_S = 1.0
# Neither instruction set can execute it.
POISON = {"armv7m": b"\xff\xde", "riscv": b"\0\0"}


def poison(board: Emulator, slot: int) -> None:
    """Fill a slot with an instruction that traps."""
    area = board.board.slots[slot]
    word = POISON[board.board.arch]
    board.state.write(area.offset, word * (area.size // len(word)))


@pytest.mark.parametrize("slot", [0, 1], ids="AB")
@pytest.mark.parametrize("app", APPS, ids=lambda app: app.rsplit("/", 1)[1])
def test_app_runs_from_either_slot(device: Device, app: str, slot: int) -> None:
    listed = apps.load(ROOT / app).components
    board = device(app, slot=slot, forward=(80,) if HTTP_SERVER in listed else ())
    poison(board, 1 - slot)
    with board:
        if HTTP_SERVER in listed:
            board.console.expect(r"net: up, 10\.0\.2\.15")
            page = get(board.port(80), "/")
            assert page.status == 200 and page.body
        elif any(name.startswith("os/log/") for name in listed):
            wanted = SAYS.get(app, LOG_LINE)
            board.console.expect(wanted.format(board=board.board.name, slot="AB"[slot]), 20)
        time.sleep(SETTLE_S)
        assert "panic" not in board.console.log
        assert board.resets == 0


def test_what_apps_say_is_of_apps_that_are_there() -> None:
    assert {*SAYS, "firmware/apps/webdemo"} <= set(APPS)
