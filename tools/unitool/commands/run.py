# SPDX-License-Identifier: Apache-2.0
"""unitool run."""

from __future__ import annotations

import re
from pathlib import Path

import click

from unitool import apps, boards, development, flashing, options, output, provisioning, watching
from unitool.apps import App
from unitool.boards import Board
from unitool.development import Wishes
from unitool.emulator import Debug, Emulator
from unitool.errors import UsageError


def _regex(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        re.compile(value or "")
    except re.error as error:
        raise UsageError(
            f"--expect {value!r} is no regular expression: {error}",
            r"write \ before each ( [ { * + ? that stands for itself: --expect 'ready \(1\)'",
        ) from None
    return value


@click.command()
@options.app_folder
@click.option(
    "-b", "--board", "name", metavar="BOARD", help="Emulated board; without it the first one."
)
@click.option(
    "-f",
    "--forward",
    multiple=True,
    type=options.PORT,
    metavar="PORT",
    help="TCP port of the board to reach.",
)
@click.option("--gdb", is_flag=True, help="Wait for a debugger before the first instruction.")
@click.option(
    "--gdb-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=3333,
    show_default=True,
    help="Where it waits; 0: any that is free.",
)
@click.option(
    "--expect",
    metavar="REGEX",
    callback=_regex,
    help="End when the console shows this; for scripts.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="For --expect.",
)
@click.option(
    "--server",
    metavar="URL",
    callback=options.device_url,
    help="Update server as the board sees it (this machine is 10.0.2.2).",
)
@click.option(
    "--counter",
    type=options.COUNTER,
    default=0,
    show_default=True,
    help="Security counter of the image.",
)
@click.option("--state", type=options.STATE, help="State folder.")
@click.option("--no-build", is_flag=True, help="Run what lies in the board's flash.")
@options.boards_dirs
def command(
    app_dir: Path,
    name: str | None,
    forward: tuple[int, ...],
    gdb: bool,
    gdb_port: int,
    expect: str | None,
    timeout: float,
    server: str | None,
    counter: int,
    state: Path | None,
    no_build: bool,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Build, sign and flash APP_DIR, and run it on an emulated board. Ctrl-] leaves."""
    board = _choose(name, (app_dir.resolve() / "boards", *boards_dirs))
    app = apps.load(app_dir)
    folder = state or app.dir / "build" / board.name / "state"
    if not no_build:
        _prepare(app, board, folder, server, counter)
    ports = forward or watching.ports(app)
    debug = Debug(port=gdb_port, wait=True) if gdb else None
    emulator = Emulator(board, folder, forward=ports, debug=debug)
    with emulator:
        if expect is not None:
            output.say(f"console: {emulator.console.expect(expect, timeout)[0]}")
            return
        watching.watch(app, emulator)


def _choose(name: str | None, extra: tuple[Path, ...]) -> Board:
    if name is not None:
        return boards.load(name, extra)
    found = [board for board in boards.all_boards(extra) if board.emulator is not None]
    if not found:
        raise UsageError("no board with an emulator", "unitool boards")
    output.say(f"board {found[0].name}, the first of {len(found)}: choose with -b")
    return found[0]


def _prepare(app: App, board: Board, state: Path, server: str | None, counter: int) -> None:
    wishes = Wishes(options=provisioning.Options(url=server), counter=counter)
    done = development.prepare(app.dir, board, state, wishes)
    output.say(f"built {app.name} {app.version}: {done.built.sizes.flash_B:,} bytes of flash")
    if done.keys_made:
        output.say(f"made keys for {app.vendor} in {done.keys.path}; see unitool keygen --help")
    if done.device.new:
        output.say(f"provisioned device {done.device.identity.device_id.hex()}")
    slot = flashing.SLOT_NAMES[done.flashed.slot]
    output.say(f"flashed slot {slot}: {done.flashed.size:,} bytes")
