# SPDX-License-Identifier: Apache-2.0
"""Keysets: image keys, server keys and floors, signed by a root key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from unitool.formats import cbor, cose, image
from unitool.formats.reasons import MalformedError, SignatureError

KEYS_MAX = 8
URL_BYTES_MAX = 128


class Role(IntEnum):
    """What a key may do."""

    IMAGE = 1
    IMAGE_DEV = 2  # only on devices with the development flag
    SERVER = 3


_KEY_BYTES = {cose.ES256: 64, cose.EDDSA: 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a keyset."""

    role: Role
    key: bytes  # X‖Y or Ed25519
    alg: int = cose.ES256
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """What a root key states."""

    vid: bytes
    fleet: bytes
    epoch: int
    keys: tuple[Key, ...]
    floors: Mapping[bytes, int] = field(default_factory=dict)  # CID to counter

    def encode(self) -> bytes:
        """Return the payload."""
        keys = []
        for key in self.keys:
            item: dict[int, cbor.Item] = {1: int(key.role), 2: key.alg, 3: key.key}
            if key.url is not None:
                item[4] = key.url
            keys.append(item)
        return cbor.encode(
            {1: self.vid, 2: self.fleet, 3: self.epoch, 4: keys, 5: dict(self.floors)}
        )

    def sign(self, root: cose.SigningKey) -> bytes:
        """Return the keyset as a COSE_Sign1."""
        payload = self.encode()
        decode(payload)
        return cose.sign1(cose.Type.KEYSET, payload, root)

    def image_keys(self, development: bool = False) -> list[bytes]:
        """Return the public keys that may sign images and manifests."""
        roles = {Role.IMAGE, Role.IMAGE_DEV} if development else {Role.IMAGE}
        return [key.key for key in self.keys if key.role in roles]

    def find_image_key(self, keyhash: bytes, development: bool = False) -> bytes:
        """Return the image key with this KEYHASH; SignatureError if it has none."""
        for key in self.image_keys(development):
            if image.keyhash(key) == keyhash:
                return key
        raise SignatureError(f"no image key of the keyset has KEYHASH {keyhash[:8].hex()}…")

    @property
    def server_key(self) -> Key | None:
        """Return the first server key."""
        return next((key for key in self.keys if key.role == Role.SERVER), None)

    def floor(self, cid: bytes) -> int:
        """Return the lowest counter for a CID; 0 if the keyset names none."""
        return self.floors.get(cid, 0)


def decode(payload: bytes) -> Keyset:
    """Read a payload; every rule of docs/protocol.md is checked."""
    fields = cbor.Fields(cbor.decode(payload), "keyset")
    keyset = Keyset(
        vid=fields.take(1, cbor.bstr(16)),
        fleet=fields.take(2, cbor.bstr(16)),
        epoch=fields.take(3, cbor.uint),
        keys=tuple(key for key in fields.take(4, cbor.array(_key, 1, KEYS_MAX)) if key),
        floors=fields.take(5, _floors),
    )
    fields.done()
    if keyset.epoch == 0:
        raise MalformedError("keyset: epoch 0")
    return keyset


def _key(item: cbor.Item, what: str) -> Key | None:
    """Read a key; None if its role or algorithm is not known here: others may use it."""
    fields = cbor.Fields(item, what)
    role = fields.take(1, cbor.uint)
    alg = fields.take(2, _alg)
    known = role in set(Role) and alg in _KEY_BYTES
    key = fields.take(3, cbor.bstr(_KEY_BYTES[alg]) if known else _any_key)
    url = fields.maybe(4, cbor.text(URL_BYTES_MAX))
    fields.done()
    return Key(role=Role(role), alg=alg, key=key, url=url) if known else None


def _alg(item: cbor.Item, what: str) -> int:
    if not isinstance(item, int) or isinstance(item, bool):
        raise MalformedError(f"{what} is not a number")
    return item


def _any_key(item: cbor.Item, what: str) -> bytes:
    if not isinstance(item, bytes):
        raise MalformedError(f"{what} is not a byte string")
    return item


def _floors(item: cbor.Item, what: str) -> dict[bytes, int]:
    if not isinstance(item, dict):
        raise MalformedError(f"{what} is not a map")
    read_cid = cbor.bstr(16)
    return {read_cid(cid, what): cbor.uint(counter, what) for cid, counter in item.items()}


@dataclass(frozen=True, slots=True)
class Verified:
    """A keyset whose signature was checked, and by which root."""

    keyset: Keyset
    by_spare: bool
    signed: bytes

    @property
    def rank(self) -> tuple[bool, int]:
        """Any keyset by the spare root outranks all by the primary; then the epoch counts."""
        return self.by_spare, self.keyset.epoch


def verify(signed: bytes, root: bytes, spare: bytes | None = None) -> Verified:
    """Return the keyset; SignatureError unless one of the roots signed it."""
    envelope = cose.parse_sign1(signed, cose.Type.KEYSET)
    try:
        envelope.verify(root)
        by_spare = False
    except SignatureError:
        if spare is None:
            raise
        envelope.verify(spare)
        by_spare = True
    return Verified(decode(envelope.payload), by_spare, signed)


def peek(signed: bytes) -> Keyset:
    """Return what a keyset says without checking who signed it: for inspect, never for trust."""
    return decode(cose.parse_sign1(signed, cose.Type.KEYSET).payload)
