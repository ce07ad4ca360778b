# SPDX-License-Identifier: Apache-2.0
"""From an app's folder to an emulated board that can be switched on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from unitool import build, flashing, keys, provisioning, signing
from unitool.boards import Board
from unitool.build import Built
from unitool.flashing import Flashed
from unitool.keys import KeyFolder
from unitool.provisioning import Options, Provisioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A board that is ready to be switched on."""

    built: Built
    signed: Path
    keys: KeyFolder
    keys_made: bool
    device: Provisioned
    flashed: Flashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is to be other than usual; None: as the commands do it."""

    options: Options = field(default_factory=Options)
    counter: int = 0
    slot: int | None = None
    keys: KeyFolder | None = None
    out: Path | None = None


def prepare(app_dir: Path, board: Board, state: Path, wishes: Wishes) -> Prepared:
    """Make everything that the board needs; keys are made on first use, a device keeps its own."""
    built = build.build(app_dir, board, out=wishes.out)
    assert built.app is not None
    app = built.app
    folder, made = (wishes.keys, False) if wishes.keys else keys.ensure(app.dir, app.vid)
    data = signing.make(built, folder, wishes.counter)
    signed = signing.save(built, data)
    device = provisioning.provision(board, state, folder, app, wishes.options)
    flashed = flashing.flash(board, state, data, slot=wishes.slot)
    return Prepared(
        built=built, signed=signed, keys=folder, keys_made=made, device=device, flashed=flashed
    )
