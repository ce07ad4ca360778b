# SPDX-License-Identifier: Apache-2.0
"""The commands around the build: what they print for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from unitool import output
from unitool.boards import Board
from unitool.commands import boards, build, components
from unitool.errors import UsageError

from .sample import BOARDS, MakeApp


def run(command: object, *arguments: str | Path) -> Result:
    return CliRunner().invoke(
        command,  # type: ignore[arg-type]
        [str(a) for a in arguments],
        catch_exceptions=False,
    )


@pytest.fixture
def as_json(tree: Path) -> None:
    output.configure(verbose=False, as_json=True)


def test_build_says_what_it_made_and_what_is_next(board: Board, make_app: MakeApp) -> None:
    shown = run(build.command, make_app(), "-b", board.name).output.splitlines()
    assert shown[0].startswith(f"built sample 1.2.3 for {board.name} in ")
    assert "flash" in shown[0] and "relocation" in shown[0]
    assert shown[1].startswith("next: unitool run")


def test_folder_may_come_with_c(board: Board, make_app: MakeApp) -> None:
    assert "built sample" in run(build.command, "-C", make_app(), "-b", board.name).output


def test_build_tells_machines_the_same(as_json: None, board: Board, make_app: MakeApp) -> None:
    (facts,) = json.loads(run(build.command, make_app(), "-b", board.name).stdout)
    assert facts["version"] == "1.2.3" and len(bytes.fromhex(facts["build_id"])) == 20
    assert Path(facts["bin"]).stat().st_size == facts["sizes"]["flash_B"]


def test_one_folder_cannot_take_two_boards(tree: Path, make_app: MakeApp, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exactly one --board"):
        run(build.command, make_app(), "--out", tmp_path / "out")


def test_boards_are_listed(tree: Path) -> None:
    shown = run(boards.command).output
    assert all(name in shown for name in BOARDS)


def test_boards_of_another_folder_are_listed(
    as_json: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # boards/ of the folder where one stands counts too
    folder = tmp_path / "more" / "lab"
    folder.mkdir(parents=True)
    (folder / "board.toml").write_text((tree / "boards/virt-rv32/board.toml").read_text())
    facts = json.loads(run(boards.command, "--boards-dir", folder.parent).stdout)
    assert [f["name"] for f in facts] == ["lab", *BOARDS]


def test_components_are_listed_with_how_to_select_them(tree: Path) -> None:
    shown = run(components.command).output
    assert 'net = ["tcp"]' in shown and 'heap = "tlsf"' in shown and "(interface)" in shown


def test_component_shows_its_parameters(tree: Path) -> None:
    shown = run(components.command, "os/heap/tlsf").output
    assert "os/heap/tlsf.size_bytes" in shown and "64..65536" in shown and "implements" in shown


def test_unknown_component_is_a_usage_error(tree: Path) -> None:
    with pytest.raises(UsageError, match="no component 'os/attic'"):
        run(components.command, "os/attic")
