# SPDX-License-Identifier: Apache-2.0
"""`unitool emulate`: a board that stays on, switched and found from other processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unitool import console, powered
from unitool.boards import Board
from unitool.emulator import Emulator, Probe

UNITOOL = str(Path(sys.executable).parent / "unitool")
HELLO = "firmware/apps/hello"
Device = Callable[..., Emulator]


def unitool(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([UNITOOL, *map(str, words)], capture_output=True, text=True, timeout=60)


def listed() -> list[str]:
    return [
        d["id"] for d in json.loads(unitool("devices", "--json").stdout) if d["kind"] == "emulated"
    ]


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the boards of this test from those of others; what it left on is cut at the end."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield
    for entry in powered.boards():
        with contextlib.suppress(ProcessLookupError):
            os.kill(entry.process, signal.SIGKILL)


pytestmark = pytest.mark.usefixtures("runtime")


def test_board_stays_on_until_somebody_switches_it_off(device: Device, board: Board) -> None:
    state = device(HELLO).state.folder
    here = ("-b", board.name, "--state", state)
    done = unitool("emulate", *here, "--detach", "-f", 80, "--json")
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    assert entry["state"] == str(state) and listed() == [entry["uid"]]
    assert f"127.0.0.1:{entry['ports']['80']} is port 80" in done.stderr
    again = unitool("emulate", *here, "--detach")
    assert again.returncode == 1 and "is running" in again.stderr and "--off" in again.stderr
    for _ in range(2):
        with console.connect(state) as ear:
            assert unitool("emulate", *here, "--reset").returncode == 0
            ear.settimeout(20)
            said = b""
            while b"hello from" not in said:
                said += ear.recv(4096)
    for action in ("--cut", "--off"):
        assert unitool("emulate", *here, action).returncode == 0
        assert listed() == []
        off = unitool("emulate", *here, action)
        assert off.returncode == 1 and f"no {board.name} is on" in off.stderr
        assert unitool("emulate", *here, "--detach").returncode == 0
    assert powered.uid(board.name, state) == entry["uid"]


def test_blank_board_is_held_and_one_that_locks_up_too(board: Board, tmp_path: Path) -> None:
    if not board.arch.startswith("arm"):
        pytest.skip("only Arm cores lock up")
    emulator = Emulator(board, tmp_path / "state", forward=(), debug=Probe())
    with emulator:
        assert emulator.held
        assert emulator.qmp("query-status")["status"] == "prelaunch"
        emulator.reset()  # an erased flash: the first fetch faults
        end = time.monotonic() + 10
        while not emulator.held and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        assert emulator.qmp("query-status")["status"] == "prelaunch"


def test_interrupt_in_the_foreground_switches_off(device: Device, board: Board) -> None:
    state = device(HELLO).state.folder
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [UNITOOL, "emulate", "-b", board.name, "--state", str(state)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            assert (
                f"{board.name} is on: probe {powered.uid(board.name, state)}"
                in owner.stdout.readline()
            )
            owner.send_signal(number)
            assert owner.wait(20) == 0
            assert owner.stdout.read().endswith(f"{board.name} is off\n")


def test_killed_supervisor_leaves_no_board_behind(device: Device, board: Board) -> None:
    state = device(HELLO).state.folder
    here = ("-b", board.name, "--state", state)
    entry = json.loads(unitool("emulate", *here, "--detach", "--json").stdout)
    os.kill(entry["process"], signal.SIGKILL)
    end = time.monotonic() + 10
    while listed() and time.monotonic() < end:
        time.sleep(0.05)
    assert listed() == []
    assert unitool("emulate", *here, "--detach").returncode == 0


def test_guest_that_dies_takes_its_entry_along(device: Device, board: Board) -> None:
    state = device(HELLO).state.folder
    command = [UNITOOL, "emulate", "-b", board.name, "--state", str(state)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as owner:  # type: ignore[call-overload]
        assert "is on" in owner.stdout.readline()
        children = Path(f"/proc/{owner.pid}/task").glob("*/children")
        for child in " ".join(path.read_text() for path in children).split():
            os.kill(int(child), signal.SIGABRT)
        assert owner.wait(20) == 1
        assert "died" in owner.stderr.read()
    assert listed() == []
