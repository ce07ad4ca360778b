# SPDX-License-Identifier: Apache-2.0
"""Keysets, manifests and bundles: round trips, every flipped bit refused, who may sign what."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unitool.errors import FormatError
from unitool.formats import bundle, cbor, cose, keyset, manifest, p256, reasons
from unitool.formats.bundle import Entry
from unitool.formats.keyset import Key, Keyset, Role
from unitool.formats.manifest import Component, Manifest
from unitool.formats.version import Version

from .samples import CID, IMAGE_KEY, VID, digests, flipped, key, points, u32, uuids, versions

ROOT, SPARE = key("root"), key("spare")
ROOTS = p256.public(ROOT), p256.public(SPARE)

keys = st.builds(
    Key,
    role=st.sampled_from(Role),
    key=points,
    url=st.one_of(st.none(), st.text(st.characters(codec="ascii"), max_size=20)),
)
keysets = st.builds(
    Keyset,
    vid=uuids,
    fleet=uuids,
    epoch=st.integers(1, (1 << 32) - 1),
    keys=st.lists(keys, min_size=1, max_size=8).map(tuple),
    floors=st.dictionaries(uuids, u32, max_size=4),
)
components = st.builds(
    Component,
    version=versions,
    counter=u32,
    image_digest=digests,
    blob_digest=digests,
    blob_size=u32,
)
manifests = st.builds(
    Manifest,
    vid=uuids,
    cid=uuids,
    components=components.map(lambda c: (c,)),
    follows=st.one_of(st.none(), versions.map(lambda v: ((Version(0), v),))),
    boot_min=st.one_of(st.none(), u32),
    agent_min=st.one_of(st.none(), u32),
    settings_schema=st.one_of(st.none(), u32),
    name=st.one_of(st.none(), st.text(max_size=20)),
)


@given(keysets)
def test_keyset_round_trip(made: Keyset) -> None:
    assert keyset.decode(made.encode()) == made


@given(manifests)
def test_manifest_round_trip(made: Manifest) -> None:
    assert manifest.decode(made.encode()) == made


def make_keyset(epoch: int = 1) -> Keyset:
    listed = (Key(role=Role.IMAGE, key=p256.public(IMAGE_KEY)),)
    return Keyset(vid=VID, fleet=bytes(16), epoch=epoch, keys=listed, floors={CID: 7})


def make_manifest() -> Manifest:
    part = Component(
        version=Version(1), counter=0, image_digest=bytes(32), blob_digest=bytes(32), blob_size=1
    )
    return Manifest(vid=VID, cid=CID, components=(part,))


def test_every_flipped_bit_of_a_keyset_is_refused() -> None:
    signed = make_keyset().sign(ROOT)
    for bit in range(8 * len(signed)):
        with pytest.raises(FormatError):
            keyset.verify(flipped(signed, bit), *ROOTS)


def test_every_flipped_bit_of_a_manifest_is_refused() -> None:
    signed = make_manifest().sign(IMAGE_KEY)
    for bit in range(8 * len(signed)):
        with pytest.raises(FormatError):
            manifest.verify(flipped(signed, bit), [p256.public(IMAGE_KEY)])


def test_every_truncation_of_a_statement_is_refused() -> None:
    signed = make_keyset().sign(ROOT)
    for size in range(len(signed)):
        with pytest.raises(FormatError):
            keyset.verify(signed[:size], *ROOTS)


def test_spare_root_outranks_any_epoch_of_the_primary() -> None:
    by_root = keyset.verify(make_keyset(1000).sign(ROOT), *ROOTS)
    by_spare = keyset.verify(make_keyset(1).sign(SPARE), *ROOTS)
    newer = keyset.verify(make_keyset(1001).sign(ROOT), *ROOTS)
    assert by_spare.rank > newer.rank > by_root.rank


def test_development_keys_count_only_for_development() -> None:
    dev = Keyset(
        vid=VID,
        fleet=bytes(16),
        epoch=1,
        keys=(Key(role=Role.IMAGE_DEV, key=p256.public(IMAGE_KEY)),),
    )
    hashed = p256.keyhash(p256.public(IMAGE_KEY))
    assert dev.find_image_key(hashed, development=True)
    with pytest.raises(reasons.SignatureError):
        dev.find_image_key(hashed)


def test_keyset_and_manifest_cannot_stand_for_each_other() -> None:
    with pytest.raises(reasons.MalformedError, match="type"):
        manifest.verify(make_keyset().sign(IMAGE_KEY), [p256.public(IMAGE_KEY)])
    with pytest.raises(reasons.MalformedError, match="type"):
        keyset.verify(make_manifest().sign(ROOT), *ROOTS)


def test_too_large_keyset_is_not_signed() -> None:
    listed = [Key(role=Role.IMAGE, key=bytes(64), url="x" * 100)] * 8
    big = Keyset(vid=VID, fleet=bytes(16), epoch=1, keys=tuple(listed))
    with pytest.raises(reasons.TooLargeError):
        big.sign(ROOT)


@given(st.binary(max_size=100))
def test_random_payloads_raise_nothing_but_format_errors(data: bytes) -> None:
    for decode in (keyset.decode, manifest.decode):
        with pytest.raises(FormatError):
            decode(data)


@given(manifests, st.data())
@settings(max_examples=200)
def test_spoiled_payloads_raise_nothing_but_format_errors(
    made: Manifest, data: st.DataObject
) -> None:
    payload = made.encode()
    spoiled = flipped(payload, data.draw(st.integers(0, 8 * len(payload) - 1)))
    with suppress(FormatError):
        manifest.decode(spoiled)


def test_follows_includes_both_ends() -> None:
    made = Manifest(
        vid=VID,
        cid=CID,
        components=make_manifest().components,
        follows=((Version(1), Version(1, 2)), (Version(2), Version(2))),
    )
    allowed = [Version(1), Version(1, 2), Version(2)]
    assert all(made.may_follow(v) for v in allowed)
    assert not any(made.may_follow(v) for v in (Version(0, 9), Version(1, 2, 0, 1), Version(2, 1)))


entries = st.lists(
    st.builds(Entry, st.integers(1, 6), st.integers(0, 3), st.binary(max_size=50), st.booleans()),
    min_size=1,
    max_size=6,
)


@given(entries)
def test_bundle_round_trip(made: list[Entry]) -> None:
    assert bundle.parse(bundle.build(made)) == tuple(made)


def test_every_flipped_bit_of_a_bundle_is_refused_or_harmless() -> None:
    made = [Entry(2, 0, b"image"), Entry(4, 0, b"sbom of odd size")]
    data = bundle.build(made)
    for bit in range(8 * len(data)):
        try:
            found = bundle.parse(flipped(data, bit))
        except FormatError:
            continue
        # Kind and number are not covered by a digest; who signs is checked in the contents.
        assert [e.content for e in found] == [e.content for e in made]


def test_every_truncation_of_a_bundle_is_refused() -> None:
    data = bundle.build([Entry(2, 0, b"image"), Entry(4, 0, b"sbom")])
    for size in range(len(data)):
        with pytest.raises(FormatError):
            bundle.parse(data[:size])


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda d: b"UOTB" + d[4:], reasons.MalformedError),
        (lambda d: d + b"\0", reasons.MalformedError),
        (lambda d: d[:8] + bytes(4) + d[12:], reasons.MalformedError),
        (lambda d: d[:8] + b"\x41\0\0\0" + d[12:], reasons.MalformedError),
        (lambda d: d[:16] + b"\x63" + d[17:18] + b"\1" + d[19:], reasons.UnsupportedError),
        (lambda d: d[:18] + b"\2" + d[19:], reasons.UnsupportedError),
        (lambda d: d[:-1] + b"\0", reasons.DigestError),
        (lambda d: d[:-2], reasons.TruncatedError),
    ],
)
def test_bad_bundles(spoil: object, error: type[FormatError]) -> None:
    data = bundle.build([Entry(2, 0, b"image")])
    with pytest.raises(error):
        bundle.parse(spoil(data))  # type: ignore[operator]


def test_unknown_kind_that_is_not_critical_is_kept() -> None:
    assert bundle.parse(bundle.build([Entry(99, 0, b"new")]))[0].kind == 99


def test_signature_structure_is_that_of_rfc_9052() -> None:
    signed = make_keyset().sign(ROOT)
    protected, _, payload, signature = cbor.decode(signed)  # type: ignore[misc]
    structure = b"\x84\x6aSignature1" + b"".join(
        cbor.encode_bytes(part) for part in (protected, b"", payload)
    )
    p256.verify_digest(ROOTS[0], sha256(structure).digest(), signature)
    header = cbor.decode(protected)
    assert header == {1: -7, 2: [-65537], 4: p256.kid(ROOTS[0]), 16: 65003, -65537: 1}
    assert cose.parse_sign1(signed, cose.Type.KEYSET).payload == payload
