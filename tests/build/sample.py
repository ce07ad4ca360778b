# SPDX-License-Identifier: Apache-2.0
"""A small checkout and a small application that the build's tests share."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from unitool.boards import BODY_OFFSET, Board

HERE = Path(__file__).parent
REAL = HERE.parents[1]
BOARDS = ("mps2-an385", "virt-rv32")
_CHOSEN = os.environ.get("BOARDS", "").replace(",", " ").split()
# Those that are compiled for: the variable BOARDS may leave out one whose compiler is missing.
BUILT = tuple(name for name in BOARDS if not _CHOSEN or name in _CHOSEN)

APP_TOML = """[app]
name = "sample"
version = "1.2.3"
vendor = "example.com"

[components]
heap = "tlsf"
net = ["tcp"]
"""
MAIN_C = """#include "net/tcp.h"
#include "os/heap.h"

volatile int seed; // what the compiler cannot know

static int add(int n) {
    return n + 1;
}

static int twice(int n) {
    return 2 * n;
}

static int (*steps[])(int) = {add, twice};

int main(void) {
    const char *text = seed ? "two" : "three";
    seed = steps[seed](1) + steps[1](2) + tcp_send(text) + (os_alloc(4) != 0);
    return 0;
}
"""


def make_tree(at: Path) -> Path:
    """Copy tree/ to `at`, with the boards of the real checkout but only its own driver."""
    shutil.copytree(HERE / "tree", at, dirs_exist_ok=True)
    for name in BOARDS:
        folder = at / "boards" / name
        folder.mkdir(parents=True)
        text = (REAL / "boards" / name / "board.toml").read_text()
        text = re.sub(r"(?m)^drivers = \[.*?\]", 'drivers = ["uart/null"]', text, flags=re.DOTALL)
        (folder / "board.toml").write_text(text)
        (folder / "board.c").write_text(
            f'extern const char board_name[];\nconst char board_name[] = "{name}";\n'
        )
    return at


def body_address(board: Board, slot: int) -> int:
    """Return the address of the body of slot 0 (A) or 1 (B)."""
    return board.slot_address(slot) + BODY_OFFSET


MakeApp = Callable[..., Path]
