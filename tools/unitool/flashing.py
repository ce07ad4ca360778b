# SPDX-License-Identifier: Apache-2.0
"""Puts images into slots: which one, whether the board would start it, and the journal's record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unitool import runners, verify
from unitool.boards import Board
from unitool.errors import FlashError, ForeignKeyError, FormatError, ImageTooLargeError
from unitool.formats import flash as stored
from unitool.formats import image, keyset, records, relocation
from unitool.formats.journal import Journal
from unitool.formats.reasons import SignatureError
from unitool.formats.version import Version
from unitool.runners import Place, Programmer, Segment

SLOT_NAMES = "AB"
JOURNAL = ("journal_a", "journal_b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flashed:
    """What was written."""

    slot: int
    version: Version
    digest: bytes
    size: int


def flash(
    board: Board, folder: Path, signed: bytes, *, slot: int | None = None, check: bool = True
) -> Flashed:
    """Write an image into an emulated board that is off: `write_image` on its files."""
    with runners.connect(Place(board=board, state=folder), runners.FILE) as runner:
        return write_image(Programmer(board, runner), signed, slot, check=check)


def write_image(
    to: Programmer, signed: bytes, slot: int | None = None, *, check: bool = True
) -> Flashed:
    """Write a signed image into `slot` and confirm it.

    Identity, trust and journal stay. Without `slot`: the one that the journal calls confirmed, so
    that the other keeps what it has. FlashError if the image is not for this board (`check`: nor
    for the product that it was provisioned for).
    """
    board = to.board
    journal = Journal.open(
        to.area(JOURNAL[0]),
        to.area(JOURNAL[1]),
        board.flash.program_bytes,
        board.flash.erased_value,
    )
    slot = _current_slot(journal) if slot is None else slot
    area = board.slots[slot]
    if len(signed) > area.size:
        raise ImageTooLargeError(
            f"image of {len(signed):,} bytes, the slot has {area.size:,}",
            f"unitool size -b {board.name} shows what takes them",
        )
    found = _checked(to, signed, slot) if check else image.parse(signed, exact=False)
    erased = bytes([board.flash.erased_value])
    content = _placed(board, signed, found, slot).ljust(area.size, erased)
    to.write([Segment(board.slot_address(slot), content)])  # verified before it is confirmed
    _confirm(to, journal, slot, found)
    return Flashed(slot=slot, version=found.version, digest=found.digest, size=len(signed))


def _confirm(to: Programmer, journal: Journal, slot: int, found: image.Image) -> None:
    """Append that the slot holds a good image, unless that is the last thing said of slots."""
    record = records.Slot(
        state=records.SlotState.CONFIRMED, flags=1, counter=found.counter, digest=found.digest
    )
    if journal.slot(slot) != record or _current_slot(journal) != slot:
        journal.append(record, key=slot)
        base, layout = to.board.flash.base, to.board.layout
        to.write(
            [
                Segment(base + layout[name].offset, bytes(journal.sectors[sector]))
                for sector, name in enumerate(JOURNAL)
            ]
        )


def _checked(to: Programmer, signed: bytes, slot: int) -> image.Image:
    board = to.board
    params = boot_params(to.boot())
    policy = verify.Policy(
        vid=params.vid if params else None,
        cid=params.cid if params else None,
        image_keys=None if params is None else _image_keys(to, params),
        slot_a=board.slot_address(0),
        slot_b=board.slot_address(1),
        slot_bytes=board.slots[slot].size,
    )
    try:
        found = verify.check_image(signed, policy)
    except SignatureError as error:
        raise ForeignKeyError(
            f"this image cannot run here: {error.message}",
            "sign it with a key that the board's keyset holds (unitool sign), or give the board "
            f"this product's keyset (unitool provision -b {board.name})",
        ) from None
    except FormatError as error:
        raise FlashError(f"this image cannot run here: {error.message}", error.hint) from None
    if found.rom_fixed and found.load_addr != board.slot_address(slot):
        raise FlashError(
            f"the image runs only in the slot at {found.load_addr:#x}",
            f"slot {SLOT_NAMES[slot]} is at {board.slot_address(slot):#x}; use --slot",
        )
    return found


def boot_params(boot: bytes) -> stored.BootParams | None:
    """Return what a bootloader was provisioned with; None if it was not."""
    try:
        at = stored.find_boot_params(boot)
        return stored.BootParams.decode(boot[at : at + stored.PARAMS_BYTES])
    except FormatError:
        return None


def _image_keys(to: Programmer, params: stored.BootParams) -> tuple[bytes, ...]:
    """Return the keys of the keyset that counts: of those with a root's signature the highest."""
    try:
        development = stored.read_identity(to.area("identity")).development
    except FormatError:
        development = False
    found: list[keyset.Verified] = []
    for signed in (params.keyset, *_trust_copies(to)):
        try:
            found.append(keyset.verify(signed, params.root, params.spare))
        except FormatError:
            continue
    if not found:
        return ()
    return tuple(max(found, key=lambda one: one.rank).keyset.image_keys(development))


def _trust_copies(to: Programmer) -> Sequence[bytes]:
    copies = []
    for name in ("trust_a", "trust_b"):
        try:
            copies.append(stored.decode_trust(to.area(name)))
        except FormatError:
            continue
    return copies


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
