# SPDX-License-Identifier: Apache-2.0
"""unitool size."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import boards, build, output, revision
from unitool.sizes import Sizes


@click.command()
@click.argument(
    "app_dir", default=".", type=click.Path(file_okay=False, exists=True, path_type=Path)
)
@click.option("-b", "--board", "names", multiple=True, help="Board; several or none: all.")
@click.option("--boot", is_flag=True, help="The bootloader instead of an application.")
@click.option("--diff", metavar="REV", help="Compare with a git revision, such as HEAD.")
def command(app_dir: Path, names: tuple[str, ...], boot: bool, diff: str | None) -> None:
    """Show what takes flash, RAM and stack, and what a change costs.

    Code that was inlined counts for the function that took it in.
    """
    extra = (app_dir.resolve() / "boards",)
    facts = []
    for name in names or tuple(b.name for b in boards.all_boards(extra)):
        board = boards.load(name, extra)
        built = build.build_boot(board) if boot else build.build(app_dir, board)
        before = revision.sizes_at(diff, None if boot else app_dir, board) if diff else None
        facts.append(
            {
                "name": built.name,
                "board": name,
                "sizes": built.sizes.as_dict(),
                "before": before.as_dict() if before else None,
            }
        )
        if not output.is_json():
            _show(f"{built.name} on {name}", built.sizes, before)
    output.emit(facts)


def _show(title: str, now: Sizes, before: Sizes | None) -> None:
    output.say(title + (", and the change" if before else ""))
    old = before.parts if before else {}
    rows = [
        _row(part, now.parts.get(part, (0, 0)), old.get(part, (0, 0)) if before else None)
        for part in [*now.parts, *(p for p in old if p not in now.parts)]
    ]
    reloc = (before.reloc_B, 0) if before else None
    stack = (0, before.stack_B) if before else None
    total = (before.flash_B, before.ram_B) if before else None
    rows.append(_row("relocation table", (now.reloc_B, 0), reloc))
    rows.append(_row("stack", (0, now.stack_B), stack))
    rows.append(_row("all", (now.flash_B, now.ram_B), total))
    output.table(["part", "flash", "RAM"] if before is None else _DIFF_HEADER, rows)
    output.say(f"deepest known chain of calls: {now.stack_used_B:,} of {now.stack_B:,} B of stack")


_DIFF_HEADER = ["part", "flash", "+/-", "RAM", "+/-"]


def _row(part: str, now: tuple[int, int], before: tuple[int, int] | None) -> tuple[object, ...]:
    if before is None:
        return (part, f"{now[0]:,}", f"{now[1]:,}")
    return (
        part,
        f"{now[0]:,}",
        f"{now[0] - before[0]:+,}",
        f"{now[1]:,}",
        f"{now[1] - before[1]:+,}",
    )
