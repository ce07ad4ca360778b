# SPDX-License-Identifier: Apache-2.0
"""Images that are wrong under manifests that are right: each is refused for its own reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from host_agent import BASE, SLOT_A, Device, make_image
from peer import Peer, Product, Release, release
from unitool.formats import p256
from unitool.formats.err import Err
from unitool.formats.messages import ReportKind
from unitool.formats.records import SlotState

FLOOR = 5
TABLE = 0x40  # its offset in the body; entries follow the head of 16 bytes

Make = Callable[[Product], bytes]


def table(entries: bytes, count: int) -> Make:
    """Return a maker of images with these entries of the relocation table."""
    head = count.to_bytes(4, "little") + len(entries).to_bytes(4, "little")
    patch = {TABLE + 8: head + entries + bytes(200 - len(entries))}
    return lambda p: make_image(p, "1.1.0", counter=FLOOR, patch=patch)


def flipped(at: int) -> Make:
    """Return a maker of images with a wrong bit at an offset of the file, negative from its end."""

    def make(p: Product) -> bytes:
        data = bytearray(make_image(p, "1.1.0", counter=FLOOR))
        data[at] ^= 4
        return bytes(data)

    return make


CASES: dict[str, tuple[Err, Make]] = {
    "foreign_key": (
        Err.SIGNATURE,
        lambda p: make_image(p, "1.1.0", counter=FLOOR, key=p256.private_key(bytes([3]) * 32)),
    ),
    "other_product": (Err.IDENTITY, lambda p: make_image(p, "1.1.0", counter=FLOOR, cid=bytes(16))),
    "below_the_floor": (Err.ROLLBACK, lambda p: make_image(p, "1.1.0", counter=FLOOR - 1)),
    "bound_to_slot_a": (
        Err.SLOT_BOUND,
        lambda p: make_image(p, "1.1.0", counter=FLOOR, bound_to=BASE + SLOT_A),
    ),
    "last_bytes_missing": (Err.SIGNATURE, lambda p: make_image(p, "1.1.0", counter=FLOOR)[:-10]),
    "cut_off": (Err.FORMAT, lambda p: make_image(p, "1.1.0", counter=FLOOR)[:-100]),
    "byte_behind": (Err.FORMAT, lambda p: make_image(p, "1.1.0", counter=FLOOR) + b"x"),
    "no_image": (Err.FORMAT, lambda p: bytes(20_000)),
    "magic": (Err.FORMAT, flipped(0)),
    "version": (Err.DIGEST, flipped(20)),
    "flags": (Err.UNSUPPORTED, flipped(16)),
    "body": (Err.DIGEST, flipped(9000)),
    "signature": (Err.SIGNATURE, flipped(-2)),
    "unsorted": (Err.RELOCATION, table(bytes([200, 1, 0]), 2)),
    "overlapping": (Err.RELOCATION, table(bytes([0x90, 4, 0]), 2)),
    "out_of_range": (Err.RELOCATION, table(b"\xfe\xff\xff\xff\x0f", 1)),
    "endless_varint": (Err.RELOCATION, table(b"\x80" * 12, 1)),
    "inside_the_table": (Err.RELOCATION, table(bytes([0x44 // 4 * 2]), 1)),
    "wrong_base": (
        Err.RELOCATION,
        lambda p: make_image(
            p, "1.1.0", counter=FLOOR, patch={TABLE + 4: (BASE + SLOT_A).to_bytes(4, "little")}
        ),
    ),
}


def offer(peer: Peer, product: Product, data: bytes) -> Release:
    """Offer `data` under a manifest for a good image of the same version."""
    good = make_image(product, "1.1.0", counter=FLOOR)
    made = release(product, good, blob_digest=sha256(data).digest(), blob_size=len(data))
    made = replace(made, data=data)
    peer.publish(made)
    return made


def refusals(peer: Peer) -> list[int]:
    kinds = (ReportKind.REJECTED, ReportKind.DOWNLOAD_FAILED)
    return [r.code for r in peer.reports if r.kind in kinds]


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_image_is_refused_for_its_reason(
    device: Device, peer: Peer, product: Product, name: str
) -> None:
    code, make = CASES[name]
    device.provision(make_image(product, "1.0.0", counter=FLOOR), floor=FLOOR)
    offer(peer, product, make(product))
    device.live(lambda: bool(refusals(peer)))
    assert refusals(peer)[0] == -code
    app = peer.polls[-1].app
    assert app.running == 0
    assert app.slots[1].state in (SlotState.BAD, SlotState.EMPTY)


def test_a_hundred_flipped_bits_are_refused(device: Device, peer: Peer, product: Product) -> None:
    good = make_image(product, "1.1.0", counter=FLOOR)
    chance = random.Random(3)
    for _ in range(100):
        data = bytearray(good)
        bit = chance.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        device.provision(make_image(product, "1.0.0", counter=FLOOR), floor=FLOOR)
        peer.devices.clear()
        peer.polls.clear()
        offer(peer, product, bytes(data))
        device.live(lambda: bool(refusals(peer)))
        assert peer.polls[-1].app.running == 0, bit
