# SPDX-License-Identifier: Apache-2.0
"""unitool flash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from unitool import (
    apps,
    boards,
    build,
    flashing,
    keys,
    options,
    output,
    provisioning,
    runners,
    signing,
    watching,
)
from unitool.apps import App
from unitool.boards import Board
from unitool.emulator import Emulator
from unitool.errors import UsageError
from unitool.formats.flash import BootParams
from unitool.provisioning import Options
from unitool.runners import Place, Programmer
from unitool.state import State

PARTS = ("bootloader", "identity", "image")


@click.command()
@options.app_folder
@click.option("-b", "--board", "name", metavar="BOARD", required=True, help="Board to write to.")
@click.option(
    "-w",
    "--write",
    "parts",
    type=click.Choice([*PARTS, "all"]),
    multiple=True,
    default=("image",),
    show_default=True,
    help="What to write; may be given several times.",
)
@click.option("--image", type=options.FILE, help="Another signed image than the app's.")
@click.option("--slot", type=click.Choice(["A", "B"]), help="Instead of the one that runs.")
@click.option(
    "--erase",
    is_flag=True,
    help="Erase both slots and the storage first; identity, trust and journal stay.",
)
@click.option(
    "--runner",
    type=click.Choice(runners.names()),
    help="How to reach the board, instead of what fits its state.",
)
@click.option("--probe", metavar="UID", help="Which of several, as unitool devices lists them.")
@click.option("--gdb", metavar="HOST:PORT", help="gdb server through which the board is reached.")
@click.option("--no-reset", is_flag=True, help="Leave the board stopped.")
@click.option("--dry-run", is_flag=True, help="Say what would be written; change nothing.")
@click.option("--monitor", is_flag=True, help="Go on to the console.")
@click.option("--state", type=options.STATE, help="State folder.")
@click.option("--force", is_flag=True, help="Write it even if the board will refuse to start it.")
@options.boards_dirs
def command(
    app_dir: Path,
    name: str,
    parts: tuple[str, ...],
    image: Path | None,
    slot: str | None,
    erase: bool,
    runner: str | None,
    probe: str | None,
    gdb: str | None,
    no_reset: bool,
    dry_run: bool,
    monitor: bool,
    state: Path | None,
    force: bool,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Write the signed image of APP_DIR, or other parts, to a board; only what differs.

    What was written is read back. docs/flashing.md has the runners and the exit codes.
    """
    board = boards.load(name, (app_dir.resolve() / "boards", *boards_dirs))
    app = apps.load(app_dir)
    chosen = PARTS if "all" in parts else parts
    _check(chosen, image=image, slot=slot, force=force, monitor=monitor, dry_run=dry_run)
    signed = _signed(app, board, image) if "image" in chosen else None
    boot = build.build_boot(board).bin.read_bytes() if "bootloader" in chosen else None
    folder = state or app.dir / "build" / board.name / "state"
    place = Place(board=board, state=folder, probe=probe, gdb=gdb)
    facts: dict[str, object] = {"board": board.name}
    with runners.connect(place, runner) as way:
        to = Programmer(board, way, show=runners.bars, dry_run=dry_run)
        if erase:
            to.erase([*board.slots, board.layout["storage"]])
        if boot is not None:
            provisioning.write_boot(to, boot, _params(to, app))
        if "identity" in chosen:
            facts |= _write_identity(to)
        if signed is not None:
            facts |= _write_image(to, signed, slot, check=not force)
        has_boot = flashing.boot_params(to.boot()) is not None
        is_on = False if no_reset or dry_run else way.reset()
    output.say(to.total.line(dry_run=dry_run))
    output.emit(facts | to.total.facts() | {"dry_run": dry_run})
    if monitor:
        _watch(app, place, is_on=is_on)
    elif not has_boot:
        output.say(f"next: unitool provision -b {board.name}; it has no bootloader yet")
    elif is_on:
        output.say(f"{board.name} was reset; unitool monitor -b {board.name} shows its console")
    elif not dry_run and not State.is_held(folder):
        output.say(f"next: unitool run -b {board.name} --no-build")


def _check(
    chosen: Sequence[str],
    *,
    image: Path | None,
    slot: str | None,
    force: bool,
    monitor: bool,
    dry_run: bool,
) -> None:
    if "image" not in chosen and (image or slot or force):
        raise UsageError(
            "--image, --slot and --force are about the image, which is not written",
            "add --write image",
        )
    if monitor and dry_run:
        raise UsageError("--dry-run starts nothing to monitor", "leave one of the two out")


def _signed(app: App, board: Board, image: Path | None) -> bytes:
    path = image or signing.signed_path(app.dir / "build" / board.name, app.name)
    if not path.exists():
        raise UsageError(
            f"{path} is missing", f"unitool build -b {board.name} and unitool sign -b {board.name}"
        )
    return path.read_bytes()


def _params(to: Programmer, app: App) -> BootParams:
    """Keep what the bootloader was provisioned with, if it was for this product."""
    kept = flashing.boot_params(to.boot())
    if kept is not None and (kept.vid, kept.cid) == (app.vid, app.cid(to.board)):
        return kept
    return provisioning.make_params(app, to.board, keys.need(app.dir, app.vid), Options())


def _write_identity(to: Programmer) -> dict[str, object]:
    identity, new = provisioning.write_identity(to, Options())
    if new and to.dry_run:
        output.say(f"identity of {to.board.name}: none; a new device would be made")
        return {}
    device = identity.device_id.hex()
    output.say(f"identity of {to.board.name}: {'new' if new else 'kept'} device {device}")
    return {"device": device, "new": new}


def _write_image(
    to: Programmer, signed: bytes, slot: str | None, *, check: bool
) -> dict[str, object]:
    index = None if slot is None else flashing.SLOT_NAMES.index(slot)
    done = flashing.write_image(to, signed, index, check=check)
    name = flashing.SLOT_NAMES[done.slot]
    said = "would be confirmed" if to.dry_run else "confirmed"
    output.say(
        f"slot {name} of {to.board.name}: version {done.version}, {done.size:,} bytes, {said}"
    )
    return {
        "slot": name,
        "version": str(done.version),
        "digest": done.digest.hex(),
        "size": done.size,
    }


def _watch(app: App, place: Place, *, is_on: bool) -> None:
    if is_on or place.board.emulator is None or State.is_held(place.state):
        watching.watch_other(app, place.board, runners.state_of(place))
        return
    with Emulator(place.board, place.state, forward=watching.ports(app)) as emulator:
        watching.watch(app, emulator)
