# SPDX-License-Identifier: Apache-2.0
"""unitool build."""

from __future__ import annotations

import time
from pathlib import Path

import click

from unitool import boards, build, options, output
from unitool.build import Built
from unitool.errors import UsageError


@click.command()
@options.app_folder
@click.option(
    "-b", "--board", "names", metavar="BOARD", multiple=True, help="Board; several or none: all."
)
@click.option("--boot", is_flag=True, help="Build the bootloader instead of an application.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Another folder.")
@click.option("--werror", is_flag=True, help="Warnings are errors.")
@options.boards_dirs
def command(
    app_dir: Path,
    names: tuple[str, ...],
    boot: bool,
    out: Path | None,
    werror: bool,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Build the application in APP_DIR: elf, bin, map and sizes in its build/BOARD/."""
    extra = (app_dir.resolve() / "boards", *(d.resolve() for d in boards_dirs))
    wanted = names or tuple(b.name for b in boards.all_boards(extra))
    if out is not None and len(wanted) > 1:
        raise UsageError("--out needs exactly one --board", "unitool build -b BOARD --out DIR")
    facts = []
    for name in wanted:
        board = boards.load(name, extra)
        start = time.monotonic()
        built = (
            build.build_boot(board, out=out, werror=werror)
            if boot
            else build.build(app_dir, board, out=out, werror=werror)
        )
        _tell(built, time.monotonic() - start)
        facts.append(_facts(built))
    output.emit(facts)
    if not boot:
        output.say(f"next: unitool run -b {wanted[0]}, or unitool sign")


def _tell(built: Built, seconds: float) -> None:
    s = built.sizes
    table = f", relocation {s.reloc_percent:.1f} %" if built.app else ""
    version = f" {built.app.version}" if built.app else ""
    output.say(
        f"built {built.name}{version} for {built.board.name} in {seconds:.1f} s: "
        f"flash {s.flash_B:,} B, RAM {s.ram_B:,} B{table}"
    )
    output.detail(f"build id {built.build_id.hex()}, files in {built.out}")


def _facts(built: Built) -> dict[str, object]:
    return {
        "name": built.name,
        "board": built.board.name,
        "version": str(built.app.version) if built.app else None,
        "elf": built.elf,
        "bin": built.bin,
        "map": built.map,
        "slot_b_elf": built.slot_b_elf,
        "build_id": built.build_id.hex(),
        "sizes": built.sizes.as_dict(),
    }
