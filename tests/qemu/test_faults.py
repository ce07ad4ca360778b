# SPDX-License-Identifier: Apache-2.0
"""Every kind of fault leaves a record that names the place, and the board comes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from unitool import crash
from unitool.boards import BODY_OFFSET
from unitool.emulator import Emulator
from unitool.formats import retained
from unitool.formats.reasons import NotFoundError
from unitool.formats.records import SlotState
from unitool.formats.retained import FaultKind, ResetReason

Device = Callable[..., Emulator]
APP = "tests/apps/faults"

# Key of tests/apps/faults: what the report says, in words, and the function that it names. {code}
# is the second word of the image, {below} the last one below RAM, {high} 16 bytes below the
# end of the address space.
FAULTS = {
    "w": (r"forbidden (write at|access to) 00000004", "act"),
    "r": (r"forbidden (read at|access to) 00000008", "act"),
    "u": (r"forbidden (read at|access to) {high}", "act"),
    "c": (r"jump to .*where no code may run", None),
    "s": (r"jump to .*where no code may run", None),
    "d": (r"jump to .*where no code may run", None),
    "o": (r"stack overflow|forbidden write at 7fff....", None),
    "k": (r"forbidden (write at|access to) {code:08x}", "act"),
    "x": (r"jump to .*where no code may run", None),
    "y": (r"jump to .*where no code may run", None),
    "b": (r"forbidden (write at|access to) {below:08x}", "act"),
    "a": (r"assert", "act"),
    "p": (r"by request", "act"),
}


def provoke(board: Emulator, key: str, reason: int = ResetReason.PANIC) -> str:
    """Make the board fault, and return the line about it that the next start prints."""
    board.console.send(key)
    line = board.console.expect(r"panic: [^\n]*\n|not trapped", 20)[0]
    board.console.expect(rf"ready, slot A, start \d+, reason {reason}\b")
    return line


@pytest.mark.every_board
@pytest.mark.parametrize("key", FAULTS)
def test_fault_is_reported_by_the_next_start(device: Device, builds: Path, key: str) -> None:
    what, where = FAULTS[key]
    with device(APP) as board:
        board.console.expect("ready, slot A")
        line = provoke(board, key)
        found = crash.parse_line(line)
        assert found is not None, line
        code = board.board.slot_address(0) + BODY_OFFSET + 4
        high = f"{(1 << 8 * board.board.word_bytes) - 16:x}"
        wanted = what.format(code=code, below=board.board.memory.ram.base - 4, high=high)
        assert re.fullmatch(wanted, found.words), found
        assert found.slot_base == board.board.slot_address(0)
        if where is not None:
            elf = crash.find_elf(found.build_id, [builds / board.board.name])
            assert elf is not None
            assert crash.decode(found, elf)[0].function == where


def test_retained_ram_is_what_the_formats_say(device: Device) -> None:
    with device(APP) as board:
        if board.board.emulator.ram_file is None:
            pytest.skip("this emulator keeps no RAM in a file")
        board.console.expect("ready, slot A")
        found = crash.parse_line(provoke(board, "p"))
        assert found is not None
        memory = board.board.memory
        ram = (board.state.folder / board.board.emulator.ram_file).read_bytes()
        kept = ram[memory.retained.base - memory.ram.base :]
    with pytest.raises(NotFoundError):  # the bootloader took it
        retained.ResetCause.decode(kept[retained.CAUSE_OFFSET :])
    handover = retained.Handover.decode(kept[retained.HANDOVER_OFFSET :])
    assert (handover.slot, handover.slot_base) == (0, board.board.slot_address(0))
    assert (handover.boot_count, handover.crashes) == (2, 1)
    assert (handover.reset_reason, handover.state) == (ResetReason.PANIC, SlotState.CONFIRMED)
    record = retained.CrashRecord.decode(kept[retained.CRASH_OFFSET :])
    assert (record.kind, record.message) == (FaultKind.PANIC, found.reason)
    assert (record.pc, record.lr, record.sp) == (found.pc, found.lr, found.sp)
    assert (record.slot_base, record.build_id.hex()) == (found.slot_base, found.build_id)
    assert record.stack[: len(found.stack)] == found.stack


def test_stuck_application_is_reset_by_the_watchdog(device: Device) -> None:
    with device(APP) as board:
        board.console.expect("ready, slot A")
        board.console.send("h")
        board.console.expect(rf"ready, slot A, start 2, reason {ResetReason.WATCHDOG}\b", 30)


def test_image_in_slot_b_reports_where_it_ran(device: Device) -> None:
    with device(APP, slot=1) as board:
        board.console.expect("ready, slot B")
        board.console.send("a")
        line = board.console.expect(r"panic: [^\n]*\n")[0]
        found = crash.parse_line(line)
        assert found is not None and found.slot_base == board.board.slot_address(1)


def test_old_crash_is_not_reported_again(device: Device) -> None:
    with device(APP) as board:
        board.console.expect("ready, slot A")
        provoke(board, "a")
        board.console.send("R")
        board.console.expect(rf"ready, slot A, start 3, reason {ResetReason.SOFTWARE}\b")
        assert board.console.log.count("panic: ") == 1


def test_every_reset_has_its_reason(device: Device) -> None:
    with device(APP) as board:
        board.console.expect(rf"start 1, reason {ResetReason.POWER_ON}\b")
        board.console.send("R")
        board.console.expect(rf"start 2, reason {ResetReason.SOFTWARE}\b")
        board.cut()
        board.power_on()
        board.console.expect(rf"start 3, reason {ResetReason.POWER_ON}\b")
        board.qmp("system_reset")
        # RAM that outlives the reset tells the button from the mains where the supervisor sees it.
        seen = ResetReason.EXTERNAL if board.board.emulator.ram_file else ResetReason.POWER_ON
        board.console.expect(rf"start 4, reason {seen}\b")


def test_repeated_crashes_start_the_safe_mode(device: Device) -> None:
    with device("tests/apps/crasher", forward=()) as board:
        board.console.expect("safe mode")
        board.console.expect("net: up")
        assert board.console.log.count("panic: as always") == board.console.log.count(
            "object built"
        )
        assert board.console.log.count("object built") == 3
        board.cut()
        board.power_on()
        board.console.expect("object built")


def test_without_an_agent_safe_mode_still_runs_the_app(device: Device) -> None:
    with device(APP) as board:
        for start in (1, 2, 3):
            board.console.expect(rf"ready, slot A, start {start}\b")
            board.console.send("a")
        board.console.expect("safe mode")
        board.console.expect(r"ready, slot A, start 4\b")
