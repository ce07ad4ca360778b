# SPDX-License-Identifier: Apache-2.0
"""Bundles that are taken, and one bad bundle for each reason to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from unitool.errors import FormatError, ServerError
from unitool.formats import bundle, image, keyset
from unitool.formats.bundle import Entry, Kind
from unitool.formats.image import HEADER_BYTES_OURS
from unitool.formats.keyset import Keyset
from unitool.formats.reasons import (
    DigestError,
    IdentityError,
    MalformedError,
    RelocationError,
    RollbackError,
    SignatureError,
    UnsupportedError,
)
from unitool.formats.version import Version

from ota_server.publish import take_apart

from .bundles import CID, VID, Vendor, body, key, make_bundle, make_image, make_manifest, release
from .conftest import DeviceMaker
from .server_process import ServerProcess

VENDOR = Vendor()
IMAGE = make_image(VENDOR, "2.0.0")
SIGNED = make_manifest(IMAGE).sign(VENDOR.image)


def trusted(vendor: Vendor = VENDOR) -> Mapping[bytes, Keyset]:
    return {VID: keyset.peek(vendor.keyset())}


def flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def signed_by_stranger() -> bytes:
    stranger = Vendor()
    stranger.image = key("stranger")
    return make_image(stranger, "2.0.0")


def with_hostile_table() -> bytes:
    """An image of a careless vendor: signed, but its table points into itself."""
    content = bytearray(body())
    content[0x50] = 0x10  # the first word: offset 0x20
    return image.build(
        bytes(content), version=Version(2), counter=1, vid=VID, cid=CID, key=VENDOR.image
    )


def bad(content: bytes, **changes: Any) -> bytes:
    return make_bundle(content, make_manifest(content, **changes).sign(VENDOR.image))


def corrupted(at: int) -> bytes:
    """A bundle in order, whose image was changed before it was packed."""
    content = flipped(IMAGE, at)
    digest = sha256(content).digest()
    return make_bundle(content, make_manifest(IMAGE, blob_digest=digest).sign(VENDOR.image))


def test_good_bundle_is_taken_apart() -> None:
    taken = take_apart(release(VENDOR, "2.0.0"), trusted())
    assert len(taken.parts) == 1
    assert taken.parts[0].info == {"app": "webdemo", "board": "rev-a"}
    assert taken.contents == (IMAGE,)


REFUSED = {
    "not a bundle": (b"PK\3\4" * 40, MalformedError),
    "cut short": (make_bundle(IMAGE, SIGNED)[:-9], FormatError),
    "content changed": (flipped(make_bundle(IMAGE, SIGNED), -9), FormatError),
    "no manifest": (bundle.build([Entry(Kind.IMAGE, 0, IMAGE)]), MalformedError),
    "two manifests for one index": (
        bundle.build([Entry(Kind.MANIFEST, 0, SIGNED)] * 2 + [Entry(Kind.IMAGE, 0, IMAGE)]),
        MalformedError,
    ),
    "two parts of one identity": (
        bundle.build(
            [
                Entry(kind, index, content)
                for index in (0, 1)
                for kind, content in ((Kind.MANIFEST, SIGNED), (Kind.IMAGE, IMAGE))
            ]
        ),
        IdentityError,
    ),
    "unknown critical kind": (
        bundle.build([Entry(Kind.MANIFEST, 0, SIGNED), Entry(99, 0, b"x", critical=True)]),
        UnsupportedError,
    ),
    "manifest by a stranger": (
        make_bundle(IMAGE, make_manifest(IMAGE).sign(key("stranger"))),
        SignatureError,
    ),
    "manifest by the root": (
        make_bundle(IMAGE, make_manifest(IMAGE).sign(VENDOR.root)),
        SignatureError,
    ),
    "manifest by the server": (
        make_bundle(IMAGE, make_manifest(IMAGE).sign(VENDOR.server)),
        SignatureError,
    ),
    "manifest changed": (make_bundle(IMAGE, flipped(SIGNED, -1)), SignatureError),
    "manifest of another vendor": (bad(IMAGE, vid=b"x" * 16), SignatureError),
    "manifest of another product": (bad(IMAGE, cid=b"x" * 16), IdentityError),
    "image missing": (bundle.build([Entry(Kind.MANIFEST, 0, SIGNED)]), DigestError),
    "image of another part": (
        bundle.build([Entry(Kind.MANIFEST, 0, SIGNED), Entry(Kind.IMAGE, 1, IMAGE)]),
        DigestError,
    ),
    "wrong size": (bad(IMAGE, blob_size=len(IMAGE) + 1), DigestError),
    "wrong image digest": (bad(IMAGE, image_digest=b"x" * 32), DigestError),
    "wrong version": (
        bad(IMAGE, version=Version(9)),
        MalformedError,
    ),
    "wrong counter": (bad(IMAGE, counter=7), MalformedError),
    "image by a stranger": (bad(signed_by_stranger()), SignatureError),
    "image body changed": (corrupted(HEADER_BYTES_OURS + 3000), DigestError),
    "image header changed": (corrupted(100), DigestError),
    "image signature changed": (corrupted(-1), FormatError),
    "hostile relocation table": (bad(with_hostile_table()), RelocationError),
    "info is no JSON": (
        bundle.build(
            [
                Entry(Kind.MANIFEST, 0, SIGNED),
                Entry(Kind.IMAGE, 0, IMAGE),
                Entry(Kind.INFO, 0, b"{"),
            ]
        ),
        MalformedError,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(reason) as refused:
        take_apart(data, trusted())
    assert refused.value.message


def test_counter_below_the_floor() -> None:
    with pytest.raises(RollbackError):
        take_apart(release(VENDOR, "2.0.0"), trusted(Vendor(floors={CID: 2})))


def test_vendor_without_a_keyset() -> None:
    with pytest.raises(SignatureError) as refused:
        take_apart(release(VENDOR, "2.0.0"), {})
    assert "keyset" in (refused.value.hint or "")


def test_server_tells_the_reason_and_stores_nothing(server: ServerProcess) -> None:
    for data, _ in REFUSED.values():
        with pytest.raises(ServerError) as refused:
            server.client.send("/releases", [data], len(data))
        assert "Traceback" not in refused.value.message
    assert server.client.get("/releases") == []
    assert [p.name for p in (server.data / "blobs").iterdir()] == ["unfinished"]


def test_publishing_again_gives_the_same_release(server: ServerProcess) -> None:
    data = release(VENDOR, "2.0.0")
    first = server.client.send("/releases", [data], len(data))
    server.kill()
    server.start()
    assert server.client.send("/releases", [data], len(data)) == first


def test_same_version_with_another_image_is_refused(server: ServerProcess) -> None:
    first, second = release(VENDOR, "2.0.0"), release(VENDOR, "2.0.0", size=6000)
    server.client.send("/releases", [first], len(first))
    with pytest.raises(ServerError, match="already published with another image"):
        server.client.send("/releases", [second], len(second))


def test_release_is_rolled_out_once(server: ServerProcess) -> None:
    data = release(VENDOR, "2.0.0")
    server.client.send("/releases", [data], len(data))
    server.client.post("/rollouts", {"release": 1})
    with pytest.raises(ServerError, match="being rolled out already"):
        server.client.post("/rollouts", {"release": 1})
    server.client.post("/rollouts/1/abort")
    assert server.client.post("/rollouts", {"release": 1})["id"] == 2


def test_older_keyset_is_refused(server: ServerProcess) -> None:
    newer, older = Vendor(epoch=3).keyset(), Vendor(epoch=2).keyset()
    server.client.send("/keysets", [newer], len(newer))
    with pytest.raises(ServerError, match="epoch 3 is in use"):
        server.client.send("/keysets", [older], len(older))


def test_blob_is_served_after_a_kill(server: ServerProcess, make_device: DeviceMaker) -> None:
    data = release(VENDOR, "2.0.0")
    facts = server.client.send("/releases", [data], len(data))[0]
    server.kill()
    server.start()
    device = make_device()
    assert device.download(bytes.fromhex(facts["blob"]), facts["bytes"]) == IMAGE


def test_bundle_for_two_boards_makes_two_releases(server: ServerProcess) -> None:
    content = make_image(VENDOR, "2.0.0")
    other = image.build(
        body(seed=9),
        version=Version(2),
        counter=1,
        vid=VID,
        cid=b"other board here"[:16],
        key=VENDOR.image,
    )
    parts = [
        (content, make_manifest(content)),
        (other, make_manifest(other, cid=b"other board here")),
    ]
    entries = [
        Entry(kind, index, what)
        for index, (blob, found) in enumerate(parts)
        for kind, what in ((Kind.MANIFEST, found.sign(VENDOR.image)), (Kind.IMAGE, blob))
    ]
    data = bundle.build(entries)
    made = server.client.send("/releases", [data], len(data))
    assert [r["id"] for r in made] == [1, 2]
    assert made[0]["cid"] != made[1]["cid"]
