# SPDX-License-Identifier: Apache-2.0
"""Vectors boot_params/*, identity/*, trust/* and journal/*."""

from __future__ import annotations

import struct
from dataclasses import replace
from hashlib import sha256
from zlib import crc32

from unitool.formats import flash, p256, records
from unitool.formats.flash import BootParams, Identity, Policy
from unitool.formats.journal import Journal, Record

from generator import common as c
from generator.common import Writer
from generator.statements import signed_keyset

SEED = sha256(b"unitool vector seed").digest()
URL = "http://10.0.2.2:8080"
SECTOR_RECORDS = 16  # the least that the bootloader accepts


def seal(data: bytes) -> bytes:
    """Return the block with a CRC that fits."""
    return data[:-4] + struct.pack("<I", crc32(data[:-4]))


def patch(data: bytes, at: int, new: bytes) -> bytes:
    """Return `data` with bytes replaced."""
    return data[:at] + new + data[at + len(new) :]


def write(w: Writer) -> None:
    """Add all cases."""
    _write_params(w)
    _write_identity(w)
    _write_trust(w)
    _write_journal(w)


def _write_params(w: Writer) -> None:
    params = BootParams(
        policy=Policy.ALWAYS,
        floor=c.FLOOR,
        vid=c.VID,
        cid=c.CID,
        fleet=c.FLEET,
        root=p256.public(c.ROOT),
        spare=p256.public(c.SPARE),
        keyset=signed_keyset(),
    )
    data = params.encode()
    w.add(
        "boot_params",
        "good",
        expect="OK",
        policy=int(params.policy),
        floor=params.floor,
        vid=params.vid,
        cid=params.cid,
        fleet=params.fleet,
        root=params.root,
        spare=params.spare,
        keyset_size=len(params.keyset),
        block=data,
    )
    fmt, no = "ERR_FORMAT", "ERR_UNSUPPORTED"
    for name, block in (
        ("bad_unfilled", flash.UNFILLED_PARAMS),
        ("bad_crc", data[:-1] + bytes([data[-1] ^ 1])),
        ("bad_magic", seal(patch(data, 0, b"X"))),
        ("bad_version", seal(patch(data, 4, b"\2"))),
        ("bad_size", seal(patch(data, 6, b"\0\4"))),
        ("bad_keyset_size", seal(patch(data, 192, struct.pack("<H", 1025)))),
    ):
        expect = no if name in ("bad_version", "bad_size") else fmt
        w.add("boot_params", name, expect=expect, block=block)


def _identity(**changes: object) -> Identity:
    values: dict[str, object] = {
        "private": p256.scalar(c.DEVICE),
        "public": p256.public(c.DEVICE),
        "seed": SEED,
        "url": URL,
    }
    return Identity(**(values | changes))  # type: ignore[arg-type]


def _write_identity(w: Writer) -> None:
    plain = _identity(token=c.TOKEN)
    dev = _identity(development=True, url="http://" + "x" * 121)
    own = _identity(private=bytes(32), public=bytes(64))
    for name, area, found in (
        ("plain", plain.encode(), plain),
        ("development", dev.encode(), dev),
        ("makes_own_key", own.encode(), own),
        ("second_record_counts", own.encode() + plain.encode() + b"\xff" * 512, plain),
        ("second_record_torn", plain.encode() + own.encode()[:300] + b"\xff" * 212, plain),
    ):
        w.add(
            "identity",
            name,
            expect="OK",
            development=int(found.development),
            makes_key=int(found.makes_key),
            private=found.private,
            public=found.public,
            device_id=found.device_id,
            seed=found.seed,
            token=found.token,
            url=found.url,
            area=area,
        )
    data = plain.encode()
    for name, area in (
        ("bad_blank", b"\xff" * 512),
        ("bad_crc", patch(data, 100, bytes([data[100] ^ 1]))),
        ("bad_version", seal(patch(data, 4, b"\2"))),
        ("bad_url_size", seal(patch(data, 156, struct.pack("<H", 129)))),
    ):
        expect = "ERR_FORMAT" if name == "bad_url_size" else "ERR_NOT_FOUND"
        w.add("identity", name, expect=expect, area=area)


def _write_trust(w: Writer) -> None:
    keyset = signed_keyset(epoch=2)
    for unit in (1, 8, 512):
        copy = flash.encode_trust(keyset, unit)
        w.add("trust", f"unit_{unit}", expect="OK", keyset=keyset, copy=copy)
    data = flash.encode_trust(keyset)
    too_long = struct.pack("<IHH", 0x52545455, 1, 1025) + bytes(1025 + 4)
    for name, copy in (
        ("bad_blank", b"\xff" * 64),
        ("bad_crc", patch(data, 20, bytes([data[20] ^ 1]))),
        ("bad_version", seal(patch(data, 4, b"\2"))),
        ("bad_length", patch(data, 6, b"\0\1")),
        ("bad_too_long", seal(too_long)),
        ("bad_cut_off", data[:-1]),
    ):
        w.add("trust", name, expect="ERR_FORMAT", copy=copy)


def _fresh(unit: int = 8, erased: int = 0xFF) -> Journal:
    blank = bytes([erased]) * (SECTOR_RECORDS * max(64, unit))
    return Journal.open(blank, blank, unit, erased)


def _boot(count: int, slot: int = 0) -> records.Boot:
    return records.Boot(count=count, slot=slot, reset_reason=1)


