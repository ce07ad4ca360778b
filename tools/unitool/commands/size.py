# SPDX-License-Identifier: Apache-2.0
"""unitool size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click

from unitool import boards, build, options, output, paths, revision
from unitool.boards import Board
from unitool.revision import Earlier
from unitool.sizes import Sizes

_DIFF_HEADER = ["part", "flash", "+/-", "RAM", "+/-"]


@click.command()
@options.app_folder
@click.option(
    "-b", "--board", "names", metavar="BOARD", multiple=True, help="Board; several or none: all."
)
@click.option("--boot", is_flag=True, help="The bootloader instead of an application.")
@click.option("--diff", metavar="REV", help="Compare with a git revision, such as HEAD.")
@options.boards_dirs
def command(
    app_dir: Path,
    names: tuple[str, ...],
    boot: bool,
    diff: str | None,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Show what takes flash, RAM and stack, and what a change costs.

    In the checkout itself: one line for each of its images. Code that was inlined counts for the
    function that took it in.
    """
    extra = (app_dir.resolve() / "boards", *boards_dirs)
    found = [boards.load(n, extra) for n in names] or list(boards.all_boards(extra))
    all_images = not boot and app_dir.resolve() == paths.checkout()
    images = list(_images()) if all_images else [None if boot else app_dir]
    with revision.earlier(diff, app_dir) if diff else nullcontext() as past:
        facts = [_measure(image, board, past) for board in found for image in images]
    output.emit([_facts(*fact) for fact in facts])
    if output.is_json():
        return
    if all_images:
        output.table(
            ["image", *_header(diff)[1:], "stack"],
            [
                (*_row(f"{name} {board}", _total(now), _total(before)), f"{now.stack_used_B:,}")
                for name, board, now, before in facts
            ],
        )
        return
    for name, board, now, before in facts:
        _show(f"{name} on {board}", now, before, diff)


_Fact = tuple[str, str, Sizes, Sizes | None]


def _images() -> Iterator[Path | None]:
    yield None
    for file in sorted((paths.checkout() / "firmware" / "apps").glob("*/app.toml")):
        yield file.parent


def _measure(app_dir: Path | None, board: Board, past: Earlier | None) -> _Fact:
    built = build.build_boot(board) if app_dir is None else build.build(app_dir, board)
    before = past.sizes(app_dir, board) if past else None
    return built.name, board.name, built.sizes, before


def _facts(name: str, board: str, now: Sizes, before: Sizes | None) -> dict[str, object]:
    return {
        "name": name,
        "board": board,
        "sizes": now.as_dict(),
        "before": before.as_dict() if before else None,
    }


def _header(diff: str | None) -> list[str]:
    return _DIFF_HEADER if diff else ["part", "flash", "RAM"]


def _total(s: Sizes | None) -> tuple[int, int] | None:
    return None if s is None else (s.flash_B, s.ram_B)


def _show(title: str, now: Sizes, before: Sizes | None, diff: str | None) -> None:
    output.say(title + (f", and the change since {diff}" if before else ""))
    old = before.parts if before else {}
    rows = [
        _row(part, now.parts.get(part, (0, 0)), old.get(part, (0, 0)) if before else None)
        for part in [*now.parts, *(p for p in old if p not in now.parts)]
    ]
    reloc = (before.reloc_B, 0) if before else None
    stack = (0, before.stack_B) if before else None
    rows.append(_row("relocation table", (now.reloc_B, 0), reloc))
    rows.append(_row("stack", (0, now.stack_B), stack))
    rows.append(_row("all", _total(now), _total(before)))
    output.table(_header(diff), rows)
    output.say(f"deepest known chain of calls: {now.stack_used_B:,} of {now.stack_B:,} B of stack")


def _row(
    part: str, now: tuple[int, int] | None, before: tuple[int, int] | None
) -> tuple[object, ...]:
    flash, ram = now or (0, 0)
    if before is None:
        return (part, f"{flash:,}", f"{ram:,}")
    return (part, f"{flash:,}", f"{flash - before[0]:+,}", f"{ram:,}", f"{ram - before[1]:+,}")
