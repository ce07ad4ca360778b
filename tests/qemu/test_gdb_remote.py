# SPDX-License-Identifier: Apache-2.0
"""The gdb client against QEMU's own stub, on machines that have nothing but RAM."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unitool.gdb_remote import GdbError, GdbRemote

RAM = 0x8000_0000
COUNT = (0x00150513).to_bytes(4, "little") + (0xFFDFF06F).to_bytes(4, "little")  # a0 += 1; again
STORE = (0x00A5A023).to_bytes(4, "little") + (0xFFDFF06F).to_bytes(4, "little")  # *a1 = a0; again


class Guest:
    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process, self._path = process, path

    def connect(self) -> GdbRemote:
        end = time.monotonic() + 20
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(os.path.relpath(self._path))
                return GdbRemote(connection)
            except OSError:
                connection.close()
                assert time.monotonic() < end
                time.sleep(0.02)


@contextmanager
def guest(folder: Path, *more: str) -> Iterator[Guest]:
    program = shutil.which("qemu-system-riscv32")
    assert program is not None
    command = [program, "-M", "virt", "-bios", "none", "-m", "32M", "-nodefaults"]
    command += ["-display", "none", "-gdb", "unix:gdb.sock,server=on,wait=off", *more]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL) as process:
        try:
            yield Guest(process, folder / "gdb.sock")
        finally:
            process.kill()


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Guest]:
    with guest(tmp_path, "-S") as found:
        yield found


def test_memory_of_any_size_and_alignment(stopped: Guest) -> None:
    chance = random.Random(4)
    with stopped.connect() as remote:
        for size in (1, 3, 4, 2030, 4096, 70_001):
            at = RAM + chance.randrange(1 << 20)
            data = chance.randbytes(size)
            remote.write(at, data)
            assert remote.read(at, size) == data
            assert remote.read(at + size // 2, 1) == data[size // 2 : size // 2 + 1]


def test_registers_by_name(stopped: Guest) -> None:
    with stopped.connect() as remote:
        assert remote.registers["pc"].number == 32 and remote.registers["a0"].size == 4
        remote.write_register("a0", 0xDEADBEEF)
        remote.write_register("pc", RAM)
        assert remote.read_register("a0") == 0xDEADBEEF
        assert remote.read_register("pc") == RAM
        with pytest.raises(GdbError, match="no register 'r0'"):
            remote.read_register("r0")


def test_step_breakpoint_watchpoint_and_interrupt(stopped: Guest) -> None:
    with stopped.connect() as remote:
        remote.write(RAM, COUNT)
        remote.write_register("pc", RAM)
        remote.write_register("a0", 5)
        assert remote.step().signal == 5
        assert (remote.read_register("a0"), remote.read_register("pc")) == (6, RAM + 4)
        remote.insert(0, RAM, 4)
        remote.resume()
        stop = remote.wait(5)
        assert stop is not None and remote.read_register("pc") == RAM
        remote.remove(0, RAM, 4)
        remote.resume()
        assert remote.wait(0.1) is None
        assert remote.interrupt().signal == 2
        counted = remote.read_register("a0")
        assert counted > 1000
        remote.write(RAM, STORE)
        remote.write_register("pc", RAM)
        remote.write_register("a1", RAM + 0x1000)
        remote.insert(2, RAM + 0x1000, 4)
        remote.resume()
        stop = remote.wait(5)
        assert stop is not None and stop.watch == RAM + 0x1000


def test_connecting_to_a_running_guest_and_leaving_it_running(stopped: Guest) -> None:
    with stopped.connect() as remote:
        remote.write(RAM, COUNT)
        remote.write_register("pc", RAM)
        remote.detach()
    found = []
    for _ in range(2):
        time.sleep(0.05)
        remote = stopped.connect()  # it stops, and says so unasked
        assert remote.read(RAM, 8) == COUNT
        found.append(remote.read_register("a0"))
        remote.detach()
    assert 0 < found[0] < found[1]


def test_monitor_commands_reach_qemu(stopped: Guest) -> None:
    with stopped.connect() as remote:
        assert "paused" in remote.monitor("info status")


def test_death_of_the_guest_is_named(stopped: Guest) -> None:
    with stopped.connect() as remote:
        stopped.process.kill()
        with pytest.raises(GdbError, match="closed the connection"):
            for _ in range(100):
                remote.read(RAM, 4)
