# SPDX-License-Identifier: Apache-2.0
"""The files of an emulated board that is off, written as a programmer would write its flash."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from unitool import paths
from unitool.errors import BoardRunsError, EmulatorError, FlashError, UsageError
from unitool.runners.runner import Block, Place, Progress, Segment
from unitool.state import State


def make(place: Place) -> FileRunner:
    """Return the runner for a place. UsageError if more is named than the board's files."""
    if place.probe is not None or place.gdb is not None:
        raise UsageError(
            "the runner 'file' takes neither --probe nor --gdb",
            "it writes the files of a board that is off: choose those with --state",
        )
    return FileRunner(place)


class FileRunner:
    """Holds the state folder from `open` to `close`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._held = ExitStack()
        self._opened: State | None = None

    def open(self) -> None:
        """Make missing files, erased. BoardRunsError while the board is on."""
        try:
            with paths.writing(self._place.state):
                self._opened = State(self._place.board, self._place.state)
            self._held.enter_context(self._opened.lock())
        except EmulatorError as error:
            self.close()
            kind = BoardRunsError if State.is_held(self._place.state) else FlashError
            raise kind(error.message, error.hint) from None

    def close(self) -> None:
        """Let go of the folder."""
        self._held.close()

    def read(self, address: int, size: int) -> bytes:
        """Return what the files hold."""
        state, flash = self._state, self._place.board.flash
        if flash.base <= address < flash.base + flash.size:
            return state.read(address - flash.base, size)
        at = address - self._place.board.memory.boot.base
        return state.read_boot()[at : at + size].ljust(size, bytes([flash.erased_value]))

    def erase(self, blocks: Sequence[Block], done: Progress) -> None:
        """Fill blocks with the erased value."""
        erased = bytes([self._place.board.flash.erased_value])
        for block in blocks:
            self._write(block.address, erased * block.size)
            done(block.size)

    def program(self, segments: Sequence[Segment], done: Progress) -> None:
        """Write."""
        for segment in segments:
            self._write(segment.address, segment.data)
            done(len(segment.data))

    def reset(self) -> bool:
        """It is off."""
        return False

    @property
    def _state(self) -> State:
        assert self._opened is not None
        return self._opened

    def _write(self, address: int, data: bytes) -> None:
        with paths.writing(self._place.state):
            self._put(address, data)

    def _put(self, address: int, data: bytes) -> None:
        flash = self._place.board.flash
        if flash.base <= address < flash.base + flash.size:
            self._state.write(address - flash.base, data)
            return
        memory = self._place.board.memory.boot
        erased = bytes([flash.erased_value])
        content = bytearray(self._state.read_boot().ljust(memory.size, erased))
        at = address - memory.base
        content[at : at + len(data)] = data
        self._state.write_boot(bytes(content).rstrip(erased))
