# SPDX-License-Identifier: Apache-2.0
"""Images: what is built is read back, and nothing that was changed afterwards is accepted."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from unitool.errors import FormatError
from unitool.formats import cose, image, p256, reasons, relocation
from unitool.formats.image import HEADER_BYTES_OURS
from unitool.formats.version import Version
from unitool.verify import check_image

from .samples import (
    BASE,
    CID,
    DELTA,
    IMAGE_KEY,
    POLICY,
    SLOT_A,
    SLOT_B,
    VID,
    check_slot,
    flipped,
    key,
    make_body,
    make_image,
    u32,
    versions,
)

GOOD = make_image()
BODY_END = HEADER_BYTES_OURS + len(make_body())


def in_slot_b(data: bytes) -> bytes:
    """The file as an installer leaves it in slot B, with old bytes behind it."""
    body = relocation.apply(data[HEADER_BYTES_OURS:BODY_END], DELTA)
    return data[:HEADER_BYTES_OURS] + body + data[BODY_END:] + b"\xa5" * 100


@given(versions, u32, st.sampled_from([32, 512, 4096]), st.binary(min_size=48, max_size=300))
@settings(max_examples=50)
def test_round_trip(version: Version, counter: int, header_bytes: int, body: bytes) -> None:
    made = image.build(
        body,
        version=version,
        counter=counter,
        vid=VID,
        cid=CID,
        key=IMAGE_KEY,
        header_bytes=header_bytes,
    )
    found = image.parse(made)
    assert (found.version, found.counter, found.body) == (version, counter, body)
    assert (found.vid, found.cid, len(found.header)) == (VID, CID, header_bytes)
    assert image.digest(made) == found.digest
    found.check_signature(p256.public(IMAGE_KEY))


def test_same_file_is_accepted_in_both_slots() -> None:
    assert check_image(GOOD, POLICY).relocatable
    in_a = check_slot(GOOD + b"\xff" * 100, POLICY, SLOT_A)
    in_b = check_slot(in_slot_b(GOOD), POLICY, SLOT_B)
    assert in_a.digest == in_b.digest == in_b.computed_digest()


def test_signing_twice_gives_the_same_file() -> None:
    assert make_image() == GOOD


def test_every_flipped_bit_of_header_and_tlvs_is_refused() -> None:
    bits = [*range(HEADER_BYTES_OURS * 8), *range(BODY_END * 8, len(GOOD) * 8)]
    for bit in bits:
        with pytest.raises(FormatError):
            check_image(flipped(GOOD, bit), POLICY)


def test_flipped_bits_of_the_body_are_refused_in_both_slots() -> None:
    chosen = random.Random(3)
    for _ in range(500):
        bit = chosen.randrange(HEADER_BYTES_OURS * 8, BODY_END * 8)
        with pytest.raises(FormatError):
            check_slot(flipped(GOOD, bit), POLICY, SLOT_A)
        with pytest.raises(FormatError):
            check_slot(flipped(in_slot_b(GOOD), bit), POLICY, SLOT_B)


def test_every_truncation_is_refused() -> None:
    for size in range(len(GOOD)):
        with pytest.raises(FormatError):
            check_image(GOOD[:size], POLICY)


@given(st.data())
@settings(max_examples=300)
def test_spoiled_files_raise_nothing_but_format_errors(data: st.DataObject) -> None:
    spoiled = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[at] = data.draw(st.integers(0, 255))
    if bytes(spoiled) != GOOD:
        with pytest.raises(FormatError):
            check_image(bytes(spoiled), POLICY)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_format_errors(data: bytes) -> None:
    with pytest.raises(FormatError):
        image.parse((0x96F3B83D).to_bytes(4, "little") + data)


BOUND = bytes(100)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: make_image(key=key("foreign")), reasons.SignatureError, "unknown key"),
        (lambda: make_image(cid=VID), reasons.IdentityError, "product or hardware"),
        (lambda: make_image(vid=CID), reasons.IdentityError, "vendor"),
        (lambda: make_image(counter=2), reasons.RollbackError, "below the floor 3"),
        (lambda: GOOD[:-1], reasons.TruncatedError, "cut short"),
        (lambda: GOOD + b"\0", reasons.MalformedError, "behind the last TLV"),
        (lambda: make_image(BOUND), reasons.SlotBoundError, "no relocation table"),
        (
            lambda: make_image(BOUND, rom_fixed=SLOT_B + 0x10_0000),
            reasons.SlotBoundError,
            "has no slot",
        ),
        (
            lambda: make_image(header_bytes=32),
            reasons.RelocationError,
            "linked for 0x21400200",
        ),
        (lambda: flipped(GOOD, 8 * (HEADER_BYTES_OURS + 0x80)), reasons.DigestError, "digest"),
        (lambda: make_image(bytes(0x10_0000)), reasons.TooLargeError, "do not fit"),
    ],
)
def test_each_reason_has_its_own_message(
    make: Callable[[], bytes], error: type[FormatError], says: str
) -> None:
    with pytest.raises(error, match=says):
        check_image(make(), POLICY)


@pytest.mark.parametrize(("at", "other"), [(SLOT_A, SLOT_B), (SLOT_B, SLOT_A)])
def test_slot_bound_image_starts_only_where_it_was_linked_for(at: int, other: int) -> None:
    data = make_image(BOUND, rom_fixed=at)
    check_image(data, POLICY)
    check_slot(data, POLICY, at)
    with pytest.raises(reasons.SlotBoundError):
        check_slot(data, POLICY, other)


def test_ed25519_signature_is_checked() -> None:
    made = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    found = image.parse(make_image(key=made))
    assert found.algorithm == cose.EDDSA
    found.check_signature(cose.public_of(made))
    with pytest.raises(reasons.SignatureError):
        found.check_signature(p256.public(IMAGE_KEY))


words = st.lists(st.integers(0x44, 0xF0), max_size=30, unique=True)


@given(st.sampled_from([2, 4]), st.data())
@settings(max_examples=100)
def test_relocation_round_trip_and_undo(granule: int, data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, 200), max_size=60)))
    apart = [0x100 + 4 * p + 2 * (granule == 2) for p in places]
    signs = data.draw(st.lists(st.booleans(), min_size=len(apart), max_size=len(apart)))
    plus = tuple(at for at, minus in zip(apart, signs, strict=True) if not minus)
    minus = tuple(at for at, minus in zip(apart, signs, strict=True) if minus)
    body = make_body(plus, minus, size=0x500, granule=granule)
    table = relocation.decode(body, BASE)
    assert (table.plus, table.minus) == (plus, minus)
    delta = data.draw(u32)
    moved = relocation.apply(body, delta)
    assert relocation.apply(moved, -delta) == body


@given(st.binary(max_size=80), st.integers(0, 80), st.integers(0, 90))
@settings(max_examples=300)
def test_hostile_tables_raise_nothing_but_relocation_errors(
    entries: bytes, count: int, length: int
) -> None:
    body = bytearray(make_body((), ()))
    body[0x48:0x50] = count.to_bytes(4, "little") + length.to_bytes(4, "little")
    body[0x50 : 0x50 + len(entries)] = entries
    try:
        table = relocation.decode(bytes(body), BASE)
    except reasons.RelocationError:
        return
    places = sorted(table.plus + table.minus)
    assert len(places) == count
    assert all(b - a >= 4 for a, b in pairwise(places))
    assert all(0 <= at <= len(body) - 4 for at in places)
    moved = relocation.apply(bytes(body), DELTA)
    assert relocation.decode(moved, BASE) == table


@given(versions, versions)
def test_versions_compare_as_their_numbers_and_read_back(a: Version, b: Version) -> None:
    assert (a < b) == (a.numbers < b.numbers)
    assert Version.parse(str(a)) == a == Version.decode(a.encode())


@pytest.mark.parametrize("text", ["", "1", "1.2.3.4", "1.256.0", "-1.0.0", "1.0.0+x", "1.0.65536"])
def test_bad_versions_are_refused(text: str) -> None:
    with pytest.raises(reasons.MalformedError):
        Version.parse(text)
