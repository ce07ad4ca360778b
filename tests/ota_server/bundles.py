# SPDX-License-Identifier: Apache-2.0
"""A vendor with keys who makes releases; the images hold nothing that could run."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from unitool.formats import bundle, image, keyset, p256, relocation
from unitool.formats.bundle import Entry, Kind
from unitool.formats.manifest import Component, Manifest
from unitool.formats.version import Version

VID = image.vendor_id("example.com")
CID = image.class_id(VID, "webdemo", "rev-a")


def key(name: str) -> p256.PrivateKey:
    """The key that a name stands for."""
    return p256.private_key(sha256(name.encode()).digest())


@dataclass
class Vendor:
    """Keys by name, and the keyset that they make."""

    floors: dict[bytes, int] = field(default_factory=dict)
    epoch: int = 1

    def __post_init__(self) -> None:
        self.root, self.image, self.server = key("root"), key("image"), key("server")
        self.image_public = p256.public(self.image)
        self.server_public = p256.public(self.server)

    def keyset(self) -> bytes:
        """The signed keyset."""
        keys = (
            keyset.Key(role=keyset.Role.IMAGE, key=self.image_public),
            keyset.Key(role=keyset.Role.SERVER, key=self.server_public),
        )
        found = keyset.Keyset(
            vid=VID, fleet=bytes(16), epoch=self.epoch, keys=keys, floors=self.floors
        )
        return found.sign(self.root)

    def write_keys(self, folder: Path) -> Path:
        """What the server needs, as keygen leaves it."""
        folder.mkdir(parents=True, exist_ok=True)
        pem = self.server.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / "server.pem").write_bytes(pem)
        (folder / "keyset.cose").write_bytes(self.keyset())
        return folder


def body(size: int = 5000, seed: int = 1) -> bytes:
    """Bytes with a relocation table of one word, as an image's body."""
    content = bytearray(random.Random(seed).randbytes(size))
    table = relocation.encode(relocation.Table(granule=4, base=0x1000, plus=(256,), minus=()))
    content[0x20:0x24] = b"RLOC"
    content[0x24:0x28] = (0x40).to_bytes(4, "little")
    content[0x28:0x2C] = (0x80).to_bytes(4, "little")
    content[0x40:0x80] = table.ljust(0x40, b"\0")
    return bytes(content)


def make_image(vendor: Vendor, version: str, *, counter: int = 1, size: int = 5000) -> bytes:
    """A signed image; each version has another body."""
    return image.build(
        body(size, seed=sum(version.encode())),
        version=Version.parse(version),
        counter=counter,
        vid=VID,
        cid=CID,
        key=vendor.image,
    )


def make_manifest(content: bytes, **changes: Any) -> Manifest:
    """The manifest that describes an image truly, but for `changes`."""
    parsed = image.parse(content)
    facts: dict[str, Any] = {
        "version": parsed.version,
        "counter": parsed.counter,
        "image_digest": parsed.digest,
        "blob_digest": sha256(content).digest(),
        "blob_size": len(content),
    }
    facts |= {k: v for k, v in changes.items() if k in facts}
    rest = {k: v for k, v in changes.items() if k not in facts}
    whole: dict[str, Any] = {
        "vid": VID,
        "cid": CID,
        "components": (Component(**facts),),
        "name": "webdemo",
    }
    return Manifest(**(whole | rest))


def make_bundle(content: bytes, signed: bytes) -> bytes:
    """A bundle of one manifest and one image."""
    info = json.dumps({"app": "webdemo", "board": "rev-a"}).encode()
    return bundle.build(
        [
            Entry(Kind.MANIFEST, 0, signed),
            Entry(Kind.IMAGE, 0, content),
            Entry(Kind.INFO, 0, info),
        ]
    )


def release(vendor: Vendor, version: str, *, size: int = 5000, **changes: Any) -> bytes:
    """A bundle that the server takes."""
    content = make_image(vendor, version, size=size)
    return make_bundle(content, make_manifest(content, **changes).sign(vendor.image))
