# SPDX-License-Identifier: Apache-2.0
"""The supervisor: power, console for several, ports, debugger, and guests that die."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from unitool import console, flashing
from unitool.emulator import Debug, Emulator
from unitool.errors import EmulatorError, FlashError

Device = Callable[..., Emulator]
HELLO = "firmware/apps/hello"
FAULTS = "tests/apps/faults"


def test_board_that_runs_is_neither_started_nor_flashed_again(device: Device) -> None:
    with device(HELLO) as board:
        board.console.expect("hello from")
        again = Emulator(board.board, board.state.folder, forward=())
        with pytest.raises(EmulatorError, match=f"is running .process {os.getpid()}"):
            again.power_on()
        with pytest.raises(FlashError, match="is running"):
            flashing.flash(board.board, board.state.folder, b"x")
        with pytest.raises(EmulatorError, match="already on"):
            board.power_on()
    again.power_on()
    again.console.expect("hello from")
    again.power_off()


def test_board_without_bootloader_says_what_to_do(device: Device) -> None:
    board = device(HELLO)
    board.state.write_boot(b"")
    with pytest.raises(EmulatorError, match="has no bootloader") as caught:
        board.power_on()
    assert caught.value.hint and "unitool run" in caught.value.hint


def test_console_socket_serves_several_and_survives_resets(device: Device) -> None:
    with device(FAULTS) as board:
        board.console.expect("ready")
        ears = [console.connect(board.state.folder) for _ in range(2)]
        ears[0].sendall(b"R")
        board.console.expect("start 2, reason 2")
        for ear in ears:
            ear.settimeout(5)
            heard = b""
            while b"start 2, reason 2" not in heard:
                heard += ear.recv(4096)
        ears[0].close()
        ears[1].sendall(b"R")
        board.console.expect("start 3, reason 2")
        board.power_off()
        ears[1].settimeout(5)
        while ears[1].recv(4096):
            pass
        ears[1].close()
        with pytest.raises(OSError):
            console.connect(board.state.folder)


def test_state_folder_with_a_long_path(device: Device) -> None:
    with device(HELLO, folder="long" * 40) as board:
        board.console.expect("hello from")
        console.connect(board.state.folder).close()


def test_guest_death_is_reported_where_someone_waits(device: Device) -> None:
    board = device(HELLO)
    with pytest.raises(EmulatorError, match="died"), board:
        board.console.expect("hello from")
        assert board._process is not None
        os.kill(board._process.pid, signal.SIGABRT)
        board.console.expect("never printed")
    assert not board.running


def test_failed_expectation_shows_what_came_instead(device: Device) -> None:
    with device(HELLO) as board:
        end = time.monotonic() + 30
        while "hello from" not in board.console.log and time.monotonic() < end:
            time.sleep(0.05)
        with pytest.raises(EmulatorError, match="hello from"):
            board.console.expect("good morning", 0.5)


def test_cut_power_forgets_ram_and_keeps_flash(device: Device) -> None:
    with device(FAULTS) as board:
        for start in (1, 2, 3):
            board.console.expect(rf"start {start}, reason 1\b")
            board.cut()
            assert not board.running
            board.power_on()


def test_debugger_stops_the_board_before_its_first_instruction(device: Device) -> None:
    with device(HELLO, debug=Debug(wait=True)) as board:
        time.sleep(0.5)
        assert board.console.log == ""
        assert board.gdb_port is not None
        with socket.create_connection(("127.0.0.1", board.gdb_port), timeout=5) as stub:
            stub.sendall(b"$c#63")
            board.console.expect("hello from")


def test_forwarded_ports_are_on_this_machine_only(device: Device) -> None:
    with device(HELLO, forward=(80, 1337)) as board:
        assert set(board.ports) == {80, 1337} and board.port(80) != board.port(1337)
        rules = board.qmp("human-monitor-command", **{"command-line": "info usernet"})
        assert len(re.findall(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1", rules)) == 2
        with pytest.raises(EmulatorError, match="not forwarded"):
            board.port(81)


def test_locked_up_cpu_is_a_death_with_a_cause(device: Device) -> None:
    board = device(HELLO)
    if not board.board.arch.startswith("arm"):
        pytest.skip("only Arm cores lock up")
    board.state.write_boot(struct.pack("<16I", *[0xF0000001] * 16))  # nothing can run there
    with pytest.raises(EmulatorError, match="locked up"), board:
        board.console.expect("never printed")


def test_idle_board_takes_no_time_of_this_machine(device: Device) -> None:
    with device(HELLO) as board:
        board.console.expect("hello from")
        assert board._process is not None
        stat = Path(f"/proc/{board._process.pid}/stat")

        def ticks() -> int:
            fields = stat.read_text().rsplit(") ", 1)[1].split()
            return int(fields[11]) + int(fields[12])  # user and system time

        time.sleep(0.5)
        before = ticks()
        time.sleep(2)
        assert (ticks() - before) / os.sysconf("SC_CLK_TCK") < 0.2


def test_board_does_not_outlive_its_supervisor(device: Device) -> None:
    board = device(HELLO)
    code = f"""
import time
from pathlib import Path
from unitool import boards
from unitool.emulator import Emulator
e = Emulator(boards.load({board.board.name!r}), Path({str(board.state.folder)!r}), forward=())
e.power_on()
print(e._process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        guest = int(owner.stdout.readline())
        owner.kill()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with contextlib.suppress(ProcessLookupError):
            os.kill(guest, 0)
            time.sleep(0.05)
            continue
        break
    with board:
        board.console.expect("hello from")
