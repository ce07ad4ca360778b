# SPDX-License-Identifier: Apache-2.0
"""Which runner reaches a board now: the one asked for, else what fits its state."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unitool.errors import UsageError
from unitool.runners.runner import Place, Runner
from unitool.state import State

_PREFIX = "by_"
FILE = "file"  # writes the files of an emulated board that is off


def names() -> tuple[str, ...]:
    """Return every runner's name."""
    return tuple(
        sorted(path.stem.removeprefix(_PREFIX) for path in Path(__file__).parent.glob("by_*.py"))
    )


@contextmanager
def connect(place: Place, name: str | None = None) -> Iterator[Runner]:
    """Yield the board's flash, open. `name`: of the runner, instead of the one that fits.

    An emulated board that is off has its files written; any other is reached as board.toml says.
    """
    runner = _make(place, name or _fitting(place))
    runner.open()
    try:
        yield runner
    finally:
        runner.close()


def _fitting(place: Place) -> str:
    named = place.probe is not None or place.gdb is not None
    is_off = place.board.emulator is not None and not State.is_held(place.state)
    if is_off and not named:
        return FILE
    return "gdb" if place.gdb is not None else place.board.runner


def _make(place: Place, name: str) -> Runner:
    if name not in names():
        raise UsageError(f"no runner is called {name!r}", f"there are {', '.join(names())}")
    module = importlib.import_module(f"unitool.runners.{_PREFIX}{name}")
    runner: Runner = module.make(place)
    return runner
