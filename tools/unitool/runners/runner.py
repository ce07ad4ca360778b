# SPDX-License-Identifier: Apache-2.0
"""What every way to a board's flash must offer. It only does; programming.py decides what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unitool.board_model import Board


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes at an address of the CPU."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """What is erased at once."""

    address: int
    size: int


Progress = Callable[[int], object]  # told the bytes done since it was last told


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which board is meant, as the command line has it."""

    board: Board
    state: Path  # of the emulated board
    probe: str | None = None  # the one to use of several
    gdb: str | None = None  # HOST:PORT of a gdb server


class Runner(Protocol):
    """A board's flash. Every method: FlashError if it is refused."""

    def open(self) -> None:
        """Connect; the board may stop, and changes nothing."""
        ...

    def close(self) -> None:
        """Let go of the board. What ran before and was neither written nor reset runs on."""
        ...

    def read(self, address: int, size: int) -> bytes:
        """Return what the CPU would see."""
        ...

    def erase(self, blocks: Sequence[Block], done: Progress) -> None:
        """Erase whole blocks, in this order."""
        ...

    def program(self, segments: Sequence[Segment], done: Progress) -> None:
        """Program whole units that are erased, in this order. Need not check what became of it."""
        ...

    def reset(self) -> bool:
        """Start the board anew; whether there is one that is on."""
        ...
