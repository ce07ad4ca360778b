"""unitool new."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import boards, output, scaffold


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-b", "--board", default="mps2-an385", show_default=True, help="Board to start with.")
def command(folder: Path, board: str) -> None:
    """Make an application in FOLDER that builds and runs unchanged."""
    chosen = boards.load(board)
    files = scaffold.create(folder, board=chosen.name, boards=[b.name for b in boards.all_boards()])
    output.emit({"folder": str(folder), "files": [str(f) for f in files]})
    for file in files:
        output.say(f"  {file}")
    output.say(f"next: cd {folder} && unitool run -b {chosen.name}")
