# SPDX-License-Identifier: Apache-2.0
"""Puts signed images and what belongs to them into one `.uota`, with a signed manifest each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from unitool import paths, sbom
from unitool.build import Built
from unitool.errors import UsageError, naming
from unitool.formats import bundle, cose, image
from unitool.formats.bundle import Entry, Kind
from unitool.formats.manifest import Component, Manifest
from unitool.formats.version import Version

SIGNED, SBOM, INFO = ".signed.bin", ".sbom.json", ".info.json"
_HARDWARE_ACCESS = "hardware_access"
Ranges = tuple[tuple[Version, Version], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A signed image; SBOM and info where they are known."""

    image: bytes
    sbom: bytes | None = None
    info: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a manifest says besides what the image says."""

    follows: Ranges | None = None
    boot_min: int | None = None
    agent_min: int | None = None
    name: str | None = None


def write_companions(built: Built) -> None:
    """Leave SBOM and info beside a signed image, for `pack`."""
    if built.app is None:
        return
    info = {
        "app": built.app.name,
        "board": built.board.name,
        "version": str(built.app.version),
        "vendor": built.app.vendor,
        "product": built.app.product,
        "hw": built.app.hw_for(built.board),
        "build_id": built.build_id.hex(),
        _HARDWARE_ACCESS: built.app.hardware_access,
    }
    paths.replace(built.out / f"{built.name}{INFO}", json.dumps(info, indent=1).encode() + b"\n")
    paths.replace(built.out / f"{built.name}{SBOM}", sbom.document(built))


def load(path: Path) -> Item:
    """Read a signed image and, if they belong to this build, its companions."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "unitool sign makes signed images") from None
    with naming(path, "unitool sign makes signed images"):
        build_id = image.parse(data).build_id
    stem = path.name.removesuffix(SIGNED)
    info = _read(path.with_name(stem + INFO))
    facts = json.loads(info) if info is not None else {}
    if build_id is None or facts.get("build_id") != build_id.hex():
        return Item(image=data)
    if facts.get(_HARDWARE_ACCESS):
        raise UsageError(
            f"{path}: an application with hardware_access can overwrite slots and journal, and is "
            f"not for devices in the field",
            "take hardware_access out of app.toml, and use components instead",
        )
    return Item(image=data, info=info, sbom=_read(path.with_name(stem + SBOM)))


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def pack(
    items: Iterable[Item],
    key: cose.SigningKey,
    release: Release | None = None,
    keyset: bytes | None = None,
) -> bytes:
    """Return the bundle: a manifest per identity; `keyset` goes along as it is."""
    entries: list[Entry] = []
    seen: set[bytes] = set()
    for index, item in enumerate(items):
        manifest = _manifest(item.image, release or Release())
        if manifest.cid in seen:
            raise UsageError(
                f"two images for the identity {manifest.cid.hex()}",
                "give boards their own hw in app.toml, or pack one of the images",
            )
        seen.add(manifest.cid)
        entries.append(Entry(Kind.MANIFEST, index, manifest.sign(key), critical=True))
        entries.append(Entry(Kind.IMAGE, index, item.image, critical=True))
        for kind, content in ((Kind.SBOM, item.sbom), (Kind.INFO, item.info)):
            if content is not None:
                entries.append(Entry(kind, index, content))
    if not seen:
        raise UsageError("no image to pack", "unitool sign")
    if keyset is not None:
        entries.append(Entry(Kind.KEYSET, len(seen), keyset))
    return bundle.build(entries)


def _manifest(data: bytes, release: Release) -> Manifest:
    found = image.parse(data)
    component = Component(
        version=found.version,
        counter=found.counter,
        image_digest=found.digest,
        blob_digest=sha256(data).digest(),
        blob_size=len(data),
    )
    return Manifest(
        vid=found.vid,
        cid=found.cid,
        components=(component,),
        follows=release.follows,
        boot_min=release.boot_min,
        agent_min=release.agent_min,
        name=release.name,
    )
