# SPDX-License-Identifier: Apache-2.0
"""Third-party code in components: its configuration, its reach, and what makes it compile anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from unitool import build, third_party
from unitool.boards import Board
from unitool.components import ComponentError
from unitool.errors import BuildError

from .sample import APP_TOML, MakeApp

COMPONENT = """[component]
summary = "Uses a library"
include = ["port"]

[third_party.dub]
sources = ["src/dub.c"]
include = ["include"]
flags = ["-DDUB_FLAG=3"]
"""
MAIN_C = """int echo(int n);
volatile int seed;

int main(void) {
    seed = echo(seed);
    return 0;
}
"""
TOML = APP_TOML.replace('net = ["tcp"]', 'net = ["echo"]')


@pytest.fixture
def component(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the component net/echo over a library `dub` whose header reads its options."""
    library = tmp_path / "dub-1.0"
    for name, text in {
        "include/dub.h": '#include "dub_options.h"\nint dub(int n);\n',
        "src/dub.c": '#include "dub.h"\n'
        "int dub(int n) { int unused; return n * DUB_FACTOR + DUB_FLAG; }\n",
    }.items():
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(text)
    monkeypatch.setattr(third_party, "source_dir", lambda _: library)
    folder = tree / "firmware" / "net" / "echo"
    for name, text in {
        "component.toml": COMPONENT,
        "port/dub_options.h": "#define DUB_FACTOR 5\n",
        "echo.c": "#include <dub.h>\n\nint echo(int n);\n\n"
        "int echo(int n) {\n    return dub(n);\n}\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_library_is_compiled_with_its_options_and_without_warnings(
    component: Path, board: Board, make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    build.build(make_app(main=MAIN_C, toml=TOML), board, werror=True)
    assert "warning" not in capsys.readouterr().err


def test_changed_options_reach_the_library(
    component: Path, board: Board, make_app: MakeApp
) -> None:
    folder = make_app(main=MAIN_C, toml=TOML)
    before = build.build(folder, board).build_id
    (component / "port" / "dub_options.h").write_text("#define DUB_FACTOR 777\n")
    assert build.build(folder, board).build_id != before


def test_changed_library_header_reaches_its_users(
    component: Path, board: Board, make_app: MakeApp
) -> None:
    folder = make_app(main=MAIN_C, toml=TOML)
    before = build.build(folder, board).build_id
    header = third_party.source_dir("dub") / "include" / "dub.h"
    header.write_text(header.read_text() + "#define dub(n) dub((n) + 99)\n")
    source = third_party.source_dir("dub") / "src" / "dub.c"
    source.write_text(source.read_text().replace("int dub(", "int (dub)("))
    assert build.build(folder, board).build_id != before


def test_apps_cannot_reach_the_library(component: Path, board: Board, make_app: MakeApp) -> None:
    with pytest.raises(BuildError, match="does not compile"):
        build.build(make_app(main='#include "dub.h"\n' + MAIN_C, toml=TOML), board)


def test_pattern_without_files_is_refused(component: Path, board: Board, make_app: MakeApp) -> None:
    (component / "component.toml").write_text(COMPONENT.replace("src/dub.c", "src/dab.c"))
    with pytest.raises(ComponentError, match=r"third_party\.dub\.sources: 'src/dab\.c' fits no"):
        build.build(make_app(main=MAIN_C, toml=TOML), board)