def _slot(state: records.SlotState, **more: int) -> records.Slot:
    digest = sha256(b"unitool vector image").digest()
    return records.Slot(state=state, counter=5, digest=digest, **more)


def _write_journal(w: Writer) -> None:
    _journal(w, "empty", _fresh())
    _journal(w, "first_record", _fresh(), _boot(1))
    some = _fresh()
    some.append(_slot(records.SlotState.CONFIRMED))
    some.append(_boot(1))
    some.append(_slot(records.SlotState.INSTALLING, offset=16384), key=1)
    _journal(w, "some", some, _slot(records.SlotState.READY), key=1)
    for count in range(2, 14):
        some.append(_boot(count))
    _journal(w, "full", some, _slot(records.SlotState.READY), key=1)
    _journal(w, "full_boot", some, _boot(14))
    some.append(_boot(14))
    _journal(w, "rolled_over", some, _boot(15))
    for count in range(15, 28):
        some.append(_boot(count))
    _journal(w, "rolled_over_twice", some)
    _write_torn(w)
    _write_kinds(w)
    zeros = _fresh(erased=0)
    zeros.append(_boot(1))
    _journal(w, "erased_to_zero", zeros, _boot(2))
    large = _fresh(unit=512)
    large.append(_boot(1))
    _journal(w, "unit_512", large)


def _write_torn(w: Writer) -> None:
    torn = _fresh()
    torn.append(_slot(records.SlotState.CONFIRMED))
    torn.append(_boot(1))
    torn.sectors[0][2 * 64 + 30 : 3 * 64] = b"\xff" * 34
    _journal(w, "torn_last", torn, _boot(2))
    gap = _fresh()
    gap.append(_slot(records.SlotState.CONFIRMED))
    gap.append(_boot(1))
    gap.append(_boot(2))
    gap.sectors[0][128:192] = b"\xff" * 64  # a place left out: blank, and yet not the end
    _journal(w, "blank_between", gap, _boot(3))
    undead = _fresh()
    undead.append(_slot(records.SlotState.CONFIRMED))
    lost = bytes(undead.sectors[0])
    undead.append(_slot(records.SlotState.READY), key=1)
    revived = undead.place(0, 2)
    undead.sectors[0][:] = lost
    undead.append(_boot(1))  # takes the number of the lost record
    undead.sectors[0][3 * 64 : 4 * 64] = undead.place(0, 2)
    undead.sectors[0][2 * 64 : 3 * 64] = revived
    _journal(w, "torn_came_back", undead, _boot(2))
    half = _fresh()
    for count in range(1, 17):
        half.append(_boot(count))
    at = half.end(1) * 64 - 64  # START stands last
    half.sectors[1][at + 10 :] = b"\xff" * (len(half.sectors[1]) - at - 10)
    _journal(w, "torn_rollover", half)


def _write_kinds(w: Writer) -> None:
    kinds = _fresh()
    kinds.append(records.Floor(counter=5, cid=c.CID))
    kinds.append(records.Keyset(epoch=2, copy=1, digest=sha256(signed_keyset(epoch=2)).digest()))
    kinds.append(records.Generation(generation=c.GENERATION))
    kinds.append(records.Wear(budget=15, hours=7, highest=bytes.fromhex("0104000007000000")))
    _journal(w, "kinds", kinds, _slot(records.SlotState.EMPTY), key=1)
    later = _fresh()
    later.append(_boot(1))
    later.append(records.Floor(counter=5, cid=c.CID))
    at = later.end(0) - 1
    plain = Record.decode(later.place(0, at))
    assert plain is not None
    newer = replace(plain, version=2, payload=plain.payload[:20] + b"a field more")
    later.sectors[0][at * 64 : (at + 1) * 64] = newer.encode()
    _journal(w, "later_version", later, _boot(2))
    while later.end(0) < later.places:
        later.append(_boot(3))
    _journal(w, "later_version_full", later, _boot(4))
    for name, kind in (("unknown_critical", 0xF0), ("unknown_skipped", 0x70)):
        unknown = _fresh()
        unknown.append(_boot(1))
        unknown.append_raw(kind, 0, 0, b"from the future")
        _journal(w, name, unknown)


def _journal(
    w: Writer, name: str, journal: Journal, append: records.Payload | None = None, key: int = 0
) -> None:
    """Add a journal, its state and, if `append` is given, both sectors after it was appended."""

    def shown(sector: int, of: Journal) -> bytes:
        return bytes(of.sectors[sector][: of.end(sector) * of.record_bytes])

    state = [
        f"{r.type} {r.component} {r.key} {r.sequence} {r.payload.ljust(52, bytes(1)).hex()}"
        for r in sorted(journal.state().values(), key=lambda record: record.about)
    ]
    active = journal.active
    values: dict[str, object] = {
        "sector_bytes": len(journal.sectors[0]),
        "record_bytes": journal.record_bytes,
        "erased": journal.erased,
        "active": "none" if active is None else active,
        "state": state,
        "sector_a": shown(0, journal),
        "sector_b": shown(1, journal),
    }
    if append is not None:
        before = [bytes(sector) for sector in journal.sectors]
        after = Journal.open(before[0], before[1], journal.record_bytes, journal.erased)
        after.append(append, key=key)
        values["append"] = f"{append.TYPE} 0 {key} {append.encode().hex()}"
        for sector, field in enumerate(("after_a", "after_b")):
            same = bytes(after.sectors[sector]) == before[sector]
            values[field] = "same" if same else shown(sector, after)
    w.add("journal", name, **values)
