# SPDX-License-Identifier: Apache-2.0
"""unitool emulate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from unitool import boards, emulating, options, output
from unitool.emulator import Emulator, Probe
from unitool.errors import UsageError


@click.command()
@options.app_folder
@click.option("-b", "--board", "name", metavar="BOARD", required=True, help="Emulated board.")
@click.option(
    "-f",
    "--forward",
    multiple=True,
    type=options.PORT,
    metavar="PORT",
    default=(80,),
    show_default=True,
    help="TCP port of the board to reach.",
)
@click.option("--detach", is_flag=True, help="Return once it is on; it stays on by itself.")
@click.option("--off", "action", flag_value="off", metavar="", help="Switch off one that is on.")
@click.option(
    "--cut", "action", flag_value="cut", metavar="", help="Cut its power, without warning."
)
@click.option("--reset", "action", flag_value="reset", metavar="", help="Press its reset button.")
@click.option("--state", type=options.STATE, help="State folder.")
@options.boards_dirs
def command(
    app_dir: Path,
    name: str,
    forward: tuple[int, ...],
    detach: bool,
    action: str | None,
    state: Path | None,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Switch an emulated board on; it stays on, with console and debug probe, as if on the desk."""
    board = boards.load(name, (app_dir.resolve() / "boards", *boards_dirs))
    folder = (state or app_dir / "build" / board.name / "state").resolve()
    if detach and action:
        raise UsageError(f"--detach and --{action} exclude each other", "choose one of them")
    if action:
        emulating.ask(board.name, folder, action)
        output.say(f"{board.name}: {action}")
    elif detach:
        arguments = ["-b", name, "--state", str(folder), "--boards-dir", str(board.dir.parent)]
        arguments += [word for port in forward for word in ("-f", str(port))]
        entry = emulating.detach(board.name, folder, arguments)
        output.say(f"{board.name} is on: probe {entry.uid}, state {entry.state}")
        for guest, host in entry.ports.items():
            output.say(f"127.0.0.1:{host} is port {guest} of the board")
        output.emit(asdict(entry))
    else:
        emulating.serve(Emulator(board, folder, forward=forward, debug=Probe(notice=output.say)))
