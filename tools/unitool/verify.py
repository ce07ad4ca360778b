# SPDX-License-Identifier: Apache-2.0
"""Whether an image may run: what a bootloader, an agent, the server and `unitool verify` decide.

The order is the device's: form, identity, counter, place, relocation table, digest, signature.
"""

from __future__ import annotations

from dataclasses import dataclass

from unitool.formats import image, relocation
from unitool.formats.image import Image
from unitool.formats.reasons import (
    IdentityError,
    RollbackError,
    SignatureError,
    SlotBoundError,
    TooLargeError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is demanded of an image; None: anything will do."""

    vid: bytes | None = None
    cid: bytes | None = None
    floor: int = 0
    image_keys: tuple[bytes, ...] | None = None
    slot_a: int | None = None  # CPU address of slot A
    slot_b: int | None = None
    slot_bytes: int | None = None


def check_image(data: bytes, policy: Policy) -> Image:
    """Return the image of a file, or raise the FormatError that says why it is refused."""
    if policy.slot_bytes is not None and len(data) > policy.slot_bytes:
        raise TooLargeError(f"{len(data)} bytes do not fit a slot of {policy.slot_bytes}")
    found = image.parse(data)
    _check_identity(found, policy)
    _check_place(found, policy)
    found.check_digest()
    _check_signature(found, policy)
    return found


def check_slot(data: bytes, policy: Policy, address: int) -> Image:
    """Return the image that lies in a slot at `address`, or raise why it may not start there."""
    found = image.parse(data, exact=False)
    _check_identity(found, policy)
    if found.rom_fixed and found.load_addr != address:
        raise SlotBoundError(f"linked for the slot at {found.load_addr:#010x}, not {address:#010x}")
    _check_place(found, policy)
    if found.relocatable and policy.slot_a not in (None, address):
        found = _canonical(data, found, address - (policy.slot_a or 0))
    found.check_digest()
    _check_signature(found, policy)
    return found


def _canonical(data: bytes, found: Image, delta: int) -> Image:
    start = len(found.header)
    body = relocation.apply(found.body, -delta)
    return image.parse(data[:start] + body + data[start + len(body) :], exact=False)


def _check_identity(found: Image, policy: Policy) -> None:
    if policy.vid is not None and found.vid != policy.vid:
        raise IdentityError(f"for another vendor (VID {found.vid.hex()})")
    if policy.cid is not None and found.cid != policy.cid:
        raise IdentityError(f"for another product or hardware (CID {found.cid.hex()})")
    if found.counter < policy.floor:
        raise RollbackError(f"security counter {found.counter} is below the floor {policy.floor}")


def _check_place(found: Image, policy: Policy) -> None:
    """Check the relocation table, or that the image is bound to one of the slots."""
    if found.relocatable:
        base = None if policy.slot_a is None else policy.slot_a + len(found.header)
        relocation.check(found.body, base)
        return
    if not found.rom_fixed:
        raise SlotBoundError("no relocation table, and not bound to a slot (ROM_FIXED) either")
    slots = [slot for slot in (policy.slot_a, policy.slot_b) if slot is not None]
    if slots and found.load_addr not in slots:
        raise SlotBoundError(f"linked for {found.load_addr:#010x}, where the board has no slot")


def _check_signature(found: Image, policy: Policy) -> None:
    if policy.image_keys is None:
        return
    for key in policy.image_keys:
        if image.keyhash(key) == found.keyhash:
            found.check_signature(key)
            return
    raise SignatureError(f"signed by an unknown key (KEYHASH {found.keyhash[:8].hex()}…)")
