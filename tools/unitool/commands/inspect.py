# SPDX-License-Identifier: Apache-2.0
"""unitool inspect."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from unitool import boards, inspecting, inspecting_state, options, output
from unitool.errors import UsageError

_LINE = 200


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-b", "--board", "name", metavar="BOARD", help="Board of a state folder; else from its path."
)
@click.option(
    "-C",
    "--app",
    "app_dir",
    default=".",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="App's folder, for its own boards.",
)
@options.boards_dirs
def command(path: Path, name: str | None, app_dir: Path, boards_dirs: tuple[Path, ...]) -> None:
    """Show what is in an image, bundle, keyset, manifest, bootloader or state folder."""
    if path.is_dir():
        extra = (app_dir.resolve() / "boards", *boards_dirs)
        guess = path.resolve().parent.name
        if name is None and guess not in {board.name for board in boards.all_boards(extra)}:
            raise UsageError(f"{path} is no build/BOARD/state", "name its board with -b")
        board = boards.load(name or guess, extra)
        facts = inspecting_state.state_facts(board, path)
    else:
        facts = inspecting.file_facts(path)
    output.emit(facts)
    if not output.is_json():
        _show(facts, 0)


def _show(value: Mapping[str, Any], depth: int) -> None:
    """Print nested facts, one per line, indented; lists of small things one thing per line."""
    indent = "  " * depth
    for key, item in value.items():
        label = key.replace("_", " ")
        if isinstance(item, dict) and item:
            output.say(f"{indent}{label}:")
            _show(item, depth + 1)
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            output.say(f"{indent}{label}:")
            for one in item:
                _show_one(one, depth + 1)
        elif isinstance(item, str) and "\n" in item:
            output.say(f"{indent}{label}:")
            output.say(textwrap.indent(item.rstrip(), indent + "  "))
        else:
            output.say(f"{indent}{label}: {_text(item)}")


def _show_one(facts: dict[str, Any], depth: int) -> None:
    """Print one item of a list: in a line if it is flat and short, else as a block."""
    indent = "  " * depth
    line = ", ".join(f"{key.replace('_', ' ')} {_text(item)}" for key, item in facts.items())
    if len(line) <= _LINE and not any(isinstance(item, dict | list) for item in facts.values()):
        output.say(f"{indent}- {line}")
        return
    output.say(f"{indent}-")
    _show(facts, depth + 1)


def _text(item: Any) -> str:
    if item is None or item in ([], {}):
        return "none"
    if isinstance(item, bool):
        return "yes" if item else "no"
    return str(item)
