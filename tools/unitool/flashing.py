# SPDX-License-Identifier: Apache-2.0
"""Writes an emulated board's flash files, as a programmer would: slot, bootloader, journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unitool import paths, verify
from unitool.boards import Area, Board
from unitool.errors import EmulatorError, FlashError, FormatError
from unitool.formats import flash as stored
from unitool.formats import image, records, relocation
from unitool.formats.journal import Journal
from unitool.formats.version import Version
from unitool.state import State

SLOT_NAMES = "AB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flashed:
    """What was written."""

    slot: int
    version: Version
    digest: bytes
    size: int


def flash(
    board: Board,
    folder: Path,
    signed: bytes,
    *,
    slot: int | None = None,
    check: bool = True,
) -> Flashed:
    """Write a signed image into `slot` and confirm it.

    Bootloader, identity, trust and the other slot stay. Without `slot`: the one that the journal
    calls confirmed, so that the other keeps what it has. FlashError while the board runs, or if
    the image is not for this board (`check`: nor for the product that it was provisioned for).
    """
    try:
        with paths.writing(folder):
            state = State(board, folder)
            with state.lock():
                return _write_image(state, signed, slot, check=check)
    except EmulatorError as error:
        raise FlashError(error.message, error.hint) from None


def _write_image(state: State, signed: bytes, slot: int | None, *, check: bool) -> Flashed:
    board = state.board
    journal = _journal(state)
    slot = _current_slot(journal) if slot is None else slot
    area = board.slots[slot]
    found = _checked(state, signed, slot) if check else image.parse(signed, exact=False)
    if len(signed) > area.size:
        raise FlashError(
            f"image of {len(signed):,} bytes, the slot has {area.size:,}",
            f"unitool size -b {board.name} shows what takes them",
        )
    _replace(state, area, _placed(board, signed, found, slot))
    journal.append(
        records.Slot(
            state=records.SlotState.CONFIRMED, flags=1, counter=found.counter, digest=found.digest
        ),
        key=slot,
    )
    for step in journal.steps:
        sector = board.layout["journal_b" if step.sector else "journal_a"]
        erased = bytes([board.flash.erased_value]) * sector.size
        state.write(sector.offset + step.offset, erased if step.data is None else step.data)
    return Flashed(slot=slot, version=found.version, digest=found.digest, size=len(signed))


def _checked(state: State, signed: bytes, slot: int) -> image.Image:
    board = state.board
    params = boot_params(state)
    policy = verify.Policy(
        vid=params.vid if params else None,
        cid=params.cid if params else None,
        slot_a=board.slot_address(0),
        slot_b=board.slot_address(1),
        slot_bytes=board.slots[slot].size,
    )
    try:
        found = verify.check_image(signed, policy)
    except FormatError as error:
        raise FlashError(f"this image cannot run here: {error.message}", error.hint) from None
    if found.rom_fixed and found.load_addr != board.slot_address(slot):
        raise FlashError(
            f"the image runs only in the slot at {found.load_addr:#x}",
            f"slot {SLOT_NAMES[slot]} is at {board.slot_address(slot):#x}; use --slot",
        )
    return found


def boot_params(state: State) -> stored.BootParams | None:
    """Return what the bootloader was provisioned with; None if it was not."""
    code = state.read_boot()
    try:
        at = stored.find_boot_params(code)
        return stored.BootParams.decode(code[at : at + stored.PARAMS_BYTES])
    except FormatError:
        return None


def _journal(state: State) -> Journal:
    layout = state.board.layout
    sectors = [state.read(layout[n].offset, layout[n].size) for n in ("journal_a", "journal_b")]
    flash = state.board.flash
    return Journal.open(sectors[0], sectors[1], flash.program_bytes, flash.erased_value)


def _current_slot(journal: Journal) -> int:
    """Return the slot that the bootloader goes on with: the later of those that run or ran."""
    live = (records.SlotState.TRYING, records.SlotState.CONFIRMED)
    found = [
        (record.sequence, record.key)
        for record in journal.state().values()
        if isinstance(payload := record.decoded(), records.Slot) and payload.state in live
    ]
    return max(found, default=(0, 0))[1]


def _placed(board: Board, signed: bytes, found: image.Image, slot: int) -> bytes:
    """Return the file as it stands in `slot`."""
    if not found.relocatable or slot == 0:
        return signed
    delta = board.slot_address(slot) - board.slot_address(0)
    head = len(found.header)
    moved = relocation.apply(found.body, delta)
    return signed[:head] + moved + signed[head + len(moved) :]


def _replace(state: State, area: Area, data: bytes) -> None:
    erased = bytes([state.board.flash.erased_value])
    state.write(area.offset, data.ljust(area.size, erased))
