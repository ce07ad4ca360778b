# SPDX-License-Identifier: Apache-2.0
"""The applications and bootloaders of this repository build, without a warning, for every board."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from unitool import boards, build
from unitool.errors import BuildError
from unitool.formats import relocation

from .sample import BUILT, REAL, body_address

APPS = sorted(file.parent for file in (REAL / "firmware" / "apps").glob("*/app.toml"))


@pytest.mark.parametrize("name", BUILT)
@pytest.mark.parametrize("app", APPS, ids=lambda folder: folder.name)
def test_app_builds_without_warnings(
    app: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = boards.load(name)
    built = build.build(app, board, out=tmp_path / "out", werror=True)
    table = relocation.decode(built.bin.read_bytes(), body_address(board, 0))
    assert table.words and built.sizes.reloc_percent < 4
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("name", BUILT)
def test_bootloader_builds_without_warnings(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = build.build_boot(boards.load(name), out=tmp_path / "out", werror=True)
    assert built.sizes.flash_B < 32 << 10
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("name", BUILT)
def test_webdemo_without_net_says_what_to_add(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "webdemo"
    shutil.copytree(
        REAL / "firmware" / "apps" / "webdemo", folder, ignore=shutil.ignore_patterns("build")
    )
    toml = (folder / "app.toml").read_text().splitlines()
    (folder / "app.toml").write_text("\n".join(x for x in toml if not x.startswith("net ")))
    with pytest.raises(BuildError, match=r"app 'webdemo' uses net/\S+ \(main\.c:\d+\)") as error:
        build.build(folder, boards.load(name))
    assert "add net = [" in str(error.value.hint)
