# SPDX-License-Identifier: Apache-2.0
"""Vectors cbor/*, keyset/* and manifest/*."""

from __future__ import annotations

from hashlib import sha256

from unitool.formats import cbor, cose, manifest, p256
from unitool.formats.keyset import Key, Keyset, Role
from unitool.formats.version import Version

from generator import common as c
from generator.common import Writer

UNSUPPORTED = "ERR_UNSUPPORTED"
UNKNOWN_FIELDS = (
    "unknown_critical_key",
    "unknown_key_64_bits",
    "key_field_unknown",
    "component_field_unknown",
)


def make_keyset(epoch: int = 1, floor: int | None = None, dev: bool = True) -> Keyset:
    """Return the keyset that vectors use."""
    keys = [Key(role=Role.IMAGE, key=p256.public(c.IMAGE))]
    if dev:
        keys.append(Key(role=Role.IMAGE_DEV, key=p256.public(c.IMAGE_DEV)))
    keys.append(Key(role=Role.SERVER, key=p256.public(c.SERVER), url="http://10.0.2.2:8080"))
    floors = {} if floor is None else {c.CID: floor}
    return Keyset(vid=c.VID, fleet=c.FLEET, epoch=epoch, keys=tuple(keys), floors=floors)


def signed_keyset(epoch: int = 1) -> bytes:
    """Return it signed by the primary root."""
    return make_keyset(epoch).sign(c.ROOT)


def statement(typ: cose.Type, payload: bytes, key: p256.PrivateKey, **changes: object) -> bytes:
    """Sign `payload` with parts of the envelope spoiled before they are signed."""
    header: dict[int, object] = {
        1: cose.ES256,
        2: [cose.VERSION_LABEL],
        4: p256.kid(p256.public(key)),
        16: int(typ),
        cose.VERSION_LABEL: 1,
    }
    for label, value in changes.pop("header", {}).items():  # type: ignore[attr-defined]
        header[label] = value
    protected = cbor.encode({k: v for k, v in header.items() if v is not None})
    covered = cbor.encode(["Signature1", protected, b"", payload])
    signature = p256.sign_digest(key, sha256(covered).digest())
    outer = [protected, changes.get("unprotected", {}), payload, signature]
    return cbor.encode(outer)


def write(w: Writer) -> None:
    """Add all cases."""
    _write_cbor(w)
    _write_keysets(w)
    _write_bad_keysets(w)
    _write_manifests(w)


def _write_cbor(w: Writer) -> None:
    good = {
        "zero": "00",
        "minus_1": "20",
        "uint64_max": "1bffffffffffffffff",
        "int64_min": "3b7fffffffffffffff",
        "empty_map": "a0",
        "map": "a301020a6161206162",
        "depth_8": "8181818181818180",
        "bytewise_order": "a21818002000",
        "text": "63e282ac",
    }
    bad = {
        "empty": "",
        "trailing": "0000",
        "uint_in_2_bytes": "1817",
        "uint_in_3_bytes": "1900ff",
        "uint_in_5_bytes": "1a0000ffff",
        "uint_in_9_bytes": "1b00000000ffffffff",
        "length_not_shortest": "580161",
        "indefinite_array": "9f00ff",
        "indefinite_string": "5f4100ff",
        "indefinite_map": "bf0000ff",
        "reserved_length": "1c",
        "below_int64": "3b8000000000000000",
        "cut_head": "19ff",
        "cut_string": "4261",
        "cut_array": "8200",
        "cut_map": "a100",
        "huge_string": "5bffffffffffffffff",
        "huge_array": "9affffffff",
        "unsorted_keys": "a202000100",
        "duplicate_keys": "a201000100",
        "length_first_order": "a22000181800",
        "tag": "c000",
        "float": "f90000",
        "true": "f5",
        "null": "f6",
        "break": "ff",
        "bad_utf8": "61ff",
        "depth_9": "818181818181818180",
    }
    for expect, cases in (("OK", good), ("ERR_FORMAT", bad)):
        for name, hexadecimal in cases.items():
            prefix = "good_" if expect == "OK" else "bad_"
            code = UNSUPPORTED if name in ("tag", "float", "true", "null") else expect
            w.add("cbor", prefix + name, expect=code, item=bytes.fromhex(hexadecimal))


