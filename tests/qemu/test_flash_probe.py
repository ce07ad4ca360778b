# SPDX-License-Identifier: Apache-2.0
"""`unitool flash` on a board that is on: real flash algorithms on its core, through pyOCD."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyocd.probe.aggregator import DebugProbeAggregator
from unitool import console, emulating, powered, runners
from unitool.boards import Board
from unitool.emulator import Emulator, Probe
from unitool.errors import FlashError, LostConnectionError, SeveralProbesError
from unitool.runners import Block, Place, Programmer, Segment

from .test_commands import unitool
from .test_flash_command import Desk

ROUNDS = int(os.environ.get("FLASH_ROUNDS", "2"))
HELLO = b"hello from"


@pytest.fixture
def desk(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Return a board that is provisioned, built for, and on."""
    if board.runner != "pyocd":
        pytest.skip("is reached by another runner")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = Desk(tmp_path, board)
    switch(made)
    yield made
    for entry in powered.boards():
        os.kill(entry.process, signal.SIGKILL)


def switch(desk: Desk, *how: str) -> subprocess.CompletedProcess[str]:
    return unitool(desk.folder, "emulate", "-b", desk.board.name, *(how or ("--detach",)))


def place(desk: Desk) -> Place:
    return Place(board=desk.board, state=desk.state)


def heard(ear: Any) -> bool:
    """Whether the app says hello."""
    ear.settimeout(20)
    said = b""
    while HELLO not in said:
        data = ear.recv(4096)
        if not data:
            return False
        said += data
    return True


def test_board_that_is_on_is_flashed_and_starts_anew(desk: Desk) -> None:
    with console.connect(desk.state) as ear:
        facts = desk.facts("--slot", "B")
        assert facts["slot"] == "B" and heard(ear)
    signed = (desk.folder / f"build/{desk.board.name}/hello.signed.bin").read_bytes()
    assert desk.area("slot_b")[:0x200] == signed[:0x200]
    with console.connect(desk.state) as ear:
        again = desk.flash("--slot", "B")
        assert again.returncode == 0 and "nothing to write" in again.stdout, again.stderr
        assert heard(ear)
    assert switch(desk, "--off").returncode == 0
    desk.starts()


def test_random_data_arrives_and_the_app_is_left_alone(desk: Desk) -> None:
    """Erase blocks whole and in part, neighbours kept; FLASH_ROUNDS says how often."""
    dice = random.Random(os.environ.get("FLASH_SEED", "1"))
    board = desk.board
    base, area = board.flash.base, board.layout["storage"]
    block = board.flash.block(area.offset)[1]
    room = min(area.size, 1 << 18)
    with runners.connect(place(desk)) as way:
        for _ in range(ROUNDS):
            start, end = sorted(dice.sample(range(0, room, board.flash.program_bytes), 2))
            data = dice.randbytes(end - start)
            before = way.read(base + area.offset, room)
            to = Programmer(board, way)
            to.write([Segment(base + area.offset + start, data)])
            assert way.read(base + area.offset, room) == before[:start] + data + before[end:]
        to.erase([area])
        assert way.read(base + area.offset, block) == bytes([board.flash.erased_value]) * block
        way.reset()
    assert desk.flash("--dry-run").stdout.count("nothing was changed") <= 1


def test_what_the_flash_refuses_is_an_error(desk: Desk) -> None:
    board = desk.board
    address = board.flash.base + board.layout["storage"].offset
    unit = board.flash.program_bytes
    with runners.connect(place(desk)) as way:
        way.erase(
            [Block(address, board.flash.block(board.layout["storage"].offset)[1])], lambda _: 0
        )
        way.program([Segment(address, bytes(unit))], lambda _: 0)
        with pytest.raises(FlashError, match=f"programming {unit} bytes at {address:#x} failed"):
            way.program([Segment(address, b"\xff" * unit)], lambda _: 0)
        with pytest.raises(FlashError, match=r"failed|erase"):
            way.erase([Block(address + unit, unit)], lambda _: 0)


def test_power_lost_in_the_middle_is_an_error_that_the_next_flash_mends(desk: Desk) -> None:
    board = desk.board
    address = board.flash.base + board.layout["slot_b"].offset
    (entry,) = powered.boards()

    def cut(done: int) -> None:
        if done:
            os.kill(entry.process, signal.SIGKILL)

    with (
        pytest.raises(LostConnectionError, match="off, or died"),
        runners.connect(place(desk)) as way,
    ):
        size = board.flash.block(board.layout["slot_b"].offset)[1]
        blocks = [Block(address + n * size, size) for n in range(4)]
        way.erase(blocks, lambda _: 0)
        way.program([Segment(b.address, os.urandom(size)) for b in blocks], cut)
    assert switch(desk).returncode == 0
    done = desk.flash("--slot", "B")
    assert done.returncode == 0 and "wrote and verified" in done.stdout, done.stderr
    assert switch(desk, "--off").returncode == 0
    desk.starts()


def test_board_without_power_or_probe_is_told_apart(desk: Desk) -> None:
    absent = desk.flash("--runner", "pyocd", "--probe", "no-such-probe")
    assert absent.returncode == 10 and "no debug probe is called" in absent.stderr
    name = powered.uid(desk.board.name, desk.state)
    named = desk.flash("--probe", name, "--dry-run")
    assert named.returncode == 0, named.stderr
    assert switch(desk, "--off").returncode == 0
    off = desk.flash("--runner", "pyocd")
    assert off.returncode == 10 and "no debug probe is connected" in off.stderr
    with Emulator(desk.board, desk.state, forward=()):
        bare = desk.flash("--slot", "B")
    assert bare.returncode == 16 and "is running without a debug probe" in bare.stderr


def test_several_probes_must_be_told_apart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert switch(desk, "--off").returncode == 0
    found = [SimpleNamespace(unique_id=name) for name in ("a1", "b2")]
    monkeypatch.setattr(DebugProbeAggregator, "get_all_connected_probes", lambda _=None: found)
    with pytest.raises(SeveralProbesError, match="a1, b2"), runners.connect(place(desk), "pyocd"):
        pass


def test_blank_board_is_flashed_through_its_probe(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if board.runner != "pyocd":
        pytest.skip("is reached by another runner")
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    data = os.urandom(5000)
    address = board.flash.base + board.layout["slot_a"].offset
    with (
        Emulator(board, state, forward=(), debug=Probe()) as emulator,
        powered.announced(emulating.entry(emulator)),
        runners.connect(Place(board=board, state=state)) as way,
    ):
        assert emulator.held
        Programmer(board, way).write([Segment(address, data)])
    assert emulator.state.read(board.layout["slot_a"].offset, 5000) == data
