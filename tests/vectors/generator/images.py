# SPDX-License-Identifier: Apache-2.0
"""Vectors image/*: whole signed files, good and one bad for every rule."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from hashlib import sha256

from unitool.formats import image, p256, tlv
from unitool.formats.tlv import Entry, Tlv

from generator import common as c
from generator import relocations
from generator.common import Writer

COUNTER = 5


@dataclass
class Draft:
    """A file in parts, each of which a case may spoil before the whole is signed."""

    body: bytes = field(default_factory=relocations.good)
    header: dict[int, bytes] = field(default_factory=dict)  # patches by offset
    hdr_size: int = 32
    flags: int = 0
    load_addr: int = 0
    protected: list[Entry] = field(
        default_factory=lambda: [
            Entry(Tlv.SEC_CNT, COUNTER.to_bytes(4, "little")),
            Entry(Tlv.UUID_VID, c.VID),
            Entry(Tlv.UUID_CID, c.CID),
        ]
    )
    key: p256.PrivateKey = c.IMAGE
    plain: dict[int, bytes | None] = field(default_factory=dict)  # replaced or dropped
    plain_order: list[int] = field(default_factory=lambda: [0x10, 0x01, 0x22])
    area_total: int = 0  # added to what the protected area says of itself

    def sign(self) -> bytes:
        """Return the file, its digest and signature right unless a case replaced them."""
        area = bytearray(tlv.build_area(self.protected, tlv.PROTECTED_MAGIC))
        header = bytearray(
            struct.pack(
                "<IIHHIIBBHII",
                image.MAGIC,
                self.load_addr,
                self.hdr_size,
                len(area),
                len(self.body),
                self.flags,
                *(1, 4, 0, 7),
                0,
            ).ljust(self.hdr_size, b"\xff")
        )
        for offset, data in self.header.items():
            header[offset : offset + len(data)] = data
        struct.pack_into("<H", area, 2, len(area) + self.area_total)
        covered = bytes(header) + self.body + bytes(area)
        made = {e.type: e.data for e in image.proof(sha256(covered).digest(), self.key)}
        merged = made | {k: v for k, v in self.plain.items()}
        entries = [(kind, merged.get(kind)) for kind in self.plain_order]
        plain = [Entry(kind, data) for kind, data in entries if data is not None]
        return covered + tlv.build_area(plain, tlv.PLAIN_MAGIC)


def write(w: Writer) -> None:
    """Add all cases."""
    _write_good(w)
    for name, expect, draft in _bad_header() + _bad_protected() + _bad_plain() + _bad_policy():
        w.add("image_bad", name, expect=expect, image=draft.sign())
    _write_bad_files(w)


def _good(w: Writer, name: str, data: bytes, **more: object) -> None:
    parsed = image.parse(data)
    parsed.check_digest()
    parsed.check_signature(p256.public(c.IMAGE))
    w.add(
        "image_good",
        name,
        expect="OK",
        version=str(parsed.version),
        counter=parsed.counter,
        vid=parsed.vid,
        cid=parsed.cid,
        digest=parsed.digest,
        keyhash=parsed.keyhash,
        signature=parsed.signature,
        build_id=parsed.build_id or b"",
        hdr_size=len(parsed.header),
        body_size=len(parsed.body),
        has_reloc=int(parsed.relocatable),
        rom_fixed=int(parsed.rom_fixed),
        load_addr=parsed.load_addr,
        image=data,
        **more,
    )


def _write_good(w: Writer) -> None:
    plain = Draft().sign()
    moved = relocations.relocation.apply(relocations.good(), relocations.DELTA)
    _good(w, "plain", plain, in_slot_b=plain[:32] + moved + plain[32 + len(moved) :])
    _good(w, "header_512", Draft(hdr_size=512, body=_rebased(512)).sign())
    no_counter = Draft()
    no_counter.protected = no_counter.protected[1:]
    _good(w, "no_counter", no_counter.sign())
    more = Draft()
    more.protected += [Entry(0x40, bytes(12)), Entry(0x60, b"boot record"), Entry(0xA0, b"vendor")]
    _good(w, "skipped_tlvs", more.sign())
    _good(w, "other_order", Draft(plain_order=[0x01, 0x22, 0x10]).sign())
    bound = bytes(0x40) + b"no table" * 8
    for name, at in (("bound_to_a", c.SLOT_A), ("bound_to_b", c.SLOT_B)):
        _good(w, name, Draft(body=bound, flags=image.ROM_FIXED, load_addr=at).sign())


def _rebased(hdr_size: int) -> bytes:
    body = bytearray(relocations.good())
    struct.pack_into("<I", body, 0x44, c.SLOT_A + hdr_size)
    return bytes(body)


Case = tuple[str, str, Draft]


def _bad_header() -> list[Case]:
    fmt, u32 = "ERR_FORMAT", (0xFFFF_FFFF).to_bytes(4, "little")
    size = len(relocations.good())
    return [
        ("magic", fmt, Draft(header={0: b"\0"})),
        ("load_addr_without_rom_fixed", fmt, Draft(load_addr=c.SLOT_A)),
        ("hdr_size_28", fmt, Draft(header={8: b"\x1c\0"})),
        ("hdr_size_unaligned", fmt, Draft(header={8: b"\x22\0"})),
        ("hdr_size_4100", fmt, Draft(header={8: b"\x04\x10"})),
        ("protect_tlv_size_0", fmt, Draft(header={10: b"\0\0"})),
        ("protect_tlv_size_wrong", fmt, Draft(header={10: b"\x38\0"})),
        ("img_size_0", fmt, Draft(header={12: bytes(4)})),
        ("img_size_wrong", fmt, Draft(header={12: (size - 4).to_bytes(4, "little")})),
        ("img_size_huge", "ERR_NO_SPACE", Draft(header={12: u32})),
        ("flag_encrypted", "ERR_UNSUPPORTED", Draft(flags=0x4)),
        ("flag_ram_load", "ERR_UNSUPPORTED", Draft(flags=0x20)),
        ("flag_unknown", "ERR_UNSUPPORTED", Draft(flags=0x8000_0000)),
        ("pad_set", fmt, Draft(header={28: b"\1"})),
        ("rom_fixed_with_table", fmt, Draft(flags=image.ROM_FIXED, load_addr=c.SLOT_A)),
    ]


def _protected(*entries: Entry, drop: int = 0) -> Draft:
    draft = Draft()
    draft.protected = [e for e in draft.protected if e.type != drop] + list(entries)
    return draft


def _bad_protected() -> list[Case]:
    fmt = "ERR_FORMAT"
    return [
        ("protected_area_longer", fmt, Draft(area_total=4)),
        ("protected_area_shorter", fmt, Draft(area_total=-4)),
        ("no_vid", "ERR_IDENTITY", _protected(drop=Tlv.UUID_VID)),
        ("no_cid", "ERR_IDENTITY", _protected(drop=Tlv.UUID_CID)),
        ("vid_twice", fmt, _protected(Entry(Tlv.UUID_VID, c.VID))),
        ("cid_twice", fmt, _protected(Entry(Tlv.UUID_CID, c.OTHER_CID))),
        ("counter_twice", fmt, _protected(Entry(Tlv.SEC_CNT, bytes(4)))),
        ("vid_short", fmt, _protected(Entry(Tlv.UUID_VID, c.VID[:15]), drop=Tlv.UUID_VID)),
        ("cid_long", fmt, _protected(Entry(Tlv.UUID_CID, c.CID + b"\0"), drop=Tlv.UUID_CID)),
        ("counter_of_2_bytes", fmt, _protected(Entry(Tlv.SEC_CNT, b"\5\0"), drop=Tlv.SEC_CNT)),
        ("signature_protected", fmt, _protected(Entry(Tlv.ECDSA, bytes(70)))),
        ("keyhash_protected", fmt, _protected(Entry(Tlv.KEYHASH, bytes(32)))),
        ("digest_protected", fmt, _protected(Entry(Tlv.SHA256, bytes(32)))),
        ("unknown_protected", fmt, _protected(Entry(0x9F, b"what?"))),
    ]


def _bad_plain() -> list[Case]:
    fmt, sig = "ERR_FORMAT", "ERR_SIGNATURE"
    good = image.parse(Draft().sign())
    der = p256.to_der(good.signature)
    r, s = good.signature[:32], good.signature[32:]
    padded = b"\x30" + bytes([len(der)]) + b"\x02" + bytes([der[3] + 1]) + b"\0" + der[4:]
    zero_r = b"\x30" + bytes([3 + 2 + len(_int(s))]) + b"\x02\x01\0\x02" + _tail(s)
    order = p256.ORDER.to_bytes(32, "big")
    big_s = b"\x02" + _tail(r) + b"\x02" + _tail(order)
    return [
        ("no_digest", fmt, Draft(plain_order=[0x01, 0x22])),
        ("no_keyhash", fmt, Draft(plain_order=[0x10, 0x22])),
        ("keyhash_behind_signature", fmt, Draft(plain_order=[0x10, 0x22, 0x01])),
        ("unsigned", sig, Draft(plain_order=[0x10, 0x01])),
        ("digest_only", sig, Draft(plain_order=[0x10])),
        ("digest_twice", fmt, Draft(plain_order=[0x10, 0x10, 0x01, 0x22])),
        ("keyhash_twice", fmt, Draft(plain_order=[0x10, 0x01, 0x01, 0x22])),
        ("signature_twice", fmt, Draft(plain_order=[0x10, 0x01, 0x22, 0x22])),
        (
            "both_signatures",
            fmt,
            Draft(plain_order=[0x10, 0x01, 0x22, 0x24], plain={0x24: bytes(64)}),
        ),
        ("digest_short", fmt, Draft(plain={0x10: bytes(31)})),
        ("keyhash_short", fmt, Draft(plain={0x01: bytes(31)})),
        ("vid_plain", fmt, Draft(plain_order=[0x10, 0x74, 0x01, 0x22], plain={0x74: c.VID})),
        ("counter_plain", fmt, Draft(plain_order=[0x10, 0x50, 0x01, 0x22], plain={0x50: bytes(4)})),
        ("unknown_plain", fmt, Draft(plain_order=[0x10, 0x01, 0x22, 0xA1], plain={0xA1: b"?"})),
        ("der_trailing_byte", fmt, Draft(plain={0x22: der + b"\0"})),
        ("der_not_minimal", fmt, Draft(plain={0x22: padded})),
        ("der_zero_r", fmt, Draft(plain={0x22: zero_r})),
        ("der_s_is_order", fmt, Draft(plain={0x22: b"\x30" + bytes([len(big_s)]) + big_s})),
        ("der_cut_off", fmt, Draft(plain={0x22: der[:-1]})),
        ("der_empty", fmt, Draft(plain={0x22: b""})),
        ("wrong_digest", "ERR_DIGEST", Draft(plain={0x10: sha256(b"else").digest()})),
        ("wrong_signature", sig, Draft(plain={0x22: p256.to_der(s + r)})),
    ]


def _int(value: bytes) -> bytes:
    value = value.lstrip(b"\0")
    return b"\0" + value if value[0] & 0x80 else value


def _tail(value: bytes) -> bytes:
    content = _int(value)
    return bytes([len(content)]) + content


def _bad_policy() -> list[Case]:
    other = _protected(Entry(Tlv.UUID_CID, c.OTHER_CID), drop=Tlv.UUID_CID)
    stranger = _protected(Entry(Tlv.UUID_VID, c.FLEET), drop=Tlv.UUID_VID)
    old = _protected(Entry(Tlv.SEC_CNT, b"\2\0\0\0"), drop=Tlv.SEC_CNT)
    none = _protected(drop=Tlv.SEC_CNT)
    bound = bytes(0x40) + b"no table" * 8
    build_id = bytearray(relocations.good())
    struct.pack_into("<I", build_id, 0x28, len(build_id) - 19)
    table = bytearray(relocations.good())
    struct.pack_into("<I", table, 0x44, c.SLOT_A + 0x200)
    at_c = Draft(body=bound, flags=image.ROM_FIXED, load_addr=c.SLOT_B + c.SLOT_BYTES)
    return [
        ("foreign_key", "ERR_SIGNATURE", Draft(key=c.FOREIGN)),
        ("development_key", "ERR_SIGNATURE", Draft(key=c.IMAGE_DEV)),
        ("foreign_key_our_keyhash", "ERR_SIGNATURE", _foreign()),
        ("other_product", "ERR_IDENTITY", other),
        ("other_vendor", "ERR_IDENTITY", stranger),
        ("below_floor", "ERR_ROLLBACK", old),
        ("counter_0_below_floor", "ERR_ROLLBACK", none),
        ("no_table_no_rom_fixed", "ERR_SLOT_BOUND", Draft(body=bound)),
        ("bound_elsewhere", "ERR_SLOT_BOUND", at_c),
        ("build_id_outside", "ERR_FORMAT", Draft(body=bytes(build_id))),
        ("table_for_other_base", "ERR_RELOCATION", Draft(body=bytes(table))),
    ]


def _foreign() -> Draft:
    return Draft(key=c.FOREIGN, plain={0x01: p256.keyhash(p256.public(c.IMAGE))})


def _write_bad_files(w: Writer) -> None:
    """Add files that are whole but for how they end."""
    data = Draft().sign()
    body_end = 32 + len(relocations.good())
    for name, expect, spoiled in (
        ("empty_header", "ERR_FORMAT", bytes(64)),
        ("cut_in_body", "ERR_NO_SPACE", data[: body_end - 1]),
        ("cut_before_tlvs", "ERR_NO_SPACE", data[:body_end]),
        ("cut_in_protected", "ERR_NO_SPACE", data[: body_end + 20]),
        ("cut_before_plain", "ERR_NO_SPACE", data[: body_end + 52]),
        ("cut_by_one", "ERR_NO_SPACE", data[:-1]),
        ("body_bit_flipped", "ERR_DIGEST", data[:0xB8] + bytes([data[0xB8] ^ 1]) + data[0xB9:]),
        ("version_bit_flipped", "ERR_DIGEST", data[:20] + bytes([data[20] ^ 1]) + data[21:]),
        ("protected_magic", "ERR_FORMAT", data[:body_end] + b"\7\x69" + data[body_end + 2 :]),
        ("plain_magic", "ERR_FORMAT", data[: body_end + 52] + b"\x08" + data[body_end + 53 :]),
    ):
        w.add("image_bad", name, expect=expect, image=spoiled)
