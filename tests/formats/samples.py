# SPDX-License-Identifier: Apache-2.0
"""What the tests of formats build on: known keys, a small image, strategies."""

from __future__ import annotations

import struct
from hashlib import sha256

from hypothesis import strategies as st
from unitool.formats import image, p256, relocation
from unitool.formats.image import Image
from unitool.formats.reasons import SlotBoundError
from unitool.formats.relocation import Table
from unitool.formats.version import Version
from unitool.verify import Policy, check_image

VENDOR, PRODUCT, HW = "example.com", "thermostat", "rev-b"
VID = image.vendor_id(VENDOR)
CID = image.class_id(VID, PRODUCT, HW)
SLOT_A, SLOT_B, SLOT_BYTES = 0x2140_0000, 0x2150_0000, 0x10_0000
BASE = SLOT_A + image.HEADER_BYTES_OURS
DELTA = SLOT_B - SLOT_A
TABLE_AT = 0x40


def key(name: str) -> p256.PrivateKey:
    """A key that is the same in every run."""
    return p256.private_key(sha256(f"tests {name}".encode()).digest())


IMAGE_KEY = key("image")
POLICY = Policy(
    vid=VID,
    cid=CID,
    floor=3,
    image_keys=(p256.public(IMAGE_KEY),),
    slot_a=SLOT_A,
    slot_b=SLOT_B,
    slot_bytes=SLOT_BYTES,
)


def make_body(
    plus: tuple[int, ...] = (4, 0x100),
    minus: tuple[int, ...] = (0x104,),
    *,
    size: int = 0x200,
    granule: int = 4,
    fill: int = 1,
) -> bytes:
    """A body with these words listed; deterministic content."""
    body = bytearray((i * 31 * fill + 7) & 0xFF for i in range(size))
    table = relocation.encode(Table(granule=granule, base=BASE, plus=plus, minus=minus))
    body[TABLE_AT : TABLE_AT + len(table)] = table
    struct.pack_into("<III", body, 0x20, relocation.MAGIC, TABLE_AT, size - 20)
    return bytes(body)


def make_image(body: bytes | None = None, counter: int = 5, **more: object) -> bytes:
    """A file that POLICY accepts."""
    values: dict[str, object] = {
        "version": Version(1, 2, 3, 4),
        "counter": counter,
        "vid": VID,
        "cid": CID,
        "key": IMAGE_KEY,
    }
    return image.build(body or make_body(), **(values | more))  # type: ignore[arg-type]


def check_slot(data: bytes, policy: Policy, address: int) -> Image:
    """What lies in a slot at `address`, judged as a bootloader does; raises why it may not start.

    Moved back to where it was signed for, it is the file that everybody else checks.
    """
    assert policy.slot_a is not None
    found = image.parse(data, exact=False)
    if found.rom_fixed and found.load_addr != address:
        raise SlotBoundError(f"linked for the slot at {found.load_addr:#010x}, not {address:#010x}")
    if found.relocatable and address != policy.slot_a:
        head = len(found.header)
        body = relocation.apply(found.body, policy.slot_a - address)
        data = data[:head] + body + data[head + len(body) :]
    return check_image(data[: found.file_size], policy)


versions = st.builds(
    Version,
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65535),
    st.integers(0, (1 << 32) - 1),
)
u8, u16, u32, u64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))
uuids = st.binary(min_size=16, max_size=16)
digests = st.binary(min_size=32, max_size=32)
points = st.binary(min_size=64, max_size=64)


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit inverted."""
    spoiled = bytearray(data)
    spoiled[bit // 8] ^= 1 << bit % 8
    return bytes(spoiled)
