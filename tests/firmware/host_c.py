# SPDX-License-Identifier: Apache-2.0
"""Compiles C for the host with every check on; objects are kept until something they read changes.

A program says in comments at its head what belongs to it, counted from the checkout:

    // sources: firmware/slots/journal.c    more sources, patterns allowed
    // components: slots                    all sources of these and of what they require
    // include: tests/firmware/slots        more include folders

Of firmware/lib it gets what it uses, unasked.
"""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from unitool import components, third_party
from unitool.components import Component

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
BUILD = ROOT / "build" / "tests" / "host"
LIBRARY = FIRMWARE / "lib"
INCLUDE = (
    "tests/firmware",
    "tests/vectors",
    "hal/public",
    "hal/include",
    *(str(folder.relative_to(ROOT)) for folder in sorted(LIBRARY.rglob("include"))),
)
WARNINGS = ("-Wall", "-Wextra", "-Werror")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
FLAGS = ("-std=gnu11", "-g", "-O1", *WARNINGS, *SANITIZE)
_HEAD_LINE = re.compile(r"// (sources|components|include): (.*)")


class CompileError(Exception):
    """The compiler's own words."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is linked together: sources, and folders for all of them."""

    main: Path
    sources: tuple[Path, ...]
    include: tuple[Path, ...]


def read_program(main: Path) -> Program:
    """Return what the comments at the head of `main` ask for."""
    wanted: dict[str, list[str]] = {"sources": [], "components": [], "include": []}
    for line in main.read_text().splitlines():
        if not line.startswith("//"):
            break
        if found := _HEAD_LINE.match(line):
            wanted[found[1]] += found[2].split()
    parts = list(_closure(wanted["components"]))
    sources = [main]
    for pattern in wanted["sources"]:
        matches = sorted(ROOT.glob(pattern))
        if not matches:
            raise CompileError(f"{main}: no file matches {pattern}")
        sources += matches
    for part in parts:
        sources += _sources_of(part)
    include = [main.parent, *(ROOT / folder for folder in (*wanted["include"], *INCLUDE))]
    include += [p.dir / "include" for p in parts if (p.dir / "include").is_dir()]
    return Program(main, tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(include)))


def _closure(ids: Iterable[str]) -> Iterator[Component]:
    left, seen = list(ids), set[str]()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        part = components.read(FIRMWARE / name, FIRMWARE)
        left += part.requires
        yield part


def _sources_of(part: Component) -> list[Path]:
    return sorted(file for pattern in part.sources for file in part.dir.glob(pattern))


def private_include(source: Path) -> tuple[Path, ...]:
    """Return the folders that only the source's own component sees."""
    if not (source.parent / "component.toml").is_file():
        return ()
    part = components.read(source.parent, FIRMWARE)
    own = [part.dir / folder for folder in part.include]
    for other in part.third_party:
        own += [third_party.source_dir(other.name) / folder for folder in other.include]
    return tuple(own)


def build(
    main: Path,
    *,
    more: tuple[Path, ...] = (),
    compiler: str = "gcc",
    flags: tuple[str, ...] = FLAGS,
    own_flags: Callable[[Path], tuple[str, ...]] = lambda source: (),
) -> Path:
    """Return the program of `main`, compiled if need be. CompileError says what is wrong.

    `own_flags` of a source come on top, except in firmware/lib.
    """
    program = read_program(main)
    BUILD.mkdir(parents=True, exist_ok=True)
    objects = [
        _object(source, program.include, compiler, (*flags, *own_flags(source)))
        for source in (*program.sources, *more)
    ]
    objects.append(_library(compiler, flags))
    made = BUILD / f"{main.stem}-{_key([compiler, *flags, *own_flags(main), str(main)])}"
    inputs = {str(o): _digest(o) for o in objects}
    with _locked(made):
        if not _is_fresh(made, inputs):
            _run([compiler, *flags, "-o", str(made), *map(str, objects)])
            _remember(made, inputs)
    return made


def _library(compiler: str, flags: tuple[str, ...]) -> Path:
    """Return an archive of firmware/lib."""
    include = tuple(ROOT / folder for folder in INCLUDE)
    sources = sorted(LIBRARY.rglob("*.c"))
    objects = [_object(source, include, compiler, flags) for source in sources]
    made = BUILD / f"lib-{_key([compiler, *flags])}.a"
    inputs = {str(o): _digest(o) for o in objects}
    with _locked(made):
        if not _is_fresh(made, inputs):
            made.unlink(missing_ok=True)
            _run(["ar", "rcs", str(made), *map(str, objects)])
            _remember(made, inputs)
    return made


def _object(source: Path, include: tuple[Path, ...], compiler: str, flags: tuple[str, ...]) -> Path:
    folders = [f"-I{folder}" for folder in (*include, *private_include(source))]
    command = [compiler, *flags, *folders, "-c", str(source)]
    made = BUILD / f"{source.stem}-{_key(command)}.o"
    with _locked(made):
        if not _is_fresh(made, None):
            dependencies = made.with_suffix(".d")
            _run([*command, "-MMD", "-MF", str(dependencies), "-o", str(made)])
            read = dependencies.read_text().replace("\\\n", " ").split(":", 1)[1].split()
            _remember(made, {name: _digest(Path(name)) for name in read})
    return made


def _locked(made: Path) -> _Lock:
    return _Lock(made.with_name(made.name + ".lock"))


class _Lock:
    """Keeps two test processes from making the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _is_fresh(made: Path, inputs: dict[str, str] | None) -> bool:
    """Whether `made` was made from files with these digests (None: from those that it names)."""
    note = made.with_name(made.name + ".json")
    if not (made.is_file() and note.is_file()):
        return False
    was: dict[str, str] = json.loads(note.read_text())
    if inputs is not None:
        return was == inputs
    return all(Path(name).is_file() and _digest(Path(name)) == d for name, d in was.items())


def _remember(made: Path, inputs: dict[str, str]) -> None:
    made.with_name(made.name + ".json").write_text(json.dumps(inputs))


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _key(words: Iterable[str]) -> str:
    return sha256("\0".join(words).encode()).hexdigest()[:12]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise CompileError(f"{' '.join(command)}\n{done.stderr}")
