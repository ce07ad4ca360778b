# SPDX-License-Identifier: Apache-2.0
"""Which boards demo, bench and tests take: those that $BOARDS names, else as each function says."""

from __future__ import annotations

import os

from unitool import boards
from unitool.boards import Board


def every() -> tuple[Board, ...]:
    """Every board. UsageError: $BOARDS names one that there is not."""
    return tuple(boards.load(name) for name in _named()) or boards.all_boards()


def emulated() -> tuple[Board, ...]:
    """Every board that QEMU can be."""
    return tuple(board for board in every() if board.emulator)


def shown() -> tuple[Board, ...]:
    """One emulated board of each family; all that $BOARDS names."""
    return emulated() if _named() else boards.one_of_each_family(emulated())


def _named() -> list[str]:
    return os.environ.get("BOARDS", "").replace(",", " ").split()
