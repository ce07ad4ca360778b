# SPDX-License-Identifier: Apache-2.0
"""Objects that images have in common: compiled once, never mixed up, old ones forgotten."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from unitool import build, shared_objects
from unitool.boards import Board

from .sample import APP_TOML, MAIN_C, MakeApp


def objects(tree: Path) -> dict[Path, int]:
    return {f: f.stat().st_mtime_ns for f in (tree / "build" / "objects").rglob("*.o")}


def test_another_version_compiles_only_its_own_sources(
    board: Board, make_app: MakeApp, tree: Path
) -> None:
    first = build.build(make_app(), board)
    before = objects(tree)
    assert before
    toml = APP_TOML.replace("1.2.3", "1.2.4")
    folder = make_app(toml=toml, main=MAIN_C.replace("n + 1", "n + 2"))
    second = build.build(folder, board, out=folder / "other")
    assert objects(tree) == before
    assert first.build_id != second.build_id


def test_other_parameters_get_objects_of_their_own(
    board: Board, make_app: MakeApp, tree: Path
) -> None:
    small = build.build(make_app(), board).sizes.ram_B
    before = objects(tree)
    toml = APP_TOML + '[params]\n"os/heap/tlsf.size_bytes" = 9000\n'
    large = build.build(make_app(toml=toml), board).sizes.ram_B
    assert large - small == 9000 - 1024
    after = objects(tree)
    assert before.items() <= after.items() and len(after) == 2 * len(before)


def test_changed_source_reaches_every_image(board: Board, make_app: MakeApp, tree: Path) -> None:
    folder = make_app()
    first = build.build(folder, board)
    source = tree / "firmware" / "lib" / "sum" / "sum.c"
    source.write_text(source.read_text().replace("total = 0", "total = 77"))
    assert build.build(folder, board).build_id != first.build_id


def test_concurrent_builds_agree(board: Board, make_app: MakeApp, tree: Path) -> None:
    folder = make_app()
    code = (
        "import sys; from pathlib import Path; from unitool import boards, build, paths; "
        f"paths.checkout = lambda: Path({str(tree)!r}); "
        f"print(build.build(Path({str(folder)!r}), boards.load({board.name!r}), "
        "out=Path(sys.argv[1])).build_id.hex())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder / f"out{i}")], stdout=subprocess.PIPE, text=True
        )
        for i in range(3)
    ]
    said = {process.communicate(timeout=120)[0] for process in running}
    assert len(said) == 1 and len(said.pop().strip()) == 40


def test_folders_not_used_for_longest_are_removed(tree: Path) -> None:
    made = [shared_objects.folder("x", i) for i in range(15)]
    for i, folder in enumerate(made):
        with shared_objects.locked(folder):
            os.utime(folder / ".lock", ns=(i, i))
    with shared_objects.locked(made[1]), shared_objects.locked(made[-1]):
        os.utime(made[1] / ".lock", ns=(1, 1))
        shared_objects.forget_old(made[-1])
    left = [folder for folder in made if folder.exists()]
    assert left == [made[1], *made[3:]]  # made[1] was in use


def test_folder_removed_while_waiting_is_made_again(tree: Path) -> None:
    folder = shared_objects.folder("x", 0)
    with shared_objects.locked(folder):
        shutil.rmtree(folder)
    with shared_objects.locked(folder):
        assert folder.is_dir()


def test_read_only_checkout_uses_the_cache(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNITOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert shared_objects.build_root() == tmp_path / "cache" / "build"
