# SPDX-License-Identifier: Apache-2.0
"""Manifests: what an offer consists of and what it may follow. Signed by an image key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from unitool.formats import cbor, cose, p256
from unitool.formats.reasons import MalformedError, SignatureError, UnsupportedError
from unitool.formats.version import Version

COMPONENTS_MAX = 8
RANGES_MAX = 8
NAME_BYTES_MAX = 128


class Kind(IntEnum):
    """What a component is."""

    APP = 0
    BOOT = 1
    PAYLOAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One blob of the release."""

    component: int = 0
    kind: Kind = Kind.APP
    version: Version
    counter: int
    image_digest: bytes
    blob_digest: bytes
    blob_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an image key states about a release for one identity."""

    vid: bytes
    cid: bytes
    components: tuple[Component, ...]
    follows: tuple[tuple[Version, Version], ...] | None = None  # of component 0; None = any
    boot_min: int | None = None
    agent_min: int | None = None
    settings_schema: int | None = None
    name: str | None = None

    @property
    def app(self) -> Component:
        """Return component 0."""
        return next(c for c in self.components if c.component == 0)

    def may_follow(self, version: Version) -> bool:
        """Whether a device that runs `version` may take this."""
        return self.follows is None or any(low <= version <= high for low, high in self.follows)

    def encode(self) -> bytes:
        """Return the payload."""
        items: dict[int, cbor.Item] = {
            1: self.vid,
            2: self.cid,
            3: [_encode_component(c) for c in self.components],
        }
        if self.follows is not None:
            items[4] = [[list(low.numbers), list(high.numbers)] for low, high in self.follows]
        optional = {5: self.boot_min, 6: self.agent_min, 7: self.settings_schema, 64: self.name}
        items.update({key: value for key, value in optional.items() if value is not None})
        return cbor.encode(items)

    def sign(self, key: cose.SigningKey) -> bytes:
        """Return the manifest as a COSE_Sign1."""
        payload = self.encode()
        decode(payload)
        return cose.sign1(cose.Type.MANIFEST, payload, key)


def _encode_component(c: Component) -> cbor.Item:
    return {
        1: c.component,
        2: int(c.kind),
        3: list(c.version.numbers),
        4: c.counter,
        5: c.image_digest,
        6: c.blob_digest,
        7: c.blob_size,
    }


def decode(payload: bytes) -> Manifest:
    """Read a payload; every rule of docs/protocol.md is checked."""
    fields = cbor.Fields(cbor.decode(payload), "manifest")
    manifest = Manifest(
        vid=fields.take(1, cbor.bstr(16)),
        cid=fields.take(2, cbor.bstr(16)),
        components=fields.take(3, cbor.array(_component, 1, COMPONENTS_MAX)),
        follows=fields.maybe(4, cbor.array(_range, 1, RANGES_MAX)),
        boot_min=fields.maybe(5, cbor.uint),
        agent_min=fields.maybe(6, cbor.uint),
        settings_schema=fields.maybe(7, cbor.uint),
        name=fields.maybe(64, cbor.text(NAME_BYTES_MAX)),
    )
    fields.done()
    numbers = [c.component for c in manifest.components]
    if numbers != sorted(set(numbers)) or numbers[0] != 0:
        raise MalformedError("manifest: components do not start at 0, or are not increasing")
    return manifest


def _component(item: cbor.Item, what: str) -> Component:
    fields = cbor.Fields(item, what)
    component = Component(
        component=fields.take(1, cbor.uint8),
        kind=fields.take(2, _kind),
        version=fields.take(3, version_item),
        counter=fields.take(4, cbor.uint),
        image_digest=fields.take(5, cbor.bstr(32)),
        blob_digest=fields.take(6, cbor.bstr(32)),
        blob_size=fields.take(7, cbor.uint),
    )
    fields.done()
    return component


def _kind(item: cbor.Item, what: str) -> Kind:
    if not isinstance(item, int) or item not in set(Kind):
        raise UnsupportedError(f"{what}: kind {item!r}")
    return Kind(item)


def version_item(item: cbor.Item, what: str) -> Version:
    """Read a version from an array of four numbers."""
    return Version(*cbor.array(cbor.uint, 4, 4)(item, what))


def _range(item: cbor.Item, what: str) -> tuple[Version, Version]:
    low, high = cbor.array(version_item, 2, 2)(item, what)
    if low > high:
        raise MalformedError(f"{what}: {low} is above {high}")
    return low, high


def verify(signed: bytes, image_keys: Iterable[bytes]) -> Manifest:
    """Return the manifest; SignatureError unless one of the keys signed it."""
    envelope = cose.parse_sign1(signed, cose.Type.MANIFEST)
    for key in image_keys:
        if p256.kid(key) == envelope.kid:
            envelope.verify(key)
            return decode(envelope.payload)
    raise SignatureError(f"manifest signed by an unknown key (kid {envelope.kid.hex()})")


def peek(signed: bytes) -> Manifest:
    """Return what a manifest says without checking who signed it: for inspect, never for trust."""
    return decode(cose.parse_sign1(signed, cose.Type.MANIFEST).payload)
