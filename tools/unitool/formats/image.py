# SPDX-License-Identifier: Apache-2.0
"""MCUboot image with our TLVs (FORMAT.md): parse strictly, build, digest. No policy."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from uuid import NAMESPACE_DNS, UUID, uuid5

from construct import Int8ul, Int16ul, Int32ul, Struct
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unitool.formats import cose, p256, relocation, tlv
from unitool.formats.reasons import (
    DigestError,
    MalformedError,
    SignatureError,
    TruncatedError,
    UnsupportedError,
)
from unitool.formats.tlv import Entry, Tlv
from unitool.formats.version import Version

MAGIC = 0x96F3B83D
HEADER_BYTES, HEADER_BYTES_OURS, HEADER_BYTES_MAX = 32, 0x200, 4096
BODY_BYTES_MIN = 48
ROM_FIXED = 0x100
BUILD_ID_BYTES = 20
_ED25519_SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")

_HEADER = Struct(
    "magic" / Int32ul,
    "load_addr" / Int32ul,
    "hdr_size" / Int16ul,
    "protect_tlv_size" / Int16ul,
    "img_size" / Int32ul,
    "flags" / Int32ul,
    "major" / Int8ul,
    "minor" / Int8ul,
    "revision" / Int16ul,
    "build" / Int32ul,
    "pad" / Int32ul,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that keeps every structural rule; its digest and signature are unverified."""

    version: Version
    load_addr: int
    flags: int
    header: bytes  # with its padding
    body: bytes
    protected: tuple[Entry, ...]
    plain: tuple[Entry, ...]
    protected_area: bytes
    vid: bytes
    cid: bytes
    counter: int
    digest: bytes  # as the TLV claims
    keyhash: bytes
    algorithm: int  # cose.ES256 or cose.EDDSA
    signature: bytes  # r‖s or Ed25519
    file_size: int

    @property
    def relocatable(self) -> bool:
        """Whether it runs from either slot."""
        return relocation.has_table(self.body)

    @property
    def rom_fixed(self) -> bool:
        """Whether it is bound to the slot at load_addr."""
        return bool(self.flags & ROM_FIXED)

    @property
    def build_id(self) -> bytes | None:
        """Return the 20 bytes, if the body says where."""
        if not self.relocatable:
            return None
        at = _build_id_offset(self.body)
        return self.body[at : at + BUILD_ID_BYTES]

    def computed_digest(self) -> bytes:
        """Return SHA-256 over header, body (it must be canonical) and protected area."""
        return sha256(self.header + self.body + self.protected_area).digest()

    def check_digest(self) -> None:
        """DigestError unless the content is what the digest says."""
        if self.computed_digest() != self.digest:
            raise DigestError("the image digest does not match the content")

    def check_signature(self, public: bytes) -> None:
        """SignatureError unless `public` (X‖Y or Ed25519) made the signature over the digest."""
        if keyhash(public) != self.keyhash:
            raise SignatureError(f"signed by another key (KEYHASH {self.keyhash[:8].hex()}…)")
        if self.algorithm == cose.ES256 and len(public) == 64:
            p256.verify_digest(public, self.digest, self.signature)
        elif self.algorithm == cose.EDDSA and len(public) == 32:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(self.signature, self.digest)
            except InvalidSignature:
                raise SignatureError("signature is wrong") from None
        else:
            raise SignatureError("the key is of another kind than the signature")


def vendor_id(vendor: str) -> bytes:
    """Return VID = uuid5(DNS, vendor)."""
    return uuid5(NAMESPACE_DNS, vendor).bytes


def class_id(vid: bytes, product: str, hw: str) -> bytes:
    """Return CID = uuid5(VID, product/hw)."""
    return uuid5(UUID(bytes=vid), f"{product}/{hw}").bytes


def keyhash(public: bytes) -> bytes:
    """Return SHA-256 of the key's SubjectPublicKeyInfo: TLV KEYHASH."""
    if len(public) == 32:
        return sha256(_ED25519_SPKI_HEAD + public).digest()
    return p256.keyhash(public)


def digest(data: bytes) -> bytes:
    """Return the image digest of a canonical file: computed, and equal to what the file claims."""
    image = parse(data)
    image.check_digest()
    return image.digest


