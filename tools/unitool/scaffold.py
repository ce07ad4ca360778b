"""`unitool new`: an application that builds and runs unchanged, with what an engineer expects."""

from __future__ import annotations

import re
import shutil
import string
from collections.abc import Iterator
from pathlib import Path

from unitool import paths
from unitool.errors import UnitoolError, UsageError

_TEMPLATE = Path(__file__).parent / "templates" / "app"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


def create(folder: Path, *, board: str, boards: list[str]) -> list[Path]:
    """Fill the new or empty `folder` with an application named after it; return the files.

    `board` is the one that the editor's files point to, `boards` are those that CI builds for.
    """
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be an application's name",
            "small letters, digits and hyphens, a letter first",
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise UnitoolError(f"{folder} is not empty", "choose another name")
    facts = {
        "name": name,
        "board": board,
        "boards": ", ".join(boards),
        "checkout": str(paths.checkout()),
    }
    was_there = folder.exists()
    try:
        return [*_fill(folder, facts)]
    except OSError:  # all or nothing
        for path in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not was_there and folder.is_dir():
            folder.rmdir()
        raise


def _fill(folder: Path, facts: dict[str, str]) -> Iterator[Path]:
    for source in sorted(p for p in _TEMPLATE.rglob("*") if p.is_file()):
        target = folder / source.relative_to(_TEMPLATE)
        target.parent.mkdir(parents=True, exist_ok=True)
        with paths.writing(target):
            target.write_text(string.Template(source.read_text()).substitute(facts))
        yield target
