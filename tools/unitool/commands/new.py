"""unitool new."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import boards, output, scaffold


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-b", "--board", metavar="BOARD", help="Board to start with; the first that there is."
)
def command(folder: Path, board: str | None) -> None:
    """Make an application in FOLDER that builds and runs unchanged."""
    known = boards.all_boards()
    chosen = boards.load(board) if board else known[0]
    files = scaffold.create(folder, board=chosen.name, boards=[b.name for b in known])
    output.emit({"folder": str(folder), "files": [str(f) for f in files]})
    for file in files:
        output.say(f"  {file}")
    output.say(f"next: cd {folder} && unitool run -b {chosen.name}")
