# SPDX-License-Identifier: Apache-2.0
"""From an app's folder to an emulated board that can be switched on."""

from __future__ import annotations

from dataclasses import dataclass
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


def prepare(
    app_dir: Path,
    board: Board,
    state: Path,
    *,
    options: Options | None = None,
    counter: int = 0,
    slot: int | None = None,
    key_folder: KeyFolder | None = None,
    out: Path | None = None,
) -> Prepared:
    """Make everything that the board needs; keys are made on first use, a device keeps its own."""
    built = build.build(app_dir, board, out=out)
    assert built.app is not None
    app = built.app
    folder, made = (key_folder, False) if key_folder else keys.ensure(app.dir, app.vid)
    data = signing.make(built, folder, counter)
    signed = signing.save(built, data)
    device = provisioning.provision(board, state, folder, app, options or Options())
    flashed = flashing.flash(board, state, signed=data, slot=slot)
    assert flashed is not None
    return Prepared(
        built=built, signed=signed, keys=folder, keys_made=made, device=device, flashed=flashed
    )