def _write_keysets(w: Writer) -> None:
    for name, keyset, root, by_spare in (
        ("good", make_keyset(), c.ROOT, 0),
        ("good_epoch_2_floor", make_keyset(2, 7, dev=False), c.ROOT, 0),
        ("good_by_spare", make_keyset(), c.SPARE, 1),
    ):
        values = dict(expect="OK", by_spare=by_spare, epoch=keyset.epoch, floor=keyset.floor(c.CID))
        w.add(
            "keyset",
            name,
            **values,
            keys=len(keyset.keys),
            key=[f"{int(k.role)} {k.alg} {k.key.hex()} {k.url or '-'}" for k in keyset.keys],
            payload=keyset.encode(),
            signed=keyset.sign(root),
        )
    items = cbor.decode(make_keyset().encode())
    for name, fields in (
        ("good_unknown_64", {64: "skipped", 1000: [1, {2: b"3"}]}),
        ("good_unknown_64_bits", {64: [1 << 40, -1 << 63], (1 << 63) - 1: (1 << 64) - 1}),
    ):
        known = cbor.encode(items | fields)  # type: ignore[operator]
        signed = statement(cose.Type.KEYSET, known, c.ROOT)
        w.add("keyset", name, expect="OK", by_spare=0, epoch=1, floor=0, signed=signed)
    known_keys = items[4]  # type: ignore[index,call-overload]
    for name, key in (
        ("good_role_unknown", {1: 257, 2: -7, 3: bytes(64)}),
        ("good_alg_unknown", {1: 1, 2: -49, 3: bytes(96)}),
    ):
        more = cbor.encode(items | {4: [key, *known_keys]})  # type: ignore[operator]
        signed = statement(cose.Type.KEYSET, more, c.ROOT)
        w.add("keyset", name, expect="OK", by_spare=0, epoch=1, floor=0, signed=signed)


def _write_bad_keysets(w: Writer) -> None:
    items = cbor.decode(make_keyset().encode())
    assert isinstance(items, dict)
    keys = items[4]
    payloads = {
        "unknown_critical_key": items | {6: 0},
        "unknown_key_64_bits": items | {1 << 63: 0},
        "vid_missing": {k: v for k, v in items.items() if k != 1},
        "floors_missing": {k: v for k, v in items.items() if k != 5},
        "vid_short": items | {1: c.VID[:15]},
        "epoch_0": items | {3: 0},
        "epoch_33_bits": items | {3: 1 << 32},
        "no_keys": items | {4: []},
        "nine_keys": items | {4: [{1: 1, 2: -8, 3: bytes(32)}] * 9},
        "key_short": items | {4: [keys[0] | {3: bytes(63)}]},
        "key_field_unknown": items | {4: [keys[0] | {5: 1}]},
        "floor_for_short_cid": items | {5: {c.CID[:15]: 1}},
        "floor_negative": items | {5: {c.CID: -1}},
        "not_a_map": [1],
    }
    typ, fmt, no = cose.Type.KEYSET, "ERR_FORMAT", UNSUPPORTED
    bad: dict[str, tuple[str, bytes]] = {
        name: (
            no if name in UNKNOWN_FIELDS else fmt,
            statement(typ, cbor.encode(payload), c.ROOT),
        )
        for name, payload in payloads.items()
    }
    good = make_keyset().encode()
    kid = p256.kid(p256.public(c.ROOT))
    for name, code, header in (
        ("header_alg_unknown", no, {1: -35}),
        ("header_typ_manifest", fmt, {16: 65004}),
        ("header_version_2", no, {cose.VERSION_LABEL: 2}),
        ("header_crit_missing", fmt, {2: None}),
        ("header_crit_other", no, {2: [-65537, -65538]}),
        ("header_kid_short", fmt, {4: kid[:7]}),
        ("header_extra_label", fmt, {3: 0}),
    ):
        bad[name] = (code, statement(typ, good, c.ROOT, header=header))
    bad["unprotected_header"] = (fmt, statement(typ, good, c.ROOT, unprotected={4: kid}))
    signed = make_keyset().sign(c.ROOT)
    bad["tagged"] = (fmt, b"\xd2" + signed)
    bad["trailing_byte"] = (fmt, signed + b"\0")
    bad["cut_off"] = (fmt, signed[:-1])
    bad["three_items"] = (fmt, cbor.encode(cbor.decode(signed)[:3]))  # type: ignore[index]
    bad["by_foreign_key"] = ("ERR_SIGNATURE", make_keyset().sign(c.FOREIGN))
    bad["by_image_key"] = ("ERR_SIGNATURE", make_keyset().sign(c.IMAGE))
    kid_lies = statement(typ, good, c.FOREIGN, header={4: kid})
    bad["foreign_key_our_kid"] = ("ERR_SIGNATURE", kid_lies)
    bad["signature_flipped"] = ("ERR_SIGNATURE", signed[:-1] + bytes([signed[-1] ^ 1]))
    bad["payload_flipped"] = ("ERR_SIGNATURE", signed.replace(c.FLEET, c.FLEET[::-1]))
    for name, (expect, data) in bad.items():
        w.add("keyset", f"bad_{name}", expect=expect, signed=data)


