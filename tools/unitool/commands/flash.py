# SPDX-License-Identifier: Apache-2.0
"""unitool flash."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import apps, boards, flashing, options, output, signing
from unitool.errors import UsageError
from unitool.state import State


@click.command()
@options.app_folder
@click.option("-b", "--board", "name", metavar="BOARD", required=True, help="Emulated board.")
@click.option(
    "--image",
    type=options.FILE,
    help="Another signed image than the app's.",
)
@click.option("--slot", type=click.Choice(["A", "B"]), help="Instead of the one that runs.")
@click.option("--state", type=options.STATE, help="State folder.")
@click.option("--force", is_flag=True, help="Write it even if the board will refuse to start it.")
@options.boards_dirs
def command(
    app_dir: Path,
    name: str,
    image: Path | None,
    slot: str | None,
    state: Path | None,
    force: bool,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Write the signed image of APP_DIR into a slot of a board that is off, and confirm it."""
    board = boards.load(name, (app_dir.resolve() / "boards", *boards_dirs))
    app = apps.load(app_dir)
    out = app.dir / "build" / board.name
    path = image or signing.signed_path(out, app.name)
    if not path.exists():
        raise UsageError(
            f"{path} is missing", f"unitool build -b {name} and unitool sign -b {name}"
        )
    done = flashing.flash(
        board,
        state or out / "state",
        path.read_bytes(),
        slot=None if slot is None else flashing.SLOT_NAMES.index(slot),
        check=not force,
    )
    output.say(
        f"slot {flashing.SLOT_NAMES[done.slot]} of {board.name}: {path.name} {done.version}, "
        f"{done.size:,} bytes, confirmed"
    )
    if flashing.boot_params(State(board, state or out / "state")) is None:
        output.say(f"next: unitool provision -b {board.name}; it has no bootloader yet")
    else:
        output.say(f"next: unitool run -b {board.name} --no-build")
    output.emit(
        {
            "board": board.name,
            "slot": flashing.SLOT_NAMES[done.slot],
            "version": str(done.version),
            "digest": done.digest.hex(),
            "size": done.size,
        }
    )
