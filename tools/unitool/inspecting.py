# SPDX-License-Identifier: Apache-2.0
"""What is in a file, as plain facts. Nothing here says that it may be trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unitool.errors import FormatError, naming
from unitool.formats import bundle, cose, flash, image, keyset, manifest, relocation, tlv
from unitool.formats.image import Image

Facts = dict[str, Any]


def file_facts(path: Path) -> Facts:
    """Return what a file holds; FormatError if it is none of ours."""
    data = path.read_bytes()
    with naming(path):
        if data.startswith(b"UOTA"):
            return bundle_facts(data)
        if data[:4] == image.MAGIC.to_bytes(4, "little"):
            return image_facts(image.parse(data))
        if data[:1] == b"\x84":
            return statement_facts(data)
    try:
        at = flash.find_boot_params(data)
    except FormatError:
        raise FormatError(
            f"{path} is no image, bundle, keyset, manifest or bootloader",
            "unitool sign makes images, unitool pack bundles, unitool keygen keysets",
        ) from None
    return {"kind": "bootloader", "size": len(data), "boot_params": params_facts(data[at:])}


def image_facts(found: Image) -> Facts:
    """Return header, TLVs and a summary of the relocation table."""
    return {
        "kind": "image",
        "version": str(found.version),
        "counter": found.counter,
        "header_bytes": len(found.header),
        "body_bytes": len(found.body),
        "file_bytes": found.file_size,
        "load_addr": f"{found.load_addr:#010x}",
        "rom_fixed": found.rom_fixed,
        "vid": found.vid.hex(),
        "cid": found.cid.hex(),
        "digest": found.digest.hex(),
        "digest_matches": found.computed_digest() == found.digest,
        "keyhash": found.keyhash.hex(),
        "build_id": found.build_id.hex() if found.build_id else None,
        "relocation": _relocation(found),
        "protected_tlvs": [_tlv(entry) for entry in found.protected],
        "tlvs": [_tlv(entry) for entry in found.plain],
    }


def _tlv(entry: tlv.Entry) -> Facts:
    return {"type": tlv.name(entry.type), "bytes": len(entry.data), "data": entry.data.hex()}


def _relocation(found: Image) -> Facts | None:
    if not found.relocatable:
        return None

    def read() -> Facts:
        table = relocation.decode(found.body)
        size = len(relocation.encode(table))
        return {
            "base": f"{table.base:#010x}",
            "offset": relocation.offset_of(found.body),
            "granule": table.granule,
            "words_plus": len(table.plus),
            "words_minus": len(table.minus),
            "bytes": size,
            "percent": round(100 * size / len(found.body), 2),
        }

    return or_reason(read)


def or_reason(read: Callable[[], Facts]) -> Facts:
    """Return the facts, or why there are none."""
    try:
        return read()
    except FormatError as error:
        return {"unreadable": error.message}


def statement_facts(data: bytes) -> Facts:
    """Return what a keyset or a manifest says."""
    try:
        envelope = cose.parse_sign1(data, cose.Type.KEYSET)
        stated = _keyset(keyset.peek(data))
    except FormatError:
        envelope = cose.parse_sign1(data, cose.Type.MANIFEST)
        stated = _manifest(manifest.peek(data))
    signed = {"alg": "ES256" if envelope.alg == cose.ES256 else "EdDSA", "kid": envelope.kid.hex()}
    return {"kind": envelope.typ.name.lower(), "bytes": len(data), "signed_by": signed, **stated}


def _keyset(found: keyset.Keyset) -> Facts:
    return {
        "vid": found.vid.hex(),
        "fleet": found.fleet.hex(),
        "epoch": found.epoch,
        "keys": [
            {"role": k.role.name.lower(), "key": k.key.hex(), "url": k.url} for k in found.keys
        ],
        "floors": {cid.hex(): counter for cid, counter in found.floors.items()},
    }


def _manifest(found: manifest.Manifest) -> Facts:
    return {
        "name": found.name,
        "vid": found.vid.hex(),
        "cid": found.cid.hex(),
        "follows": [f"{low} to {high}" for low, high in found.follows or ()] or "any",
        "boot_min": found.boot_min,
        "agent_min": found.agent_min,
        "components": [
            {
                "component": c.component,
                "kind": c.kind.name.lower(),
                "version": str(c.version),
                "counter": c.counter,
                "image_digest": c.image_digest.hex(),
                "blob_digest": c.blob_digest.hex(),
                "blob_bytes": c.blob_size,
            }
            for c in found.components
        ],
    }


def bundle_facts(data: bytes) -> Facts:
    """Return the entries of a bundle, each opened."""
    return {
        "kind": "bundle",
        "bytes": len(data),
        "entries": [_bundle_entry(entry) for entry in bundle.parse(data)],
    }


def _bundle_entry(entry: bundle.Entry) -> Facts:
    name = bundle.Kind(entry.kind).name.lower() if entry.kind in set(bundle.Kind) else entry.kind
    facts: Facts = {"identity": entry.index, "holds": name, "bytes": len(entry.content)}
    if entry.kind in (bundle.Kind.MANIFEST, bundle.Kind.KEYSET):
        facts |= or_reason(lambda: statement_facts(entry.content))
    elif entry.kind == bundle.Kind.IMAGE:
        facts |= or_reason(lambda: image_facts(image.parse(entry.content)))
    elif entry.kind == bundle.Kind.INFO:
        facts["info"] = entry.content.decode(errors="replace")
    return facts


def params_facts(data: bytes) -> Facts:
    """Return what the boot_params at the start of `data` say."""

    def read() -> Facts:
        p = flash.BootParams.decode(data[: flash.PARAMS_BYTES])
        return {
            "policy": p.policy.name.lower(),
            "floor": p.floor,
            "vid": p.vid.hex(),
            "cid": p.cid.hex(),
            "fleet": p.fleet.hex(),
            "root": p.root.hex(),
            "spare": p.spare.hex(),
            "keyset": or_reason(lambda: statement_facts(p.keyset)),
        }

    return or_reason(read)
