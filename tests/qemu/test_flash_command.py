# SPDX-License-Identifier: Apache-2.0
"""`unitool flash` on emulated boards that are off: what it writes, says and refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from unitool import development, keys, signing
from unitool.boards import Board
from unitool.development import Wishes
from unitool.emulator import Emulator
from unitool.state import State

from .test_commands import LEAVE, UNITOOL, Terminal, unitool

ROOT = Path(__file__).resolve().parents[2]


class Desk:
    """A copy of hello, built and signed, and its board with all of it in flash."""

    def __init__(self, folder: Path, board: Board) -> None:
        self.folder = folder / "hello"
        self.board = board
        ignored = shutil.ignore_patterns("build", "keys")
        shutil.copytree(ROOT / "firmware/apps/hello", self.folder, ignore=ignored)
        self.state = self.folder / "build" / board.name / "state"
        self.ready = development.prepare(self.folder, board, self.state, Wishes())

    def flash(self, *words: str) -> subprocess.CompletedProcess[str]:
        return unitool(self.folder, "flash", "-b", self.board.name, *words)

    def facts(self, *words: str) -> dict[str, object]:
        done = self.flash(*words, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def digest(self) -> str:
        files = sorted(self.state.glob("*.bin"))
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    def area(self, name: str) -> bytes:
        area = self.board.layout[name]
        return State(self.board, self.state).read(area.offset, area.size)

    def starts(self) -> None:
        with Emulator(self.board, self.state, forward=()) as emulator:
            emulator.console.expect(f"hello from {self.board.name}", 20)


@pytest.fixture
def desk(tmp_path: Path, board: Board) -> Desk:
    return Desk(tmp_path, board)


def test_only_what_differs_is_written(desk: Desk) -> None:
    before = desk.digest()
    again = desk.flash()
    assert again.returncode == 0 and "nothing to write: all" in again.stdout, again.stderr
    assert desk.digest() == before
    dry = desk.facts("--slot", "B", "--dry-run")
    assert desk.digest() == before
    assert "nothing was changed" in desk.flash("--slot", "B", "--dry-run").stdout
    wet = desk.facts("--slot", "B")
    assert {**dry, "seconds": 0, "dry_run": False} == {**wet, "seconds": 0}
    assert wet["programmed"] > desk.ready.signed.stat().st_size  # type: ignore[operator]
    slot = State(desk.board, desk.state).board.slots[1]
    State(desk.board, desk.state).write(slot.offset + 0x400, b"\0\0\0\0")
    mended = desk.facts("--slot", "B")
    assert mended["blocks"] == 1 and mended["erased"] == desk.board.flash.block(slot.offset)[1]
    desk.starts()


def test_all_parts_onto_a_blank_board_and_each_by_itself(desk: Desk) -> None:
    shutil.rmtree(desk.state)
    first = desk.flash()
    assert first.returncode == 0 and "it has no bootloader yet" in first.stdout, first.stderr
    assert "a new device would be made" in desk.flash("-w", "identity", "--dry-run").stdout
    made = desk.facts("-w", "all")
    assert made["new"] is True
    desk.starts()
    identity = desk.area("identity")
    kept = desk.facts("-w", "identity", "-w", "bootloader")
    assert (kept["device"], kept["new"], kept["blocks"]) == (made["device"], False, 0)
    State(desk.board, desk.state).write(desk.board.layout["storage"].offset, b"mine")
    erased = desk.facts("--erase", "--slot", "B")
    assert erased["slot"] == "B" and desk.area("identity") == identity
    blank = bytes([desk.board.flash.erased_value])
    assert not desk.area("storage").strip(blank) and not desk.area("slot_a").strip(blank)
    desk.starts()


def test_each_refusal_has_its_sentence_hint_and_exit_code(desk: Desk, tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    other = keys.generate(tmp_path / "other", desk.ready.built.app.vid)  # type: ignore[union-attr]
    large = desk.ready.signed.read_bytes() + bytes(desk.board.slots[0].size)
    cases = [
        (signing.make(desk.ready.built, other, 0), 15, "signed by an unknown key", "keyset holds"),
        (large, 14, "bytes, the slot has", "unitool size"),
    ]
    before = desk.digest()
    for content, code, says, hint in cases:
        image.write_bytes(content)
        done = desk.flash("--image", str(image))
        assert done.returncode == code and says in done.stderr, done.stderr
        assert hint in done.stderr
        assert desk.digest() == before
    for words, says in (
        (["-w", "identity", "--slot", "A"], "about the image, which is not written"),
        (["--dry-run", "--monitor"], "starts nothing to monitor"),
        (["-w", "attic"], "is not one of"),
        (["--runner", "magic"], "'magic' is not"),
    ):
        done = desk.flash(*words)
        assert done.returncode == 2 and says in done.stderr, done.stderr
    with Emulator(desk.board, desk.state, forward=()) as emulator:
        emulator.console.expect("hello from", 20)
        done = desk.flash("--runner", "file")
        assert done.returncode == 16 and "is running" in done.stderr, done.stderr
        assert "switch it off first" in done.stderr


def test_monitor_goes_on_to_the_console(desk: Desk) -> None:
    words = ["flash", "-b", desk.board.name, "--slot", "B", "--monitor"]
    terminal = Terminal([*UNITOOL, *words], desk.folder)
    terminal.expect("wrote and verified [0-9,]+ bytes in [0-9]+ blocks?, [0-9.]+ s, [0-9,]+ KB/s")
    terminal.expect(f"hello from {desk.board.name}")
    terminal.type(LEAVE)
    assert terminal.wait() == 0
