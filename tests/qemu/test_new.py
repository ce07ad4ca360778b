# SPDX-License-Identifier: Apache-2.0
"""A new application runs unchanged outside the checkout, and a debugger can stop it at main."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from unitool.boards import Board

UNITOOL = str(Path(sys.executable).parent / "unitool")


def _new(tmp_path: Path, board: str) -> Path:
    subprocess.run([UNITOOL, "new", "thermostat", "-b", board], cwd=tmp_path, check=True)
    return tmp_path / "thermostat"


def test_new_app_builds_and_runs_outside_the_checkout(tmp_path: Path, board: Board) -> None:
    app = _new(tmp_path, board.name)
    words = [UNITOOL, "run", "-b", board.name, "--expect", "alive for 1 s", "--timeout", "30"]
    done = subprocess.run(words, cwd=app, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "console: alive for 1 s" in done.stdout
    assert (app / "build" / board.name / "thermostat.signed.bin").is_file()
    missing = subprocess.run(
        [*words[:5], "never said", "--timeout", "1", "--no-build"],
        cwd=app,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert missing.returncode == 1
    assert "did not print 'never said'" in missing.stderr


def test_debugger_stops_at_main(tmp_path: Path, board: Board) -> None:
    app = _new(tmp_path, board.name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = subprocess.Popen(
        [UNITOOL, "run", "-b", board.name, "--gdb", "--gdb-port", str(port)],
        cwd=app,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert run.stdout is not None
        end = time.monotonic() + 60
        line = ""
        while "waiting for: gdb" not in line:
            assert time.monotonic() < end
            line = run.stdout.readline()
            assert line, "run ended without waiting for a debugger"
        target = line.split("'")[1]
        elf = app / "build" / board.name / "thermostat.elf"
        debugger = subprocess.run(
            ["gdb-multiarch", "-batch", "-ex", target, "-ex", "hbreak main", "-ex", "continue",
             "-ex", "bt 1", "-ex", "kill", str(elf)],
            capture_output=True,
            text=True,
            timeout=60,
        )  # fmt: skip
        assert "main" in debugger.stdout, debugger.stdout + debugger.stderr
        assert "main.c" in debugger.stdout
    finally:
        run.kill()
        run.wait()
