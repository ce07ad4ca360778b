# SPDX-License-Identifier: Apache-2.0
"""P-256 in the forms that our formats use: X‖Y, raw r‖s, strict DER, SubjectPublicKeyInfo, ids."""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from unitool.formats.reasons import MalformedError, SignatureError

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_NONCE = True  # RFC 6979: the same input gives the same signature, and no nonce can leak the key

PrivateKey = ec.EllipticCurvePrivateKey


def private_key(scalar: bytes) -> PrivateKey:
    """Return the key of a 32-byte big-endian scalar."""
    value = int.from_bytes(scalar, "big")
    if len(scalar) != 32 or not 0 < value < ORDER:
        raise MalformedError("P-256 private key out of range")
    return ec.derive_private_key(value, ec.SECP256R1())


def scalar(key: PrivateKey) -> bytes:
    """Return the private scalar, 32 bytes big-endian."""
    return key.private_numbers().private_value.to_bytes(32, "big")


def public(key: PrivateKey | ec.EllipticCurvePublicKey) -> bytes:
    """Return X‖Y, 64 bytes."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        key = key.public_key()
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def public_key(xy: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key object of X‖Y; MalformedError if it is no point of the curve."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + xy)
    except ValueError:
        raise MalformedError("not a public key on P-256") from None


def keyhash(xy: bytes) -> bytes:
    """Return SHA-256 of the SubjectPublicKeyInfo: TLV KEYHASH."""
    return sha256(_SPKI_HEAD + xy).digest()


def kid(xy: bytes) -> bytes:
    """Return the 8 bytes that name a key in COSE headers."""
    return sha256(xy).digest()[:8]


def device_id(xy: bytes) -> bytes:
    """Return the 16 bytes that name a device."""
    return sha256(xy).digest()[:16]


def ecdh(key: PrivateKey, xy: bytes) -> bytes:
    """Return the 32-byte x coordinate that both sides share."""
    return key.exchange(ec.ECDH(), public_key(xy))


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """Return r‖s over a SHA-256 digest, with an RFC 6979 nonce."""
    algorithm = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=_NONCE)
    r, s = decode_dss_signature(key.sign(digest, algorithm))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify_digest(xy: bytes, digest: bytes, signature: bytes) -> None:
    """SignatureError unless r‖s over `digest` was made by the key X‖Y."""
    if len(signature) != 64:
        raise SignatureError(f"signature of {len(signature)} bytes instead of 64")
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    try:
        public_key(xy).verify(
            encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256()))
        )
    except InvalidSignature:
        raise SignatureError("signature is wrong") from None


def to_der(signature: bytes) -> bytes:
    """Return r‖s as DER."""
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    return encode_dss_signature(r, s)


def from_der(der: bytes) -> bytes:
    """Return r‖s of a strict DER signature: minimal integers in 1..n-1, nothing behind."""
    if len(der) < 8 or len(der) > 72 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise MalformedError("signature is not DER of two integers")
    r, at = _integer(der, 2)
    s, at = _integer(der, at)
    if at != len(der):
        raise MalformedError("bytes behind the DER signature")
    return r + s


def _integer(der: bytes, at: int) -> tuple[bytes, int]:
    if len(der) - at < 3 or der[at] != 0x02:
        raise MalformedError("signature is not DER of two integers")
    size = der[at + 1]
    content = der[at + 2 : at + 2 + size]
    if not 1 <= size <= 33 or len(content) != size:
        raise MalformedError("integer of the DER signature is cut short or too long")
    if content[0] & 0x80 or (size > 1 and content[0] == 0 and not content[1] & 0x80):
        raise MalformedError("integer of the DER signature is negative or not minimal")
    value = int.from_bytes(content, "big")
    if not 0 < value < ORDER:
        raise MalformedError("integer of the DER signature out of range")
    return value.to_bytes(32, "big"), at + 2 + size
