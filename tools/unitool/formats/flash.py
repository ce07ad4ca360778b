# SPDX-License-Identifier: Apache-2.0
"""What the tool writes once into flash (docs/flash.md): boot_params, identity, trust copies."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

from construct import Bytes, Const, ConstructError, Int16ul, Int32ul, Padding, Struct

from unitool.formats import p256
from unitool.formats.cose import STATEMENT_BYTES_MAX
from unitool.formats.keyset import URL_BYTES_MAX
from unitool.formats.reasons import MalformedError, NotFoundError, TooLargeError, UnsupportedError

PARAMS_MAGIC, IDENTITY_MAGIC, TRUST_MAGIC = 0x50425455, 0x44495455, 0x52545455
VERSION = 1
PARAMS_BYTES, PARAMS_ALIGNMENT = 1280, 16
IDENTITY_BYTES = 512
KEYSET_BYTES_MAX = STATEMENT_BYTES_MAX
TRUST_BYTES_MAX = 8 + KEYSET_BYTES_MAX + 4  # with head and CRC
NO_TOKEN = bytes(16)

_PARAMS = Struct(
    "magic" / Const(PARAMS_MAGIC, Int32ul),
    "version" / Const(VERSION, Int16ul),
    "size" / Const(PARAMS_BYTES, Int16ul),
    "policy" / Int32ul,
    "floor" / Int32ul,
    "vid" / Bytes(16),
    "cid" / Bytes(16),
    "fleet" / Bytes(16),
    "root" / Bytes(64),
    "spare" / Bytes(64),
    "keyset_size" / Int16ul,
    Padding(2),
    "keyset" / Bytes(KEYSET_BYTES_MAX),
    Padding(56),
    "crc" / Int32ul,
)
_PARAMS_HEAD = struct.pack("<IHH", PARAMS_MAGIC, VERSION, PARAMS_BYTES)
_IDENTITY = Struct(
    "magic" / Const(IDENTITY_MAGIC, Int32ul),
    "version" / Const(VERSION, Int16ul),
    "size" / Const(IDENTITY_BYTES, Int16ul),
    "flags" / Int32ul,
    "private" / Bytes(32),
    "public" / Bytes(64),
    "seed" / Bytes(32),
    "token" / Bytes(16),
    "url_size" / Int16ul,
    "url" / Bytes(URL_BYTES_MAX),
    Padding(222),
    "crc" / Int32ul,
)
_IDENTITY_HEAD = struct.pack("<IHH", IDENTITY_MAGIC, VERSION, IDENTITY_BYTES)
_TRUST_HEAD = Struct(
    "magic" / Const(TRUST_MAGIC, Int32ul), "version" / Const(VERSION, Int16ul), "size" / Int16ul
)


class Policy(IntEnum):
    """When the bootloader verifies an image in full."""

    ALWAYS = 0
    INSTALL = 1


def _seal(data: bytes) -> bytes:
    """Replace the last four bytes by the CRC-32 of those before."""
    return data[:-4] + struct.pack("<I", crc32(data[:-4]))


def _is_sealed(data: bytes) -> bool:
    return data[-4:] == struct.pack("<I", crc32(data[:-4]))


def _parse(form: Struct, magic: int, data: bytes, what: str) -> Struct:
    """Read a sealed block; what a later version may put into zeros is not looked at."""
    size: int = form.sizeof()
    if len(data) < size or data[:4] != struct.pack("<I", magic):
        raise MalformedError(f"{what}: none is there")
    if data[4:8] != struct.pack("<HH", VERSION, size):
        raise UnsupportedError(f"{what}: another version or size")
    if not _is_sealed(data[:size]):
        raise MalformedError(f"{what}: wrong CRC, or never filled in")
    return form.parse(data[:size])


@dataclass(frozen=True, slots=True, kw_only=True)
class BootParams:
    """What makes a bootloader one product's."""

    policy: Policy = Policy.ALWAYS
    floor: int = 0
    vid: bytes
    cid: bytes
    fleet: bytes
    root: bytes  # X‖Y
    spare: bytes  # X‖Y
    keyset: bytes  # COSE_Sign1

    def encode(self) -> bytes:
        """Return the 1,280 bytes."""
        if len(self.keyset) > KEYSET_BYTES_MAX:
            raise TooLargeError(f"keyset of {len(self.keyset)} bytes, at most {KEYSET_BYTES_MAX}")
        fields = {
            "policy": int(self.policy),
            "floor": self.floor,
            "vid": self.vid,
            "cid": self.cid,
            "fleet": self.fleet,
            "root": self.root,
            "spare": self.spare,
            "keyset_size": len(self.keyset),
            "keyset": self.keyset.ljust(KEYSET_BYTES_MAX, b"\0"),
            "crc": 0,
        }
        return _seal(_PARAMS.build(fields))

    @classmethod
    def decode(cls, data: bytes) -> BootParams:
        """Read a block; MalformedError also if nobody filled it."""
        p = _parse(_PARAMS, PARAMS_MAGIC, data, "boot_params")
        if p.keyset_size > KEYSET_BYTES_MAX:
            raise MalformedError(f"boot_params: keyset of {p.keyset_size} bytes")
        return cls(
            policy=Policy(p.policy & Policy.INSTALL),
            floor=p.floor,
            vid=p.vid,
            cid=p.cid,
            fleet=p.fleet,
            root=p.root,
            spare=p.spare,
            keyset=p.keyset[: p.keyset_size],
        )


