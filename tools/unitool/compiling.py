# SPDX-License-Identifier: Apache-2.0
"""Which sources an image consists of, each with its flags; runs ninja and explains its failures."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import ninja
from tqdm import tqdm

from unitool import components, ninja_file, output, paths, third_party, toolchain
from unitool.boards import Board
from unitool.components import Component, Selection
from unitool.errors import BoardError, BuildError
from unitool.ninja_file import Compile
from unitool.toolchain import Toolchain

_STATUS = re.compile(r"\x01(\d+)/(\d+)\x01 (.*)")
_NO_HEADER = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+):\d+: fatal error: (?P<header>[^:\n]+): "
    r"No such file or directory$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is to be compiled. `app_dir` is None for the bootloader."""

    name: str
    app_dir: Path | None
    board: Board
    selection: Selection
    out: Path
    tools: Toolchain
    werror: bool


def compiles(image: Image) -> tuple[Compile, ...]:
    """Return every source of the image, in a fixed order."""
    parts = [*_hal(image), *_generated(image)]
    for component in image.selection.order:
        parts += _component(image, component)
    if image.app_dir is not None:
        parts += _app(image, image.app_dir)
    return tuple(parts)


def _common_include(image: Image) -> tuple[Path, ...]:
    root = paths.checkout()
    return image.out / "gen", root / "firmware" / "lib", root / "hal" / "include"


def _make(
    image: Image, source: Path, name: str, include: Iterable[Path], extra: Sequence[str] = ()
) -> Compile:
    cxx = source.suffix == ".cpp"
    flags = image.tools.cxx_flags if cxx else image.tools.c_flags
    if source.suffix == ".c" and set(toolchain.WARNINGS) <= set(extra):
        extra = (*extra, *toolchain.WARNINGS_C)
    if image.werror and "-w" not in extra:
        extra = (*extra, "-Werror")
    there = (folder for folder in include if folder.is_dir())
    folders = tuple(f"-I{f}" for f in (*there, *_common_include(image)))
    return Compile(
        source=source,
        object=f"obj/{name}.o",
        compiler=image.tools.tool("g++" if cxx else "gcc"),
        flags=(*flags, *maps(image, assembler=source.suffix == ".S"), *folders, *extra),
    )


def maps(image: Image, *, assembler: bool) -> tuple[str, ...]:
    """Flags that keep this machine's folders out of the image."""
    folders = [(f"{paths.checkout()}/", "")]
    if image.app_dir is not None:
        folders.append((f"{image.app_dir}", image.name))
    folders += [(f"{image.board.dir}", f"boards/{image.board.name}"), (f"{image.out}", ".")]
    for name in sorted({part.name for c in image.selection.order for part in c.third_party}):
        folder = third_party.source_dir(name)
        folders.append((f"{folder}", f"third_party/{folder.name}"))
    return toolchain.prefix_maps(folders, assembler=assembler)


def _sources(folder: Path, patterns: Iterable[str] = components.SOURCE_PATTERNS) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern)})


def _hal(image: Image) -> Iterator[Compile]:
    hal = paths.checkout() / "hal"
    folders = (hal, hal / "arch" / image.board.arch, hal / "chip" / image.board.chip)
    files = [file for folder in folders for file in _sources(folder)]
    for driver in image.board.drivers:
        file = hal / "drivers" / f"{driver}.c"
        if not file.is_file():
            raise BoardError(
                f"{image.board.dir / 'board.toml'}: board.drivers: there is no driver {driver!r}",
                f"it would be {file}",
            )
        files.append(file)
    for file in files:
        name = f"hal/{file.relative_to(hal)}"
        yield _make(image, file, name, [hal], toolchain.WARNINGS)
    for file in _sources(image.board.dir):
        yield _make(image, file, f"board/{file.name}", [hal], toolchain.WARNINGS)


def _generated(image: Image) -> Iterator[Compile]:
    base = next((c for c in image.selection.order if c.id == components.BASE), None)
    if image.app_dir is not None and base is not None:
        include = image.selection.includes(base)
        yield _make(image, image.out / "gen" / "init.c", "gen/init.c", include, toolchain.WARNINGS)


def _component(image: Image, component: Component) -> Iterator[Compile]:
    include = image.selection.includes(component)
    seen = image.selection.third_party(component)
    foreign = [third_party.source_dir(p.name) / sub for p in seen for sub in p.include]
    quiet = tuple(word for folder in dict.fromkeys(foreign) for word in ("-isystem", str(folder)))
    for file in _sources(component.dir, component.sources):
        name = f"firmware/{component.id}/{file.relative_to(component.dir)}"
        yield _make(image, file, name, include, (*toolchain.WARNINGS, *quiet))
    for part in component.third_party:
        root = third_party.source_dir(part.name)
        for file in _third_party_sources(component, part, root):
            name = f"third_party/{component.id}/{part.name}/{file.relative_to(root)}"
            yield _make(image, file, name, include, (*quiet, *part.flags, "-w"))


