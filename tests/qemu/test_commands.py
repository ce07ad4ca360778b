# SPDX-License-Identifier: Apache-2.0
"""`unitool run` and `unitool flash` as a person uses them, on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from unitool.boards import Board

ROOT = Path(__file__).resolve().parents[2]
UNITOOL = [str(Path(sys.executable).parent / "unitool")]
LEAVE = b"\x1d"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return a copy of hello, without what was built there."""
    folder = tmp_path / "hello"
    shutil.copytree(
        ROOT / "firmware/apps/hello", folder, ignore=shutil.ignore_patterns("build", "keys")
    )
    return folder


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.text = ""

    def expect(self, pattern: str, timeout_s: float = 60) -> re.Match[str]:
        end = time.monotonic() + timeout_s
        while not (match := re.search(pattern, self.text)):
            assert time.monotonic() < end, self.text
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"ended early: {self.text}") from None
        return match

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def wait(self) -> int:
        code = self.process.wait(20)
        os.close(self.master)
        return code


def unitool(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*UNITOOL, *words], cwd=folder, capture_output=True, text=True)


def test_run_and_flash_in_a_fresh_folder(app: Path, board: Board) -> None:
    terminal = Terminal([*UNITOOL, "run", "-b", board.name], app)
    terminal.expect("made keys for example.com")
    terminal.expect("provisioned device [0-9a-f]{32}")
    terminal.expect("flashed slot A")
    terminal.expect(f"hello from {board.name}")
    refused = unitool(app, "flash", "-b", board.name)
    assert refused.returncode == 16 and "is running" in refused.stderr
    terminal.type(LEAVE)
    assert terminal.wait() == 0
    done = unitool(app, "flash", "-b", board.name, "--slot", "B")
    assert done.returncode == 0 and "slot B" in done.stdout, done.stderr
    again = Terminal([*UNITOOL, "run", "-b", board.name, "--no-build"], app)
    again.expect("slot B: confirmed, start 2")
    again.expect(f"hello from {board.name}")
    again.type(LEAVE)
    assert again.wait() == 0


def test_flash_refuses_what_the_board_would_refuse(app: Path, board: Board, tmp_path: Path) -> None:
    terminal = Terminal([*UNITOOL, "run", "-b", board.name], app)
    terminal.expect("hello from")
    terminal.type(LEAVE)
    assert terminal.wait() == 0
    signed = app / "build" / board.name / "hello.signed.bin"
    spoiled = tmp_path / "spoiled.bin"
    data = bytearray(signed.read_bytes())
    data[0x300] ^= 1
    spoiled.write_bytes(data)
    refused = unitool(app, "flash", "-b", board.name, "--image", str(spoiled))
    assert refused.returncode == 1 and "cannot run here" in refused.stderr
    forced = unitool(app, "flash", "-b", board.name, "--image", str(spoiled), "--force")
    assert forced.returncode == 0


def test_missing_image_and_unknown_board_say_what_to_do(app: Path, board: Board) -> None:
    missing = unitool(app, "flash", "-b", board.name)
    assert missing.returncode == 2 and "unitool build" in missing.stderr
    unknown = unitool(app, "run", "-b", "no-such-board")
    assert unknown.returncode == 2 and board.name in unknown.stderr
