# SPDX-License-Identifier: Apache-2.0
"""Which runner reaches a board now: the one asked for, else what fits its state."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unitool import powered
from unitool.errors import (
    BoardRunsError,
    FlashError,
    NoProbeError,
    SeveralProbesError,
    UsageError,
    WrongBoardError,
)
from unitool.powered import Powered
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


def emulated(place: Place) -> Powered:
    """Return the emulated board that is meant: the one named, in the state folder, or the only one.

    NoProbeError, SeveralProbesError, or WrongBoardError if the one named is another board.
    """
    name, on = place.board.name, powered.boards()
    if place.probe is not None:
        return _named(place.probe, name, on)
    fitting = [entry for entry in on if entry.board == name]
    here = [entry for entry in fitting if Path(entry.state) == place.state.resolve()]
    if not here and State.is_held(place.state):
        raise BoardRunsError(
            f"the {name} in {place.state} is running without a debug probe",
            f"switch it off and flash it then, or switch it on with unitool emulate -b {name}",
        )
    found = here or fitting
    if not found:
        raise NoProbeError(
            f"no {name} is connected, and none is on",
            f"unitool emulate -b {name} switches an emulated one on; --gdb HOST:PORT names a gdb "
            "server; unitool devices lists what there is",
        )
    if len(found) > 1:
        raise SeveralProbesError(
            f"{len(found)} boards are on that are a {name}: {', '.join(e.uid for e in found)}",
            "choose one with --probe",
        )
    return found[0]


def state_of(place: Place) -> Path:
    """Return the state folder of the board that is meant, which need not be the app's own."""
    try:
        return Path(emulated(place).state)
    except FlashError:
        return place.state


def _named(probe: str, name: str, on: Sequence[Powered]) -> Powered:
    for entry in on:
        if entry.uid == probe and entry.board != name:
            raise WrongBoardError(
                f"probe {probe} is at a {entry.board}, not at a {name}",
                f"name another probe, or the board with -b {entry.board}",
            )
        if entry.uid == probe:
            return entry
    raise NoProbeError(
        f"there is no probe {probe!r}", "unitool devices lists those that are connected"
    )
