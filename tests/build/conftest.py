# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the build's tests: a checkout of its own, each board, applications."""

from __future__ import annotations

from pathlib import Path

import pytest
from unitool import boards, output, paths

from .sample import APP_TOML, BUILT, MAIN_C, MakeApp, make_tree


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the checkout."""
    root = make_tree(tmp_path / "checkout")
    monkeypatch.setattr(paths, "checkout", lambda: root)
    output.configure(verbose=False, as_json=False)
    return root


@pytest.fixture(params=BUILT)
def board(request: pytest.FixtureRequest, tree: Path) -> boards.Board:
    """Each board in turn."""
    return boards.load(request.param)


@pytest.fixture
def make_app(tmp_path: Path) -> MakeApp:
    """Write an application: its main.c, its app.toml, more files by name."""

    def make(main: str = MAIN_C, toml: str = APP_TOML, **more: str) -> Path:
        folder = tmp_path / "sample"
        folder.mkdir(exist_ok=True)
        (folder / "app.toml").write_text(toml)
        (folder / "main.c").write_text(main)
        for name, text in more.items():
            (folder / name.replace("_dot_", ".")).write_text(text)
        return folder

    return make
