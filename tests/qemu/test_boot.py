# SPDX-License-Identifier: Apache-2.0
"""The bootloader: the other slot when one is spoiled, keysets newer than its own."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from unitool import apps, flashing
from unitool.emulator import Emulator
from unitool.formats import flash as stored
from unitool.formats import keyset as keysets
from unitool.formats import records
from unitool.formats.journal import Journal
from unitool.keys import KeyFolder

Device = Callable[..., Emulator]
ROOT = Path(__file__).resolve().parents[2]
HELLO = "firmware/apps/hello"


def journal_of(board: Emulator) -> Journal:
    """Return the journal as it stands in the board's flash."""
    areas = [board.board.layout[name] for name in ("journal_a", "journal_b")]
    a, b = (board.state.read(area.offset, area.size) for area in areas)
    flash = board.board.flash
    return Journal.open(a, b, flash.program_bytes, flash.erased_value)


def append(board: Emulator, payload: records.Payload) -> None:
    """Append a record, as the device would."""
    journal = journal_of(board)
    journal.append(payload)
    for step in journal.steps:
        area = board.board.layout["journal_b" if step.sector else "journal_a"]
        assert step.data is not None, "the journal is not full"
        board.state.write(area.offset + step.offset, step.data)


def start(board: Emulator, *wanted: str) -> None:
    """Switch on, expect these lines, switch off."""
    with board:
        for line in wanted:
            board.console.expect(line, 20)


def test_other_slot_is_started_when_the_current_one_is_spoiled(device: Device) -> None:
    device(HELLO, slot=0)
    board = device(HELLO, slot=1)
    start(board, "slot B: confirmed, start 1", "hello from")
    area = board.board.slots[1]
    spoiled = bytearray(board.state.read(area.offset + 0x400, 16))
    spoiled[5] ^= 0x10
    board.state.write(area.offset + 0x400, bytes(spoiled))
    start(
        board,
        "slot B: content does not have its digest",
        "slot A: confirmed, start 2",
        "hello from",
    )
    found = journal_of(board).slot(1)
    assert found is not None
    assert found.state == records.SlotState.BAD
    assert found.reason == records.Reason.SIGNATURE
    with board:
        board.console.expect("slot A: confirmed, start 3", 20)
        assert "slot B" not in board.console.log.rsplit("start 2", 1)[-1]


def test_newer_keyset_counts_and_none_below_it(device: Device, key_folder: KeyFolder) -> None:
    board = device(HELLO)
    app = apps.load(ROOT / HELLO)
    params = flashing.boot_params(board.state.read_boot())
    assert params is not None
    first = keysets.verify(params.keyset, params.root, params.spare).keyset
    newer = keysets.Keyset(
        vid=first.vid,
        fleet=first.fleet,
        epoch=first.epoch + 1,
        keys=first.keys,
        floors={app.cid(board.board): 1},
    ).sign(key_folder.private("root"))
    copy = stored.encode_trust(newer, board.board.flash.program_bytes)
    area = board.board.layout["trust_b"]
    board.state.write(area.offset, copy)
    start(board, "hello from")  # the journal does not name it
    epoch = first.epoch + 1
    append(board, records.Keyset(epoch=epoch, copy=1, digest=sha256(newer).digest()))
    start(board, "slot A: security counter below the floor", "no slot can be started")
    board.state.write(area.offset + 100, bytes(4))
    start(board, "nothing starts: keyset: none that reaches the journal's epoch")
