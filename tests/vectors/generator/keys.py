# SPDX-License-Identifier: Apache-2.0
"""Vectors keys/*, derived/* and der/*: the fixed keys, derived ones, DER signatures."""

from __future__ import annotations

from unitool.formats import p256
from unitool.formats.messages import Purpose, derive_key

from generator import common as c
from generator.common import Writer


def write(w: Writer) -> None:
    """Add all cases."""
    named = {
        "root": c.ROOT,
        "spare": c.SPARE,
        "image": c.IMAGE,
        "image_dev": c.IMAGE_DEV,
        "server": c.SERVER,
        "device": c.DEVICE,
        "foreign": c.FOREIGN,
    }
    for name, key in named.items():
        public = p256.public(key)
        w.add(
            "keys",
            name,
            private=p256.scalar(key),
            public=public,
            keyhash=p256.keyhash(public),
            kid=p256.kid(public),
            device_id=p256.device_id(public),
        )
    w.add(
        "keys",
        "product",
        vendor="example.com",
        product="thermostat",
        hw="rev-b",
        vid=c.VID,
        cid=c.CID,
        other_cid=c.OTHER_CID,
        fleet=c.FLEET,
        floor=c.FLOOR,
        slot_a=c.SLOT_A,
        slot_b=c.SLOT_B,
        slot_bytes=c.SLOT_BYTES,
    )
    _write_derived(w)
    _write_der(w)


def _write_derived(w: Writer) -> None:
    device, server = p256.public(c.DEVICE), p256.public(c.SERVER)
    z = p256.ecdh(c.DEVICE, server)
    w.add("derived", "shared", device_private=p256.scalar(c.DEVICE), server=server, z=z)
    for purpose in Purpose:
        key = derive_key(z, purpose, device, server)
        name = purpose.name.lower()
        w.add("derived", name, z=z, purpose=name, device=device, server=server, token=b"", key=key)
    key = derive_key(z, Purpose.ENROL, device, server, c.TOKEN)
    w.add(
        "derived",
        "enrol_with_token",
        z=z,
        purpose="enrol",
        device=device,
        server=server,
        token=c.TOKEN,
        key=key,
    )


def _write_der(w: Writer) -> None:
    n = p256.ORDER
    small = bytes(31) + b"\1"
    for name, r, s in (
        ("small", 1, 127),
        ("sign_bit", 0x80, 0xFF),
        ("largest", n - 1, n - 1),
    ):
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        w.add("der", name, expect="OK", der=p256.to_der(raw), raw=raw)
    good = p256.to_der(small + small)
    order = n.to_bytes(32, "big")
    bad = {
        "bad_empty": b"",
        "bad_sequence_tag": b"\x31" + good[1:],
        "bad_long_form": b"\x30\x81\x06" + good[2:],
        "bad_length_short": good[:1] + b"\x05" + good[2:],
        "bad_length_long": good[:1] + b"\x07" + good[2:],
        "bad_trailing": good + b"\0",
        "bad_third_integer": b"\x30\x09" + good[2:] + b"\x02\x01\x01",
        "bad_integer_tag": good[:2] + b"\x03" + good[3:],
        "bad_negative": b"\x30\x06\x02\x01\x80\x02\x01\x01",
        "bad_not_minimal": b"\x30\x07\x02\x02\x00\x01\x02\x01\x01",
        "bad_empty_integer": b"\x30\x05\x02\x00\x02\x01\x01",
        "bad_zero": b"\x30\x06\x02\x01\x00\x02\x01\x01",
        "bad_r_is_order": b"\x30\x26\x02\x21\x00" + order + b"\x02\x01\x01",
        "bad_s_is_order": b"\x30\x26\x02\x01\x01\x02\x21\x00" + order,
        "bad_too_long": b"\x30\x27\x02\x22\x00\x80" + bytes(32) + b"\x02\x01\x01",
    }
    for name, der in bad.items():
        w.add("der", name, expect="ERR_FORMAT", der=der, raw=b"")
