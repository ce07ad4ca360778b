# SPDX-License-Identifier: Apache-2.0
"""The gdb runner on boards that are on: their own driver writes, whatever happens in between.

UNITOOL_FLASHES says how many random images are written one after the other.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unitool import emulating, powered, runners, unix_sockets
from unitool.boards import Board
from unitool.emulator import Debug, Emulator
from unitool.errors import LostConnectionError, VerifyError
from unitool.gdb_remote import GdbRemote
from unitool.runners import Place, Programmer, Segment
from unitool.runners.by_gdb import GdbRunner
from unitool.runners.programming import silent
from unitool.state import GDB, State

from .test_commands import LEAVE, UNITOOL, Terminal, unitool
from .test_flash_command import Desk

FLASHES = int(os.environ.get("UNITOOL_FLASHES", "2"))


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the boards of other tests out of the list of those that are on."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@contextmanager
def _on(board: Board, state: Path) -> Iterator[Place]:
    """An emulated board in a process of its own."""
    words = ["-b", board.name, "--state", str(state), "-f", "80"]
    emulating.detach(board.name, state, words)
    try:
        yield Place(board=board, state=state)
    finally:
        if State.is_held(state):
            emulating.ask(board.name, state, "cut")


def _segment(board: Board, slot: int, chance: random.Random) -> Segment:
    size = board.slots[slot].size
    data = chance.randbytes(chance.randrange(1, size // 4))
    return Segment(board.slot_address(slot), data.ljust(size, b"\xff"))


def _held(board: Board, state: Path, slot: int) -> bytes:
    area = board.slots[slot]
    return State(board, state).read(area.offset, area.size)


@pytest.mark.every_board
def test_random_images_and_a_second_time_nothing(board: Board, tmp_path: Path) -> None:
    chance = random.Random(1)
    with _on(board, tmp_path / "state") as place:
        for round_ in range(FLASHES):
            wanted = _segment(board, round_ % 2, chance)
            for again in (False, True):
                with runners.connect(place, "gdb") as runner:
                    to = Programmer(board, runner)
                    to.write([wanted])
                assert (to.total.blocks == 0) == again
                assert _held(board, place.state, round_ % 2) == wanted.data


def test_byte_that_is_spoilt_after_programming_is_found(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _segment(board, 1, random.Random(2))
    at = wanted.address + 77
    program = GdbRunner.program

    def spoil(runner: GdbRunner, *what: object) -> None:
        program(runner, *what)  # type: ignore[arg-type]
        runner._remote.write(at, bytes([runner.read(at, 1)[0] ^ 4]))

    with _on(board, tmp_path / "state") as place:
        with monkeypatch.context() as patch, runners.connect(place, "gdb") as runner:
            patch.setattr(GdbRunner, "program", spoil)
            with pytest.raises(VerifyError, match=rf"1 byte .* the first at {at:#x}"):
                Programmer(board, runner).write([wanted])
        with runners.connect(place, "gdb") as runner:
            Programmer(board, runner).write([wanted])
        assert _held(board, place.state, 1) == wanted.data


@pytest.mark.parametrize("during", ["erase", "program"])
def test_power_cut_halfway_is_named_and_mended_by_the_next_flash(
    board: Board, tmp_path: Path, during: str
) -> None:
    chance = random.Random(3)
    state = tmp_path / "state"
    first, second = (_segment(board, 0, chance) for _ in range(2))

    @contextmanager
    def cut(what: str, total: int) -> Iterator[object]:
        def done(size: int) -> None:
            if what == during and State.is_held(state):
                emulating.ask(board.name, state, "cut")

        yield done

    with _on(board, state) as place, runners.connect(place, "gdb") as runner:
        Programmer(board, runner).write([first])
    with _on(board, state) as place:
        with pytest.raises(LostConnectionError) as lost, runners.connect(place, "gdb") as runner:
            Programmer(board, runner, show=cut).write([second])  # type: ignore[arg-type]
        assert "flash it again" in lost.value.hint
    with _on(board, state) as place, runners.connect(place, "gdb") as runner:
        Programmer(board, runner, show=silent).write([second])
    assert _held(board, state, 0) == second.data


def test_flash_starts_what_it_wrote_and_leaves_alone_what_it_only_read(
    board: Board, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, board)
    with _on(board, desk.state):
        terminal = Terminal([*UNITOOL, "monitor", "-b", board.name], desk.folder)
        terminal.expect("leaves")
        done = desk.flash("--runner", "gdb", "--slot", "B", "--dry-run")
        assert done.returncode == 0 and "nothing was changed" in done.stdout, done.stderr
        with GdbRemote(unix_sockets.connect(desk.state, GDB)) as remote:
            remote.read(board.flash.base, 4)
            assert not remote.was_stopped
            remote.detach()
        done = desk.flash("--runner", "gdb", "--slot", "B")
        assert done.returncode == 0 and "was reset" in done.stdout, done.stderr
        terminal.expect("slot B: confirmed")
        terminal.expect(f"hello from {board.name}")
        done = desk.flash("--runner", "gdb", "--slot", "A", "--no-reset")
        assert done.returncode == 0, done.stderr
        with GdbRemote(unix_sockets.connect(desk.state, GDB)) as remote:
            remote.read(board.flash.base, 4)
            assert remote.was_stopped
        unitool(desk.folder, "emulate", "-b", board.name, "--reset")
        terminal.expect("slot A: confirmed")
        terminal.type(LEAVE)
        assert terminal.wait() == 0


def test_any_gdb_server_that_is_named(board: Board, tmp_path: Path) -> None:
    desk = Desk(tmp_path, board)
    debug = Debug(wait=True)
    with Emulator(board, desk.state, forward=(), debug=debug) as emulator:
        done = desk.flash("--slot", "B", "--gdb", f"127.0.0.1:{emulator.gdb_port}")
        assert done.returncode == 0, done.stderr
        emulator.console.expect("slot B: confirmed", 20)
        emulator.console.expect(f"hello from {board.name}", 20)


def test_each_way_not_to_reach_a_board_is_named(board: Board, tmp_path: Path) -> None:
    desk = Desk(tmp_path, board)

    def refused(code: int, says: str, *words: str) -> None:
        done = desk.flash("--runner", "gdb", *words)
        assert done.returncode == code and says in done.stderr and "hint:" in done.stderr, done

    refused(10, f"no {board.name} is connected, and none is on")
    refused(10, "there is no probe 'attic'", "--probe", "attic")
    refused(10, "no gdb server at 127.0.0.1:1 ", "--gdb", "127.0.0.1:1")
    refused(2, "--gdb takes HOST:PORT", "--gdb", "here")
    refused(2, "exclude each other", "--gdb", "127.0.0.1:1", "--probe", "attic")
    file = desk.flash("--runner", "file", "--probe", "attic")
    assert file.returncode == 2 and "takes neither" in file.stderr
    with Emulator(board, desk.state, forward=()) as emulator:
        emulator.console.expect("hello from", 20)
        refused(16, "is running without a debug probe")
    with _on(board, tmp_path / "one"), _on(board, tmp_path / "two"):
        refused(11, f"2 boards are on that are a {board.name}: {board.name}-")
        uid = powered.uid(board.name, tmp_path / "two")
        assert desk.flash("--probe", uid, "--runner", "gdb", "--dry-run").returncode == 0
        other = "virt-rv32" if board.arch.startswith("arm") else "mps2-an385"
        done = unitool(desk.folder, "flash", "-b", other, "--probe", uid, "--runner", "gdb")
        assert done.returncode in (2, 12)


def test_another_cpu_is_refused(tmp_path: Path, board: Board) -> None:
    desk = Desk(tmp_path, board)
    program = shutil.which("qemu-system-riscv64")
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "-M", "virt", "-bios", "none", "-nodefaults", "-display", "none", "-S"]
    with subprocess.Popen([*command, "-gdb", f"tcp:127.0.0.1:{port}"]) as process:
        try:
            for _ in range(100):
                done = desk.flash("--gdb", f"127.0.0.1:{port}")
                if done.returncode != 10:
                    break
        finally:
            process.kill()
    assert done.returncode == 12 and f"is no {board.cpu}" in done.stderr, done.stderr
