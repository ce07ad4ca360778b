"""Errors are one sentence and a hint; exit codes are 0, 1 and 2, and more for flash."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from unitool import cli, errors, paths, scaffold

UNITOOL = str(Path(sys.executable).parent / "unitool")


def _run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [UNITOOL, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_wrong_usage_exits_with_2() -> None:
    assert _run("nonesuch").returncode == 2
    assert _run("doctor", "--nonesuch").returncode == 2


def test_each_failure_of_flash_has_an_exit_code_that_the_manual_names() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    codes = [k.exit_code for k in kinds if issubclass(k, errors.FlashError)]
    assert len(set(codes)) == len(codes) > 4 and 2 not in codes
    told = (paths.checkout() / "docs/flashing.md").read_text()
    assert not [code for code in codes if f"| {code} |" not in told]


def test_doctor_finds_everything_here_and_speaks_json() -> None:
    done = _run("doctor", "--json")
    assert done.returncode == 0, done.stderr
    needs = json.loads(done.stdout)
    assert all(need["ok"] for need in needs)
    assert {"arm-none-eabi-gcc", "qemu-system-riscv32", "click"} <= {n["name"] for n in needs}


def test_new_makes_an_app_and_refuses_a_folder_in_use(tmp_path: Path) -> None:
    done = _run("new", "thermostat", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "thermostat"
    for name in ("app.toml", "main.c", ".clangd", ".vscode/launch.json", ".gitignore"):
        assert (folder / name).is_file()
    assert json.loads((folder / ".vscode/launch.json").read_text())
    again = _run("new", "thermostat", cwd=tmp_path)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    assert "hint:" in again.stderr


@pytest.mark.parametrize("name", ["Big", "9lives", "with space"])
def test_new_refuses_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    done = _run("new", name, cwd=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_a_disk_refuses_is_a_sentence_and_a_hint(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "build/x.bin")

    monkeypatch.setattr(cli.command, "main", refused)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    assert f"build/x.bin: {os.strerror(number)}" in capsys.readouterr().err


def test_a_file_that_cannot_be_replaced_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError):
        paths.replace(tmp_path / "there", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


def test_monitor_names_a_board_that_is_not_there(tmp_path: Path) -> None:
    done = _run("monitor", "-b", "nonesuch", cwd=tmp_path)
    assert done.returncode == 2
    assert "no board is called 'nonesuch'" in done.stderr
    off = _run("monitor", "-b", "virt-rv32", "--no-reconnect", cwd=tmp_path)
    assert off.returncode == 1
    assert "unitool run -b virt-rv32" in off.stderr


def test_inspect_writes_nothing_into_a_folder(tmp_path: Path) -> None:
    for words in (["-b", "virt-rv32"], []):
        done = _run("inspect", str(tmp_path), *words)
        assert done.returncode == 2
        assert "hint:" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_verify_does_not_ignore_a_root_without_a_keyset(tmp_path: Path) -> None:
    for name in ("image", "root.pem"):
        (tmp_path / name).write_bytes(b"x")
    done = _run("verify", "image", "--root", "root.pem", cwd=tmp_path)
    assert done.returncode == 2
    assert "--keyset" in done.stderr


@pytest.mark.parametrize("command", ["build", "sign", "run", "flash", "size", "monitor"])
def test_boards_of_another_folder_can_be_named_everywhere(tmp_path: Path, command: str) -> None:
    """That is how porting.md says a project keeps boards of its own."""
    (tmp_path / "app.toml").write_text("")
    done = _run(command, "-b", "nonesuch", "--boards-dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "no board is called 'nonesuch'" in done.stderr


def test_ci_of_a_new_app_tells_what_a_change_costs(tmp_path: Path) -> None:
    """The last step of its workflow, with a tool that says what it was asked."""
    app = tmp_path / "thermostat"
    scaffold.create(app, board="mps2-an385", boards=["mps2-an385"])
    workflow = (app / ".github/workflows/firmware.yml").read_text()
    step = textwrap.dedent(workflow.partition("run: |\n")[2])
    step = step.replace("${{ matrix.board }}", "mps2-an385")
    assert "${{" not in step
    tool = app / ".unitool/.venv/bin/unitool"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    name = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (["init"], ["add", "app.toml"], ["commit", "-m", "x"]):
        subprocess.run(["git", *name, *words], cwd=app, check=True, capture_output=True)
    for base, asked in (("0" * 40, ""), ("HEAD", "--diff HEAD")):
        summary = tmp_path / "summary"
        subprocess.run(
            ["bash", "-e", "-c", step],
            cwd=app,
            env={**os.environ, "BASE": base, "GITHUB_STEP_SUMMARY": str(summary)},
            check=True,
            capture_output=True,
        )
        assert summary.read_text() == f"```\nsize -b mps2-an385 {asked}".rstrip() + "\n```\n"
        summary.unlink()
