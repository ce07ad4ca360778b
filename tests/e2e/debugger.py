# SPDX-License-Identifier: Apache-2.0
"""Stops an emulated board at a named symbol through QEMU's gdb stub, over resets and relaunches."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from unitool.boards import Board
from unitool.emulator import Emulator


class StoppingEmulator(Emulator):
    """While `stop` is set, every start of QEMU waits for the debugger, also after a reset."""

    stop = False

    def _run_once(self, *args: Any, wait: bool) -> bool:
        return super()._run_once(*args, wait=wait or self.stop)


def address_of(elf: Path, symbol: str, board: Board, slot: int) -> int:
    """Return where `symbol` of an image lies when it runs from `slot`."""
    prefix = "arm-none-eabi-" if board.arch.startswith("arm") else "riscv64-unknown-elf-"
    out = subprocess.run(
        [prefix + "nm", str(elf)], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    found = re.search(rf"^([0-9a-f]+) [tT] {symbol}(\.\w+)*$", out, re.M)
    assert found, f"{elf} has no {symbol}"
    moved = board.slot_address(slot) - board.slot_address(0)
    return int(found[1], 16) + moved


class Debugger:
    """One conversation with the stub."""

    def __init__(self, port: int) -> None:
        """Connect, which stops the CPU."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=1)
        self._buffer = b""

    def close(self) -> None:
        """Hang up without a word: the CPU stays as it is."""
        self._socket.close()

    def _send(self, text: str) -> None:
        data = text.encode()
        self._socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def _receive(self, timeout_s: float) -> str | None:
        """Return the next packet; None if none comes in time. ConnectionError if QEMU is gone."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._buffer = self._buffer.lstrip(b"+")
            if found := re.match(rb"\$([^#]*)#..", self._buffer):
                self._buffer = self._buffer[found.end() :]
                self._socket.sendall(b"+")
                return found[1].decode(errors="replace")
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("QEMU is gone")
            self._buffer += data

    def _ask(self, text: str) -> str:
        """Send a command and return its answer; stops that come by themselves are not answers."""
        self._send(text)
        while (answer := self._receive(5)) is not None:
            if not re.match(r"[TS]\d\d", answer):
                return answer
        raise TimeoutError(text)

    def run_to(self, address: int, timeout_s: float) -> bool:
        """Let it run until `address`; whether it came there in time."""
        assert self._ask(f"Z1,{address:x},2") == "OK"
        self._send("c")
        while (stop := self._receive(timeout_s)) is not None:
            if stop.startswith(("T05", "S05")):
                return True
            if stop.startswith("W"):
                raise ConnectionError("QEMU ended")
        return False

    def step_over(self, address: int) -> None:
        """Go on from a stop at `address`."""
        self._ask(f"z1,{address:x},2")
        self._send("s")
        self._receive(5)


def stop_at(emulator: Emulator, address: int, *, times: int = 1, timeout_s: float = 60) -> None:
    """Return when the CPU stands at `address` for the n-th time."""
    assert emulator.gdb_port is not None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        debugger = None
        with suppress(ConnectionError, TimeoutError, OSError):
            debugger = Debugger(emulator.gdb_port)
            while debugger.run_to(address, deadline - time.monotonic()):
                times -= 1
                if times <= 0:
                    debugger.close()
                    return
                debugger.step_over(address)
        if debugger is not None:
            debugger.close()
        time.sleep(0.01)
    raise AssertionError(f"never at {address:#x}\n{emulator.console.log[-2000:]}")
