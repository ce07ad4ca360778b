"""Errors are one sentence and a hint; exit codes are 0, 1 and 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