UNFILLED_PARAMS = _PARAMS_HEAD.ljust(PARAMS_BYTES, b"\0")


def find_boot_params(boot: bytes) -> int:
    """Return the offset of the one block in a bootloader, filled or not."""
    found = []
    at = boot.find(_PARAMS_HEAD)
    while at >= 0:
        block = boot[at : at + PARAMS_BYTES]
        is_ours = block == UNFILLED_PARAMS or (len(block) == PARAMS_BYTES and _is_sealed(block))
        if at % PARAMS_ALIGNMENT == 0 and is_ours:
            found.append(at)
        at = boot.find(_PARAMS_HEAD, at + 1)
    if len(found) != 1:
        raise MalformedError(
            f"{len(found)} blocks of boot_params in the bootloader, not one",
            "unitool provision builds the bootloader and fills its block in",
        )
    return found[0]


def fill_boot_params(boot: bytes, params: BootParams) -> bytes:
    """Return the bootloader with its block filled."""
    at = find_boot_params(boot)
    return boot[:at] + params.encode() + boot[at + PARAMS_BYTES :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a device is."""

    private: bytes  # scalar; zeros if the device makes its key
    public: bytes  # X‖Y; zeros likewise
    seed: bytes
    url: str
    token: bytes = NO_TOKEN
    development: bool = False

    @property
    def makes_key(self) -> bool:
        """Whether the device is to make its own key."""
        return self.private == bytes(32)

    @property
    def device_id(self) -> bytes:
        """Return the 16 bytes that name the device."""
        return p256.device_id(self.public)

    def encode(self) -> bytes:
        """Return the record of 512 bytes."""
        if not self.url.isascii():
            raise MalformedError(
                f"server URL {self.url!r} is not ASCII", "write its host name in Punycode: xn--…"
            )
        url = self.url.encode()
        if len(url) > URL_BYTES_MAX:
            raise TooLargeError(
                f"server URL of {len(url)} bytes, at most {URL_BYTES_MAX}",
                "give a shorter one: unitool provision --server URL",
            )
        fields = {
            "flags": self.development | self.makes_key << 1,
            "private": self.private,
            "public": self.public,
            "seed": self.seed,
            "token": self.token,
            "url_size": len(url),
            "url": url.ljust(URL_BYTES_MAX, b"\0"),
            "crc": 0,
        }
        return _seal(_IDENTITY.build(fields))

    @classmethod
    def decode(cls, data: bytes) -> Identity:
        """Read one record."""
        i = _parse(_IDENTITY, IDENTITY_MAGIC, data, "identity")
        if i.url_size > URL_BYTES_MAX:
            raise MalformedError(f"identity: URL of {i.url_size} bytes")
        try:
            url = i.url[: i.url_size].decode("ascii")
        except UnicodeDecodeError:
            raise MalformedError("identity: the URL is not ASCII") from None
        return cls(
            private=i.private,
            public=i.public,
            seed=i.seed,
            url=url,
            token=i.token,
            development=bool(i.flags & 1),
        )


def read_identity(area: bytes) -> Identity:
    """Return the last good record of the identity area."""
    for at in reversed(range(0, len(area) - IDENTITY_BYTES + 1, IDENTITY_BYTES)):
        record = area[at : at + IDENTITY_BYTES]
        if record[:8] == _IDENTITY_HEAD and _is_sealed(record):
            return Identity.decode(record)
    raise NotFoundError("the identity area holds no record", hint="unitool provision")


def encode_trust(keyset: bytes, program_bytes: int = 1, erased: int = 0xFF) -> bytes:
    """Return a trust copy, padded to the program unit."""
    if len(keyset) > KEYSET_BYTES_MAX:
        raise TooLargeError(f"keyset of {len(keyset)} bytes, at most {KEYSET_BYTES_MAX}")
    data = _seal(_TRUST_HEAD.build({"size": len(keyset)}) + keyset + bytes(4))
    return data + bytes([erased]) * (-len(data) % program_bytes)


def decode_trust(data: bytes) -> bytes:
    """Return the keyset in a trust copy."""
    try:
        head = _TRUST_HEAD.parse(data[:8])
    except ConstructError:
        raise MalformedError("trust copy: no keyset was written") from None
    end = 8 + head.size + 4
    if head.size > KEYSET_BYTES_MAX or end > len(data) or not _is_sealed(data[:end]):
        raise MalformedError("trust copy: wrong length or CRC")
    return data[8 : 8 + head.size]
