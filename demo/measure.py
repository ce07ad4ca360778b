# SPDX-License-Identifier: Apache-2.0
"""Exact instruction counts of starts and requests, on boards in folders of their own."""

from __future__ import annotations

import itertools
import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from unitool import icount
from unitool.boards import Board
from unitool.emulator import Emulator
from unitool.errors import UnitoolError

HTTP = 80
# Virtual time follows the instructions: right for starting and computing, repeatable.
_DETERMINISTIC = ("-icount", "shift=0,sleep=off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Instructions of one start from power-on."""

    cold: int  # from reset to the image's entry: the bootloader
    first_byte: int  # from the image's entry to its first byte on the console


def entry(elf: Path) -> int:
    """Return the address of an image's first instruction, in slot A."""
    with elf.open("rb") as file:
        return int(ELFFile(file)["e_entry"]) & ~1


def symbol(elf: Path, name: str) -> int:
    """Return a symbol's address. UnitoolError if the image lacks it."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        found = table.get_symbol_by_name(name) if isinstance(table, SymbolTableSection) else None
        if not found:
            raise UnitoolError(
                f"{elf.name} has no symbol {name}",
                f"{name} must be noinline, and reached, to be counted",
            )
        return int(found[0]["st_value"]) & ~1


def start(board: Board, state: Path, elf: Path, scratch: Path) -> Start:
    """Start a copy of the board in `state`, whose slot A holds `elf`, and count."""
    assert board.emulator is not None
    out = scratch / "start.icount"
    first = entry(elf)
    skipped = board.emulator.console_setup_stores
    options = icount.plugin_options(
        board.emulator.qemu, out, pcs=[first], stores=[board.emulator.console_data], limit=4000
    )
    copy = _copied(board, state, scratch / "start")
    with Emulator(board, copy, forward=(), extra=(*_DETERMINISTIC, *options)) as device:
        end = time.monotonic() + 60
        while time.monotonic() < end and device.running:
            events = icount.read(out) if out.exists() else []
            entered = next((e.count for e in events if e.kind == "pc"), None)
            later = [e.count for e in events if e.kind == "st" and entered and e.count > entered]
            if entered and len(later) > skipped:
                return Start(cold=entered, first_byte=later[skipped] - entered)
            time.sleep(0.05)
    raise UnitoolError(
        f"{board.name} did not start: {device.console.log[-500:]}",
        f"unitool run -b {board.name} shows its console from the start",
    )


def per_request(board: Board, state: Path, elf: Path, scratch: Path, requests: int = 60) -> int:
    """Return the median of instructions from one request for the page to the next, keep-alive."""
    assert board.emulator is not None
    out = scratch / "request.icount"
    options = icount.plugin_options(
        board.emulator.qemu, out, pcs=[symbol(elf, "show_page")], limit=requests
    )
    copy = _copied(board, state, scratch / "request")
    with (
        Emulator(board, copy, forward=(HTTP,), extra=options) as device,
        httpx.Client(base_url=f"http://127.0.0.1:{device.port(HTTP)}", timeout=5) as client,
    ):
        device.console.expect(r"net: up", timeout_s=60)
        for _ in range(requests):
            client.get("/").raise_for_status()
    counts = [event.count for event in icount.read(out) if event.kind == "pc"]
    # the first few open the connection and fill caches of the stack
    return int(statistics.median(b - a for a, b in itertools.pairwise(counts[5:])))


def _copied(board: Board, state: Path, to: Path) -> Path:
    assert board.emulator is not None
    if to.exists():
        shutil.rmtree(to)
    to.mkdir(parents=True)
    names = [*board.emulator.flash_files, board.emulator.boot_file]
    for name in filter(None, names):
        shutil.copyfile(state / name, to / name)
    return to
