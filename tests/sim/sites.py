# SPDX-License-Identifier: Apache-2.0
"""Where firmware changes flash: each such place, found in the sources so that none is forgotten.

There are two layers of them: what hal and the boards offer on top of the drivers' program and
erase, and what firmware/slots offers on top of that. Which functions change flash follows from what
they call, over any number of steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOTS = Path("firmware/slots")
DRIVERS = Path("hal/drivers")
FLASH_ALGO = Path("hal/flash_algo")  # what debuggers call; no image has it
# A driver's own. In firmware nothing may use it, so there it is a place that no campaign knows.
_RAW = r"\w+->(?:program|erase)"
# Of the ways to open a journal the one that only reads.
_ONLY_READS = re.compile(r"journal_open(?=\([^;]*, JOURNAL_AT_RUN\))")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# A function or a table: from a line that begins at the margin to the brace that closes there.
_PART = re.compile(r"^(?![#\s}])([^;{}]*)\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"__attribute__\(\(.*?\)\)")
_NAME = re.compile(r"(\w+)[\])]*(?:\(|\[|\s*=)")


@dataclass(frozen=True)
class _Part:
    """A function or table of a source, and the file that alone sees its name, None if all do."""

    name: str
    body: str
    file: Path
    scope: Path | None


def _parts(path: Path) -> Iterator[_Part]:
    for head, body in _PART.findall(_text(path)):
        if name := _NAME.search(_ATTRIBUTE.sub("", head)):
            alone = path.suffix == ".c" and "static" in head
            yield _Part(name[1], body, path, path if alone else None)


def _text(path: Path) -> str:
    """Return the source without its comments, each line in its place."""
    text = _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), path.read_text())
    return _ONLY_READS.sub("", text)


def _mentions(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join([*sorted(names), _RAW])})\b")


def _reaching(files: Iterable[Path], start: Iterable[str]) -> set[str]:
    """Return what these files let others see that changes flash, itself or by `start`."""
    left = [part for path in files for part in _parts(path)]
    found: set[tuple[Path | None, str]] = {(None, name) for name in start}
    while True:
        reached = [
            part
            for part in left
            if _mentions(n for scope, n in found if scope in (None, part.file)).search(part.body)
        ]
        if not reached:
            return {name for scope, name in found if scope is None}
        found |= {(part.scope, part.name) for part in reached}
        left = [part for part in left if part not in reached]


def primitives(root: Path = ROOT) -> frozenset[str]:
    """Return the functions of hal, but for its drivers, and of boards that change flash."""
    files = [path for folder in ("hal", "boards") for path in (root / folder).rglob("*.[ch]")]
    apart = (root / DRIVERS, root / FLASH_ALGO)
    inside = (p for p in files if not any(p.is_relative_to(folder) for folder in apart))
    return frozenset(_reaching(inside, ()))


PRIMITIVES = primitives()


def changers(root: Path = ROOT) -> frozenset[str]:
    """Return what firmware/slots offers (include/slots) that changes flash."""
    found = _reaching((root / SLOTS).glob("*.c"), primitives(root))
    offered = "".join(_text(path) for path in (root / SLOTS / "include").rglob("*.h"))
    return frozenset(name for name in found if re.search(rf"\b{name}\(", offered))


def places(names: Iterable[str], root: Path = ROOT, *, outside: Path | None = None) -> set[str]:
    """Return FILE:LINE of each mention of `names` in firmware, not counting the folder `outside`.

    A mention, not a call: what is called through a pointer is found where the pointer is made.
    """
    pattern = _mentions(names)
    return {
        f"{path}:{number}"
        for path in _sources(root)
        if outside is None or not path.is_relative_to(outside)
        for number, line in enumerate(_text(root / path).splitlines(), 1)
        if pattern.search(line)
    }


def _sources(root: Path) -> list[Path]:
    found = [path.relative_to(root) for path in (root / "firmware").rglob("*.*")]
    return sorted(p for p in found if p.suffix in {".c", ".h", ".cpp"} and "build" not in p.parts)


class Headers:
    """Headers that make each call of what changes flash tell flash_site() first where it stands.

    Included before the sources, which stay as they are: not before hal, where the lower layer is
    defined, and in firmware/slots the one for calls of the lower layer only.
    """

    def __init__(self, folder: Path) -> None:
        """Write them into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._slots = _write_header(folder / "slots_sites.h", PRIMITIVES)
        self._other = _write_header(folder / "sites.h", PRIMITIVES | changers())

    def flags(self, source: Path) -> tuple[str, ...]:
        """Return what to compile `source` with."""
        if source.is_relative_to(ROOT / "hal"):
            return ()
        is_slots = source.is_relative_to(ROOT / SLOTS)
        return "-include", str(self._slots if is_slots else self._other)


def _write_header(path: Path, names: Iterable[str]) -> Path:
    lines = ["#pragma once", "#include <stdbool.h>", '#include "hal/flash.h"']
    lines += ['#include "slots/writer.h"', "void flash_site(const char *place, bool upper);"]
    lines += [
        "#define FLASH_SITE_TEXT(line) #line",
        "#define FLASH_SITE_LINE(line) FLASH_SITE_TEXT(line)",
    ]
    lines += [
        f"#define {name}(...) "
        f'(flash_site(__FILE__ ":" FLASH_SITE_LINE(__LINE__), {int(name not in PRIMITIVES)}), '
        f"{name}(__VA_ARGS__))"
        for name in sorted(names)
    ]
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text() != text:  # others may be reading it
        path.write_text(text)
    return path


def in_checkout(told: str) -> str | None:
    """Return what flash_site() was told as places() has it; None for a call by a simulator."""
    file, _, line = told.rpartition(":")
    path = Path(file).resolve().relative_to(ROOT)
    return f"{path}:{line}" if path.parts[0] == "firmware" else None