def parse(data: bytes, *, exact: bool = True) -> Image:
    """Return the image in `data`; every structural rule is checked, no digest or signature.

    `exact`: the file ends with the last TLV; False for a slot, where anything may lie behind.
    """
    head = _parse_header(data)
    body_end = head.hdr_size + head.img_size
    protected, plain_at = tlv.parse_area(data, body_end, tlv.PROTECTED_MAGIC)
    if plain_at - body_end != head.protect_tlv_size:
        raise MalformedError("the protected TLV area is not as long as the header says")
    plain, end = tlv.parse_area(data, plain_at, tlv.PLAIN_MAGIC)
    if exact and end != len(data):
        raise MalformedError(f"{len(data) - end} bytes behind the last TLV")
    identity = tlv.check_protected(protected)
    proof = tlv.check_plain(plain)
    body = data[head.hdr_size : body_end]
    _check_body(body, bool(head.flags & ROM_FIXED))
    is_ed25519 = Tlv.ED25519 in proof
    return Image(
        version=Version(head.major, head.minor, head.revision, head.build),
        load_addr=head.load_addr,
        flags=head.flags,
        header=data[: head.hdr_size],
        body=body,
        protected=protected,
        plain=plain,
        protected_area=data[body_end:plain_at],
        vid=identity[Tlv.UUID_VID],
        cid=identity[Tlv.UUID_CID],
        counter=int.from_bytes(identity.get(Tlv.SEC_CNT, b""), "little"),
        digest=proof[Tlv.SHA256],
        keyhash=proof[Tlv.KEYHASH],
        algorithm=cose.EDDSA if is_ed25519 else cose.ES256,
        signature=proof[Tlv.ED25519] if is_ed25519 else p256.from_der(proof[Tlv.ECDSA]),
        file_size=end,
    )


def _parse_header(data: bytes) -> Struct:
    if len(data) < HEADER_BYTES:
        raise TruncatedError(f"{len(data)} bytes are too short for an image header")
    head = _HEADER.parse(data)
    if head.magic != MAGIC:
        raise MalformedError(f"no image: magic {head.magic:#010x} instead of {MAGIC:#010x}")
    if not HEADER_BYTES <= head.hdr_size <= HEADER_BYTES_MAX or head.hdr_size % 4:
        raise MalformedError(f"image header of {head.hdr_size} bytes")
    if head.flags & ~ROM_FIXED:
        raise UnsupportedError(f"image flags {head.flags:#x}; only ROM_FIXED is supported")
    if head.pad != 0:
        raise MalformedError("the image header's last word is not zero")
    if head.load_addr and not head.flags & ROM_FIXED:
        raise MalformedError("a load address without ROM_FIXED")
    if head.img_size < BODY_BYTES_MIN:
        raise MalformedError(f"a body of {head.img_size} bytes, at least {BODY_BYTES_MIN}")
    if head.hdr_size > len(data) or head.img_size > len(data) - head.hdr_size:
        raise TruncatedError("the image is cut short: its body ends behind the file")
    return head


def _build_id_offset(body: bytes) -> int:
    at = relocation.BUILD_ID_POINTER_OFFSET
    return int.from_bytes(body[at : at + 4], "little")


def _check_body(body: bytes, rom_fixed: bool) -> None:
    """Check what the body says about itself, except for the content of the relocation table."""
    if not relocation.has_table(body):
        return
    if rom_fixed:
        raise MalformedError("ROM_FIXED, and yet a relocation table")
    relocation.offset_of(body)
    at = _build_id_offset(body)
    if at > len(body) or len(body) - at < BUILD_ID_BYTES:
        raise MalformedError("the build id lies outside the body")


def build(  # noqa: PLR0913 - by name only, each a field of the header or a TLV
    body: bytes,
    *,
    version: Version,
    counter: int,
    vid: bytes,
    cid: bytes,
    key: cose.SigningKey,
    rom_fixed: int | None = None,
    header_bytes: int = HEADER_BYTES_OURS,
) -> bytes:
    """Return the signed file. `rom_fixed`: address of the slot that a slot-bound image is for."""
    protected = [
        Entry(Tlv.SEC_CNT, counter.to_bytes(4, "little")),
        Entry(Tlv.UUID_VID, vid),
        Entry(Tlv.UUID_CID, cid),
    ]
    area = tlv.build_area(protected, tlv.PROTECTED_MAGIC)
    fields = {
        "magic": MAGIC,
        "load_addr": rom_fixed or 0,
        "hdr_size": header_bytes,
        "protect_tlv_size": len(area),
        "img_size": len(body),
        "flags": 0 if rom_fixed is None else ROM_FIXED,
        "major": version.major,
        "minor": version.minor,
        "revision": version.revision,
        "build": version.build,
        "pad": 0,
    }
    header = bytes(_HEADER.build(fields)).ljust(header_bytes, b"\0")
    covered = header + body + area
    data = covered + tlv.build_area(proof(sha256(covered).digest(), key), tlv.PLAIN_MAGIC)
    parse(data)
    return data


def proof(image_digest: bytes, key: cose.SigningKey) -> list[Entry]:
    """Return the plain area's entries: digest, key hash, signature."""
    head = [Entry(Tlv.SHA256, image_digest), Entry(Tlv.KEYHASH, keyhash(cose.public_of(key)))]
    if isinstance(key, Ed25519PrivateKey):
        return [*head, Entry(Tlv.ED25519, key.sign(image_digest))]
    return [*head, Entry(Tlv.ECDSA, p256.to_der(p256.sign_digest(key, image_digest)))]
