# SPDX-License-Identifier: Apache-2.0
"""What an application's own sources can include: the compiler refuses everything else."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from unitool import apps, boards, build, components, keys, packing, signing
from unitool.components import Component
from unitool.errors import BuildError, UsageError

from .sample import BUILT, REAL, MakeApp

FOUND = components.catalog()
LISTABLE = [c for c in FOUND.values() if "/" in c.id and not c.interface]
PUBLIC = {c.id: c.dir / "include" for c in FOUND.values() if "/" in c.id}
ROOTS = {"include", "include-net", "port", "public"}  # what a header's name counts from
# Made by the build, or third-party.
OTHERS = ("layout.h", "param/os_base.h", "lwip/tcp.h", "netif/ethernet.h", "p256-m.h", "p256-m.c")
HEAD = '[app]\nname = "sample"\nversion = "1.0.0"\nvendor = "example.com"\n'


def _headers() -> dict[str, Path]:
    """Every header of firmware, hal and boards by the name that its own side includes it by."""
    named = {}
    for folder in ("firmware", "hal", "boards"):
        for file in (REAL / folder).rglob("*.h"):
            parts = file.relative_to(REAL).parts
            if "apps" in parts or "build" in parts:
                continue
            inside = 0 if folder == "hal" else len(parts) - 2
            start = next((i for i, p in enumerate(parts) if p in ROOTS), inside)
            named["/".join(parts[start + 1 :])] = file
    return named


def _is_public(file: Path) -> bool:
    return any(file.is_relative_to(f) for f in (REAL / "hal" / "public", *PUBLIC.values()))


ALLOWED = sorted(name for name, file in _headers().items() if _is_public(file))
FORBIDDEN = sorted({*_headers(), *OTHERS} - set(ALLOWED))


def _toml(ids: Iterable[str]) -> str:
    lines: dict[str, list[str]] = {}
    for parent, _, name in (i.rpartition("/") for i in ids):
        lines.setdefault(parent, []).append(f'"{name}"')
    listed = "".join(f'"{key}" = [{", ".join(names)}]\n' for key, names in lines.items())
    return f"{HEAD}[components]\n{listed}"


def _implementations(wanted: Iterable[Component]) -> list[Component]:
    """One component for each interface that `wanted` have not chosen themselves."""
    having = {c.provides for c in wanted}
    one = {c.provides: c for c in LISTABLE if c.provides}
    return [c for interface, c in one.items() if interface not in having]


@dataclass(frozen=True, slots=True)
class Compiler:
    """The command that compiles the sources of an application, from compile_commands.json."""

    words: tuple[str, ...]
    cwd: Path
    others: tuple[Path, ...]  # where everybody else in that image finds headers

    @property
    def folders(self) -> list[Path]:
        return [Path(word[2:]) for word in self.words if word.startswith("-I")]

    def seeing(self, folders: Iterable[Path]) -> Compiler:
        """The same for an application that selects less."""
        firmware = f"-I{REAL / 'firmware'}"
        words = [w for w in self.words if not w.startswith(firmware)]
        return Compiler((*words, *(f"-I{f}" for f in folders)), self.cwd, ())

    def says(self, text: str, to: Path) -> str:
        """What the compiler says about a source; empty if it takes it."""
        source = to / "main.c"
        source.write_text(text)
        command = [*self.words, "-c", str(source), "-o", str(to / "main.o")]
        done = subprocess.run(command, cwd=self.cwd, capture_output=True, text=True, timeout=60)
        assert bool(done.stderr) >= bool(done.returncode)
        return done.stderr


@pytest.fixture(scope="session", params=BUILT)
def compiler(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """That of an application which lists all that it can."""
    folder = tmp_path_factory.mktemp("greedy")
    chosen = [c for c in LISTABLE if not c.provides]
    chosen += _implementations(chosen)
    (folder / "app.toml").write_text(_toml(c.id for c in chosen))
    (folder / "main.c").write_text("int main(void) {\n    return 0;\n}\n")
    built = build.build(folder, boards.load(request.param))
    entries = json.loads((built.out / "compile_commands.json").read_text())
    (app,) = (e for e in entries if e["file"] == str(folder / "main.c"))
    words = tuple(app["arguments"][: app["arguments"].index("-c")])
    others = {f for e in entries if e != app for f in _include_folders(e["arguments"])}
    return Compiler(words, Path(app["directory"]), tuple(sorted(others)))


def _include_folders(words: list[str]) -> Iterator[Path]:
    for word, following in pairwise(words):
        if word.startswith("-I"):
            yield Path(word[2:])
        elif word == "-isystem":
            yield Path(following)


def test_there_is_much_to_see_and_to_hide() -> None:
    assert {"hal/err.h", "os/log.h", "crypto/sha256.h", "net/http_server.h"} <= set(ALLOWED)
    assert {
        *("hal/flash.h", "hal/board.h", "hal/arch.h", "hal/netif.h", "layout.h"),
        *("drivers/uart/cmsdk.h", "drivers/flash/cfi_nor.h", "chip/virt/virt.h"),
        *("arch/armv7m/armv7m.h", "arch/riscv/csr.h", "slots/journal.h", "slots/writer.h"),
        *("p256m.h", "load.h", "cbor_major.h", "agent.h", "lwipopts.h", "net/http_parse.h"),
    } <= set(FORBIDDEN)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_header_is_refused_at_its_line(name: str, compiler: Compiler, tmp_path: Path) -> None:
    says = compiler.says(f'\n\n#include "{name}"\n', tmp_path)
    assert f"main.c:3:10: fatal error: {name}: No such file or directory" in says


@pytest.mark.parametrize("name", ALLOWED)
def test_header_is_allowed(name: str, compiler: Compiler, tmp_path: Path) -> None:
    assert compiler.says(f'#include "{name}"\n', tmp_path) == ""


def test_nothing_that_others_include_is_in_reach(compiler: Compiler, tmp_path: Path) -> None:
    hidden = set(compiler.others) - set(compiler.folders)
    names = {
        str(file.relative_to(folder))
        for folder in hidden
        for file in folder.rglob("*.h")
        if file.parent not in compiler.folders and not _is_public(file)
    }
    assert len(names) > 100 and "lwip/priv/tcp_priv.h" in names and "layout.h" in names
    lines = [f'#if __has_include("{n}")\n#error {n}\n#endif' for n in sorted(names)]
    assert compiler.says("\n".join(lines), tmp_path) == ""


@pytest.mark.parametrize("component", LISTABLE, ids=lambda c: c.id)
def test_public_headers_are_enough_by_themselves(
    component: Component, compiler: Compiler, tmp_path: Path
) -> None:
    """What a public header includes, an application that lists the component sees as well."""
    chosen = [component, *_implementations([component])]
    selection = components.resolve([components.BASE, *(c.id for c in chosen)], FOUND, who="it")
    alone = compiler.seeing(selection.visible())
    for header in sorted(component.public_include.rglob("*.h")):
        name = header.relative_to(component.public_include)
        assert alone.says(f'#include "{name}"\n', tmp_path) == ""


def test_public_headers_serve_cpp(compiler: Compiler, tmp_path: Path) -> None:
    """All at once in a C++ source; what they declare keeps its C name."""
    text = "".join(f'#include "{name}"\n' for name in ALLOWED)
    kept = [word for word in compiler.words if not word.startswith("-std=")]
    words = (*kept, "-xc++", "-std=c++17", "-fno-lto")
    cpp = Compiler(words, compiler.cwd, ())
    declared = re.compile(r"^(?!typedef|static)[a-z][\w ]*[ *](\w+)\([^;{]*\);", re.MULTILINE)
    names = {n for name in ALLOWED for n in declared.findall(_headers()[name].read_text())}
    assert {"sha256", "os_random", "net_up"} <= names
    used = "".join(f"    reinterpret_cast<void *>({name}),\n" for name in sorted(names))
    says = cpp.says(f"{text}void *all[] = {{\n{used}}};\n", tmp_path)
    assert says == ""
    listed = (tmp_path / "main.o").read_bytes()
    mangled = [name for name in sorted(names) if f"_Z{len(name)}{name}".encode() in listed]
    assert not mangled, mangled


@pytest.mark.parametrize("header", ["hal/flash.h", "drivers/uart/cmsdk.h", "slots/journal.h"])
@pytest.mark.parametrize("name", BUILT)
def test_internal_header_is_said_to_be_internal(
    name: str, header: str, make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_app(main=f'\n#include "{header}"\n', toml=HEAD)
    with pytest.raises(BuildError) as error:
        build.build(folder, boards.load(name))
    assert error.value.message == (
        f"app 'sample' includes {header} (main.c:2), which is not for applications"
    )
    assert f"main.c:2:10: fatal error: {header}: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", BUILT)
def test_line_to_add_makes_the_header_seen(name: str, make_app: MakeApp) -> None:
    main = '#include "crypto/p256.h"\nint main(void) {\n    return 0;\n}\n'
    with pytest.raises(BuildError, match=r"uses lib/crypto/p256 \(main\.c:1\)") as error:
        build.build(make_app(main=main, toml=f"{HEAD}[components]\n"), boards.load(name))
    line = error.value.hint.removeprefix("add ").partition(" to [components]")[0]
    build.build(make_app(main=main, toml=f"{HEAD}[components]\n{line}\n"), boards.load(name))


@pytest.mark.parametrize("name", BUILT)
def test_hardware_access_is_named_and_never_released(
    name: str, make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    main = '#include "hal/board.h"\nint main(void) {\n    return board_flash.size == 0;\n}\n'
    board = boards.load(name)
    with pytest.raises(BuildError, match=r"includes hal/board\.h \(main\.c:1\)"):
        build.build(make_app(main=main, toml=HEAD), board)
    folder = make_app(main=main, toml=f"{HEAD}hardware_access = true\n")
    built = build.build(folder, board)
    assert "warning: sample reaches the hardware by itself" in capsys.readouterr().err
    key_folder = keys.generate(folder / "keys", apps.load(folder).vid)
    signed = signing.sign(built, key_folder)
    with pytest.raises(UsageError, match="hardware_access"):
        packing.load(signed)
    make_app(main="int main(void) {\n    return 0;\n}\n", toml=HEAD)
    assert packing.load(signing.sign(build.build(folder, board), key_folder)).info


@pytest.mark.parametrize("header", ["drivers/uart/cmsdk.h", "layout.h", "slots/journal.h"])
@pytest.mark.parametrize("name", BUILT)
def test_hardware_access_opens_only_the_contracts(
    name: str, header: str, make_app: MakeApp
) -> None:
    folder = make_app(main=f'#include "{header}"\n', toml=f"{HEAD}hardware_access = true\n")
    with pytest.raises(BuildError):
        build.build(folder, boards.load(name))


BY_PATH = [
    ("hal/include/hal/burst.h", "a contract of the hardware", "hardware_access = true under [app]"),
    ("hal/chip/{chip}/{chip}.h", "which is not for applications", "apps.md"),
    ("firmware/slots/bytes.h", "which is not for applications", "apps.md"),
    ("firmware/slots/include/slots/params.h", "which is not for applications", "apps.md"),
    ("firmware/lib/crypto/include/crypto/sha256.h", "app.toml does not list it", "[components]"),
]


@pytest.mark.parametrize(("path", "says", "hint"), BY_PATH, ids=lambda v: str(v).partition(" ")[0])
@pytest.mark.parametrize("name", BUILT)
def test_header_is_refused_by_its_path_too(
    name: str, path: str, says: str, hint: str, make_app: MakeApp
) -> None:
    board = boards.load(name)
    path = path.format(chip=board.chip)
    main = "int main(void) {\n    return 0;\n}\n"
    folder = make_app(main=main, toml=HEAD)
    away = os.path.relpath(REAL / path, folder)
    (folder / "own.h").write_text(f'\n#include "{away}"\n')
    (folder / "main.c").write_text(f'#include "own.h"\n{main}')
    for _ in range(2):  # what was compiled already is refused as well
        with pytest.raises(BuildError) as error:
            build.build(folder, board)
        assert error.value.message.startswith("app 'sample' ")
        assert says in error.value.message and "own.h:2" in error.value.message
        assert hint in error.value.hint
    (folder / "main.c").write_text(main)
    build.build(folder, board)


@pytest.mark.parametrize("name", BUILT)
def test_paths_to_what_an_app_may_see_are_taken(name: str, make_app: MakeApp) -> None:
    """Also headers that several apps of a user share, outside the checkout."""
    main = "int main(void) {\n    return 0;\n}\n"
    folder = make_app(main=main, toml=f"{HEAD}hardware_access = true\n")
    (folder.parent / "common.h").write_text("enum { COMMON = 1 };\n")
    seen = [REAL / "hal/include/hal/burst.h", REAL / "hal/public/hal/err.h"]
    lines = [f'#include "{os.path.relpath(file, folder)}"\n' for file in seen]
    (folder / "main.c").write_text(f'{"".join(lines)}#include "../common.h"\n{main}')
    build.build(folder, boards.load(name))
