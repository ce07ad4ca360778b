# SPDX-License-Identifier: Apache-2.0
"""Any gdb server: reads through it; erases and programs by the board's own driver, run in RAM.

Before anything is written the board is reset and held: what ran on it may have forbidden code in
RAM, or the flash to whoever is not it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unitool import emulating, gdb_remote, unix_sockets
from unitool.errors import (
    EmulatorError,
    FlashError,
    LostConnectionError,
    NoProbeError,
    UsageError,
)
from unitool.gdb_remote import GdbError, GdbGoneError, GdbRemote
from unitool.powered import Powered
from unitool.runners.algorithm import Algorithm, check_target
from unitool.runners.choice import emulated
from unitool.runners.runner import Block, Place, Progress, Segment
from unitool.state import GDB

_CONNECT_S = 10.0
_RETRY_S = 0.02


def make(place: Place) -> GdbRunner:
    """Return the runner for a place."""
    if place.probe is not None and place.gdb is not None:
        raise UsageError("--probe and --gdb exclude each other", "choose one of them")
    return GdbRunner(place)


class GdbRunner:
    """A board behind a gdb server: an emulated one that is on, or what --gdb names."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._board = place.board
        self._entry: Powered | None = None
        self._open: GdbRemote | None = None
        self._algorithm: Algorithm | None = None
        self._came_stopped = False
        self._is_held = False

    def open(self) -> None:
        """Connect. NoProbeError if there is nothing, WrongBoardError if it is another board."""
        if self._place.gdb is None:
            self._entry = emulated(self._place)
        with self._talking():
            self._open = self._connect()
            self._came_stopped = self._open.is_qemu() and self._open.was_stopped
            check_target(self._board, self._open)

    def close(self) -> None:
        """Let go: what was only looked at runs on, what was written stays stopped."""
        remote, self._open = self._open, None
        if remote is None:
            return
        with contextlib.suppress(GdbError, LostConnectionError):
            if self._algorithm is not None:
                self._algorithm.remove()
            elif self._is_held and self._entry is not None and not self._came_stopped:
                self._ask("reset")
            elif not self._came_stopped:
                remote.detach()
        remote.close()

    def read(self, address: int, size: int) -> bytes:
        """Return what the CPU sees; resets it if what runs there forbids that."""
        with self._talking():
            try:
                return self._remote.read(address, size)
            except GdbGoneError:
                raise
            except GdbError:
                if self._is_held:
                    raise
                self._hold()
                return self._remote.read(address, size)

    def erase(self, blocks: Sequence[Block], done: Progress) -> None:
        """Let the board erase."""
        with self._talking():
            self._ready(blocks[0].address).erase(blocks, done)

    def program(self, segments: Sequence[Segment], done: Progress) -> None:
        """Let the board program."""
        with self._talking():
            self._ready(segments[0].address).program(segments, done)

    def reset(self) -> bool:
        """Start the board anew."""
        with self._talking():
            if self._entry is not None:
                self.close()
                self._ask("reset")
                return True
            remote, self._open = self._remote, None
            word = "system_reset" if remote.is_qemu() else "reset"
            with contextlib.suppress(GdbGoneError):  # a QEMU that ends at a reset may not answer
                remote.monitor(word)
            remote.detach()
            return True

    @property
    def _remote(self) -> GdbRemote:
        assert self._open is not None
        return self._open

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except GdbGoneError as error:
            raise LostConnectionError(
                f"the connection to the {self._board.name} was lost: {error.message}",
                "see that it is on and connected; if it was being written, flash it again: that "
                "mends what is half done",
            ) from None
        except GdbError as error:
            raise FlashError(error.message, error.hint) from None

    def _connect(self) -> GdbRemote:
        if self._entry is not None:
            return self._connect_emulated(Path(self._entry.state))
        host, _, port = (self._place.gdb or "").rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise UsageError(
                f"--gdb takes HOST:PORT, not {self._place.gdb!r}", "such as 127.0.0.1:3333"
            )
        try:
            return GdbRemote(gdb_remote.connect(host or "127.0.0.1", int(port)))
        except GdbGoneError:
            raise
        except GdbError as error:
            raise NoProbeError(error.message, error.hint) from None

    def _connect_emulated(self, state: Path) -> GdbRemote:
        end = time.monotonic() + _CONNECT_S
        while True:
            try:
                return GdbRemote(unix_sockets.connect(state, GDB))
            except OSError:
                if time.monotonic() > end:
                    raise NoProbeError(
                        f"the {self._board.name} in {state} is on, but its debug stub does not "
                        "answer",
                        f"switch it off and on: unitool emulate -b {self._board.name} --off",
                    ) from None
                time.sleep(_RETRY_S)

    def _ready(self, address: int) -> Algorithm:
        """Return the algorithm in RAM, on a board that was reset and has not run since."""
        flash = self._board.flash
        if not flash.base <= address < flash.base + flash.size:
            raise FlashError(
                f"the bootloader of {self._board.name} is not in its flash and cannot be written "
                "while it is on",
                "switch it off, then flash again",
            )
        if self._algorithm is None:
            if not self._is_held:
                self._hold()
            self._algorithm = Algorithm(self._board, self._remote)
        return self._algorithm

    def _hold(self) -> None:
        self._is_held = True
        if self._entry is not None:
            self._ask("hold")
            self._remote.close()
            self._open = self._connect()
        elif not self._remote.is_qemu():
            self._remote.monitor("reset halt")
        elif self._board.emulator is None or not self._board.emulator.relaunch_on_reset:
            self._remote.monitor("system_reset")  # it was stopped, and so it stays

    def _ask(self, action: str) -> None:
        assert self._entry is not None
        try:
            emulating.ask(self._board.name, Path(self._entry.state), action)
        except EmulatorError as error:
            raise LostConnectionError(error.message, error.hint) from None
