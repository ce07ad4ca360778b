# SPDX-License-Identifier: Apache-2.0
"""The state folder of an emulated board: its flash, RAM file, bootloader file, and who holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unitool.board_model import Board, Emulator
from unitool.errors import EmulatorError
from unitool.formats.retained import CAUSE_OFFSET, ResetCause, ResetReason

CONSOLE = "console.sock"
QMP, GDB, QTEST = "qmp", "gdb.sock", "qtest.sock"  # what a debug probe talks to
LOCK = "lock"
QEMU_LOG = "qemu.log"
_CHUNK = bytes([0xFF]) * (1 << 20)


def emulator_of(board: Board) -> Emulator:
    """Return how to emulate `board`; EmulatorError if it is hardware only."""
    if board.emulator is None:
        raise EmulatorError(
            f"board {board.name!r} has no emulator", "unitool boards shows which ones do"
        )
    return board.emulator


class State:
    """Files of one emulated board. Whoever changes them must hold the lock."""

    def __init__(self, board: Board, folder: Path) -> None:
        """Create what is missing, as it leaves the factory: flash erased."""
        self.board = board
        self.folder = folder.resolve()
        self._emulator = emulator_of(board)
        files = self._emulator.flash_files
        self._file_bytes = board.flash.size // len(files)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            _create_erased(self.folder / name, self._file_bytes, board.flash.erased_value)

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Whether somebody holds the board in `folder`: it is on, or being written."""
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Hold the board; yields a descriptor that keeps it held where it is inherited."""
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
                raise EmulatorError(
                    f"the {self.board.name} in {self.folder} is running (process {holder})",
                    "switch it off first: Ctrl-] in its unitool run, or unitool emulate "
                    f"-b {self.board.name} --off",
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def read(self, offset: int, size: int) -> bytes:
        """Return flash content; `offset` counts from the flash's base."""
        data = b""
        while len(data) < size:
            path, at = self._place(offset + len(data))
            with path.open("rb") as file:
                file.seek(at)
                data += file.read(min(size - len(data), self._file_bytes - at))
        return data

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes into flash as they are, without the rules of NOR."""
        while data:
            path, at = self._place(offset)
            piece = data[: self._file_bytes - at]
            with path.open("r+b") as file:
                file.seek(at)
                file.write(piece)
            offset, data = offset + len(piece), data[len(piece) :]

    def _place(self, offset: int) -> tuple[Path, int]:
        if not 0 <= offset < self.board.flash.size:
            raise ValueError(f"offset {offset:#x} lies outside the flash")
        index, at = divmod(offset, self._file_bytes)
        return self.folder / self._emulator.flash_files[index], at

    def read_boot(self) -> bytes:
        """Return what lies where the bootloader runs; empty if nothing was ever put there."""
        if self._emulator.boot_file is None:
            area = self.board.layout["boot"]
            return self.read(area.offset, area.size)
        path = self.folder / self._emulator.boot_file
        return path.read_bytes() if path.exists() else b""

    def write_boot(self, code: bytes) -> None:
        """Put the bootloader where it runs."""
        room = self.board.memory.boot.size
        if len(code) > room:
            raise EmulatorError(
                f"bootloader of {len(code):,} bytes, room for {room:,}",
                f"unitool size --boot -b {self.board.name} shows what takes them",
            )
        if self._emulator.boot_file is None:
            area = self.board.layout["boot"]
            erased = bytes([self.board.flash.erased_value])
            self.write(area.offset, code.ljust(area.size, erased))
        else:
            (self.folder / self._emulator.boot_file).write_bytes(code)

    def blank_boot(self) -> None:
        """Leave nothing that runs where the bootloader would."""
        self.write_boot(bytes([self.board.flash.erased_value]) * self.board.memory.boot.size)

    def empty_ram(self) -> None:
        """Forget what RAM held, as without power."""
        if self._emulator.ram_file is not None:
            with (self.folder / self._emulator.ram_file).open("wb") as file:
                file.truncate(self._emulator.ram_file_bytes)

    def write_reset_cause(self, reason: ResetReason) -> None:
        """Tell the bootloader about a reset that the guest could not see coming."""
        if self._emulator.ram_file is None:
            return
        memory = self.board.memory
        with (self.folder / self._emulator.ram_file).open("r+b") as file:
            file.seek(memory.retained.base - memory.ram.base + CAUSE_OFFSET)
            file.write(ResetCause(reason=reason).encode())

    def complaint(self, lines: int = 3) -> str:
        """Return the first lines that QEMU wrote in this power cycle."""
        with suppress(OSError):
            text = (self.folder / QEMU_LOG).read_text(errors="replace")
            return "; ".join(line for line in text.splitlines()[:lines] if line)
        return ""


def _create_erased(path: Path, size: int, value: int) -> None:
    if path.exists() and path.stat().st_size == size:
        return
    partial = path.with_suffix(".new")
    chunk = _CHUNK if value == 0xFF else bytes([value]) * len(_CHUNK)
    try:
        with partial.open("wb") as file:
            for _ in range(size // len(chunk)):
                file.write(chunk)
            file.write(chunk[: size % len(chunk)])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # on a full disk, half a flash is only in the way