def make_manifest(**changes: object) -> manifest.Manifest:
    """Return the manifest that vectors use."""
    component = manifest.Component(
        version=Version(1, 4, 0, 7),
        counter=5,
        image_digest=sha256(b"unitool vector image").digest(),
        blob_digest=sha256(b"unitool vector blob").digest(),
        blob_size=100_000,
    )
    values: dict[str, object] = {"vid": c.VID, "cid": c.CID, "components": (component,)}
    return manifest.Manifest(**(values | changes))  # type: ignore[arg-type]


def _write_manifests(w: Writer) -> None:
    payload_part = manifest.Component(
        component=1,
        kind=manifest.Kind.PAYLOAD,
        version=Version(2),
        counter=0,
        image_digest=bytes(32),
        blob_digest=bytes(range(32)),
        blob_size=4096,
    )
    full = make_manifest(
        components=(*make_manifest().components, payload_part),
        follows=((Version(1), Version(1, 2)), (Version(1, 3), Version(1, 3, 9))),
        boot_min=1,
        agent_min=1,
        settings_schema=3,
        name="spring",
    )
    for name, made in (("good", make_manifest()), ("good_full", full)):
        app = made.app
        w.add(
            "manifest",
            name,
            expect="OK",
            vid=made.vid,
            cid=made.cid,
            components=len(made.components),
            version=str(app.version),
            counter=app.counter,
            image_digest=app.image_digest,
            blob_digest=app.blob_digest,
            blob_size=app.blob_size,
            boot_min=made.boot_min or 0,
            agent_min=made.agent_min or 0,
            follows=[f"{low} {high}" for low, high in made.follows or ()],
            payload=made.encode(),
            signed=made.sign(c.IMAGE),
        )
    _write_bad_manifests(w)


def _write_bad_manifests(w: Writer) -> None:
    items = cbor.decode(make_manifest().encode())
    assert isinstance(items, dict)
    part = items[3][0]
    payloads = {
        "unknown_critical_key": items | {8: 0},
        "cid_missing": {k: v for k, v in items.items() if k != 2},
        "no_components": items | {3: []},
        "component_field_missing": items | {3: [{k: part[k] for k in (1, 2, 3, 4, 5, 6)}]},
        "component_field_unknown": items | {3: [part | {8: 1}]},
        "component_0_missing": items | {3: [part | {1: 1}]},
        "component_twice": items | {3: [part, part]},
        "version_of_3": items | {3: [part | {3: [1, 2, 3]}]},
        "version_too_large": items | {3: [part | {3: [256, 0, 0, 0]}]},
        "digest_short": items | {3: [part | {5: bytes(31)}]},
        "size_33_bits": items | {3: [part | {7: 1 << 32}]},
        "range_backwards": items | {4: [[[2, 0, 0, 0], [1, 0, 0, 0]]]},
        "range_empty": items | {4: []},
    }
    typ = cose.Type.MANIFEST
    for name, payload in payloads.items():
        signed = statement(typ, cbor.encode(payload), c.IMAGE)
        expect = UNSUPPORTED if name in UNKNOWN_FIELDS else "ERR_FORMAT"
        w.add("manifest", f"bad_{name}", expect=expect, signed=signed)
    kind = cbor.encode(items | {3: [part | {2: 3}]})
    for name, expect, signed in (
        ("kind_unknown", "ERR_UNSUPPORTED", statement(typ, kind, c.IMAGE)),
        ("by_root_key", "ERR_SIGNATURE", make_manifest().sign(c.ROOT)),
        ("by_foreign_key", "ERR_SIGNATURE", make_manifest().sign(c.FOREIGN)),
        ("is_a_keyset", "ERR_FORMAT", signed_keyset()),
        ("too_long", "ERR_NO_SPACE", statement(typ, bytes(1024), c.IMAGE)),
    ):
        w.add("manifest", f"bad_{name}", expect=expect, signed=signed)