def _third_party_sources(
    component: Component, part: components.ThirdParty, root: Path
) -> Iterator[Path]:
    for pattern in part.sources:
        files = _sources(root, [pattern])
        if not files:
            raise components.ComponentError(
                f"{component.dir / 'component.toml'}: third_party.{part.name}.sources: "
                f"{pattern!r} fits no file in {root}"
            )
        yield from files


def _app(image: Image, folder: Path) -> Iterator[Compile]:
    include = [c.public_include for c in image.selection.visible()]
    files = _sources(folder)
    if not files:
        raise BuildError(f"{folder} has no .c, .cpp or .S file")
    for file in files:
        yield _make(image, file, f"app/{file.name}", include, toolchain.WARNINGS_APP)


def run_ninja(image: Image, found: Mapping[str, Component]) -> None:
    """Bring all objects up to date. BuildError after the compiler's own words."""
    command = [str(Path(ninja.BIN_DIR) / "ninja"), "-v", f"-j{os.cpu_count() or 1}"]
    output.detail(f"$ cd {image.out} && {command[0]}")
    with subprocess.Popen(
        command,
        cwd=image.out,
        env={**os.environ, "NINJA_STATUS": "\x01%f/%t\x01 "},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        failures = _follow(image.name, process.stdout or ())
    if process.returncode:
        for text in failures:
            click.echo(text.rstrip(), err=True)
        raise explain(image, found, "\n".join(failures))


def _follow(name: str, lines: Iterable[str]) -> list[str]:
    """Show ninja's progress and the compiler's warnings; return what failed compilers said."""
    failures: list[str] = []
    failing = False
    todo = iter(lines)
    with tqdm(
        desc=f"compiling {name}",
        unit="file",
        delay=1,
        leave=False,
        disable=not output.is_terminal(),
    ) as bar:
        for line in todo:
            status = _STATUS.match(line)
            if status:
                failing = False
                bar.total = int(status[2])
                bar.update(int(status[1]) - bar.n)
                output.detail(status[3])
            elif line.startswith("FAILED:"):
                failing = True
                next(todo, None)  # the command; -v has shown it
                failures.append("")
            elif line.startswith("ninja:"):
                output.detail(line.rstrip())
            elif failing:
                failures[-1] += line
            else:
                click.echo(line.rstrip(), err=True)
    return failures


def explain(image: Image, found: Mapping[str, Component], text: str) -> BuildError:
    """Turn what the compiler said into one sentence."""
    for missing in _NO_HEADER.finditer(text):
        owner = owner_of(missing["header"], found)
        if owner is not None and owner not in image.selection.listed:
            place = Path(missing["file"])
            return _not_listed(image, found, owner, place, int(missing["line"]))
    return BuildError(f"{image.name} does not compile", "unitool build -v shows the commands")


def owner_of(header: str, found: Mapping[str, Component]) -> str | None:
    """Return the component whose public headers include `header`."""
    return next((c.id for c in found.values() if (c.public_include / header).is_file()), None)


def _not_listed(
    image: Image, found: Mapping[str, Component], owner: str, file: Path, line: int
) -> BuildError:
    user = next((c for c in found.values() if file.parent == c.dir), None)
    if user is not None:
        return BuildError(
            f"component {user.id} uses {owner} ({file.name}:{line}) but its component.toml does "
            f"not require it",
            f'add "{owner}" to requires in {user.dir / "component.toml"}',
        )
    where = f"{file.name}:{line}"
    if image.app_dir is None or image.app_dir not in file.parents:
        return BuildError(f"{file}:{line} uses {owner}, which it must not depend on")
    wanted = owner
    if found[owner].interface:
        wanted = min((c.id for c in found.values() if c.provides == owner), default=owner)
    line_to_add = components.how_to_list(wanted, image.selection.listed)
    return BuildError(
        f"app {image.name!r} uses {owner} ({where}) but app.toml does not list it",
        f"add {line_to_add} to [components] in {image.app_dir / 'app.toml'}",
    )


def write_files(image: Image, parts: Sequence[Compile], generated: Mapping[str, str]) -> None:
    """Write build.ninja, compile_commands.json and what is generated, where it changed."""
    for name, text in generated.items():
        ninja_file.write_if_changed(image.out / "gen" / name, text)
    ninja_file.write_if_changed(image.out / "build.ninja", ninja_file.build_ninja(parts))
    commands = ninja_file.compile_commands(parts, image.out)
    ninja_file.write_if_changed(image.out / "compile_commands.json", commands)
