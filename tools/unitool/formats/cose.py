# SPDX-License-Identifier: Apache-2.0
"""COSE_Sign1 and COSE_Mac0 (RFC 9052) with the one header form of docs/protocol.md."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from unitool.formats import cbor, p256
from unitool.formats.reasons import (
    AuthError,
    MalformedError,
    SignatureError,
    TooLargeError,
    UnsupportedError,
)

ES256, EDDSA, HMAC_256 = -7, -8, 5
VERSION_LABEL = -65537
VERSION = 1
STATEMENT_BYTES_MAX = 1024
MESSAGE_BYTES_MAX = 2048

SigningKey = p256.PrivateKey | Ed25519PrivateKey


class Type(IntEnum):
    """What a statement or message is: header `typ`."""

    POLL = 65001
    ANSWER = 65002
    KEYSET = 65003
    MANIFEST = 65004
    ENROL = 65005


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed COSE_Sign1 or COSE_Mac0; not to be trusted before `verify` or `check`."""

    alg: int
    kid: bytes
    typ: Type
    protected: bytes
    payload: bytes
    tag: bytes  # signature r‖s or MAC

    def verify(self, public: bytes) -> None:
        """SignatureError unless `public` (X‖Y or Ed25519) signed this."""
        signed = cbor.encode(["Signature1", self.protected, b"", self.payload])
        if self.kid != p256.kid(public):
            raise SignatureError(f"signed by another key (kid {self.kid.hex()})")
        if self.alg == ES256 and len(public) == 64:
            p256.verify_digest(public, sha256(signed).digest(), self.tag)
        elif self.alg == EDDSA and len(public) == 32:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(self.tag, signed)
            except InvalidSignature:
                raise SignatureError("signature is wrong") from None
        else:
            raise SignatureError("the key is of another kind than the signature")

    def check(self, key: bytes, external_aad: bytes = b"") -> None:
        """AuthError unless the MAC was made with `key` over this and `external_aad`."""
        expected = mac(key, self.protected, external_aad, self.payload)
        if not hmac.compare_digest(expected, self.tag):
            raise AuthError("the MAC is wrong")


def protected_header(alg: int, kid: bytes, typ: int) -> bytes:
    """Return the encoded protected header."""
    return cbor.encode({1: alg, 2: [VERSION_LABEL], 4: kid, 16: int(typ), VERSION_LABEL: VERSION})


def mac(key: bytes, protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Return HMAC-SHA-256 over the MAC_structure."""
    covered = cbor.encode(["MAC0", protected, external_aad, payload])
    return hmac.digest(key, covered, "sha256")


def public_of(key: SigningKey) -> bytes:
    """Return X‖Y or the Ed25519 public key."""
    if isinstance(key, Ed25519PrivateKey):
        return key.public_key().public_bytes_raw()
    return p256.public(key)


def sign1(typ: Type, payload: bytes, key: SigningKey) -> bytes:
    """Return a COSE_Sign1 of `payload`; TooLargeError above 1,024 bytes."""
    ed = isinstance(key, Ed25519PrivateKey)
    protected = protected_header(EDDSA if ed else ES256, p256.kid(public_of(key)), typ)
    signed = cbor.encode(["Signature1", protected, b"", payload])
    if isinstance(key, Ed25519PrivateKey):
        signature = key.sign(signed)
    else:
        signature = p256.sign_digest(key, sha256(signed).digest())
    out = cbor.encode([protected, {}, payload, signature])
    if len(out) > STATEMENT_BYTES_MAX:
        raise TooLargeError(
            f"{typ.name.lower()} of {len(out)} bytes, at most {STATEMENT_BYTES_MAX}",
            "version ranges, floors, names and URLs take its bytes: give fewer, or shorter ones",
        )
    return out


def mac0(typ: Type, kid: bytes, key: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """Return a COSE_Mac0 of `payload`; its last 32 bytes are the tag."""
    protected = protected_header(HMAC_256, kid, typ)
    tag = mac(key, protected, external_aad, payload)
    out = cbor.encode([protected, {}, payload, tag])
    if len(out) > MESSAGE_BYTES_MAX:
        raise TooLargeError(f"{typ.name.lower()} of {len(out)} bytes, at most {MESSAGE_BYTES_MAX}")
    return out


def parse_sign1(data: bytes, typ: Type) -> Envelope:
    """Return the statement in `data`, unverified."""
    return _parse(data, typ, STATEMENT_BYTES_MAX, {ES256: 64, EDDSA: 64})


def parse_mac0(data: bytes, typ: Type) -> Envelope:
    """Return the message in `data`, unchecked."""
    return _parse(data, typ, MESSAGE_BYTES_MAX, {HMAC_256: 32})


def _parse(data: bytes, typ: Type, limit: int, algorithms: dict[int, int]) -> Envelope:
    what = typ.name.lower()
    if len(data) > limit:
        raise TooLargeError(f"{what} of {len(data)} bytes, at most {limit}")
    if data[:1] != b"\x84":
        raise MalformedError(f"{what} is not a COSE array of four, without a tag")
    outer = cbor.decode(data)
    if not isinstance(outer, list) or len(outer) != 4:
        raise MalformedError(f"{what} is not a COSE array of four")
    protected, unprotected, payload, tag = outer
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(tag, bytes)):
        raise MalformedError(f"{what}: header, payload or signature is not a byte string")
    if unprotected != {}:
        raise MalformedError(f"{what}: the unprotected header is not the empty map")
    alg, kid, found = _header(protected, what)
    if alg not in algorithms:
        raise UnsupportedError(f"{what}: algorithm {alg}")
    if found != typ:
        raise MalformedError(f"{what}: the header says type {found}")
    if len(tag) != algorithms[alg]:
        raise MalformedError(f"{what}: signature or MAC of {len(tag)} bytes")
    return Envelope(alg, kid, typ, protected, payload, tag)


def _header(protected: bytes, what: str) -> tuple[int, bytes, int]:
    header = cbor.decode(protected)
    if not isinstance(header, dict) or set(header) != {1, 2, 4, 16, VERSION_LABEL}:
        raise MalformedError(f"{what}: the protected header has other than the five labels")
    alg, kid, typ = header[1], header[4], header[16]
    if header[2] != [VERSION_LABEL]:
        raise UnsupportedError(f"{what}: critical headers {header[2]!r}")
    if header[VERSION_LABEL] != VERSION:
        raise UnsupportedError(f"{what}: format version {header[VERSION_LABEL]!r}")
    if not isinstance(alg, int) or not isinstance(typ, int):
        raise MalformedError(f"{what}: algorithm or type is not an integer")
    if not isinstance(kid, bytes) or len(kid) != 8:
        raise MalformedError(f"{what}: the key id is not 8 bytes")
    return alg, kid, typ
