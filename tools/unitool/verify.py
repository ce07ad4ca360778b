# SPDX-License-Identifier: Apache-2.0
"""Whether an image or a bundle may be trusted, as devices and `unitool verify` decide.

The order is the device's: form, identity, counter, place, relocation table, digest, signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType

from unitool.formats import bundle, image, manifest, relocation
from unitool.formats.image import Image
from unitool.formats.manifest import Component, Manifest
from unitool.formats.reasons import (
    DigestError,
    IdentityError,
    MalformedError,
    RollbackError,
    SignatureError,
    SlotBoundError,
    TooLargeError,
)

_NONE: Mapping[bytes, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is demanded of an image; None: anything will do."""

    vid: bytes | None = None
    cid: bytes | None = None
    floor: int = 0
    floors: Mapping[bytes, int] = field(default_factory=lambda: _NONE)  # by CID, of a keyset
    image_keys: tuple[bytes, ...] | None = None
    slot_a: int | None = None  # CPU address of slot A
    slot_b: int | None = None
    slot_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One identity's part of a bundle."""

    manifest: Manifest
    signed: bytes
    images: tuple[Image, ...]


def check_image(data: bytes, policy: Policy) -> Image:
    """Return the image of a file, or raise the FormatError that says why it is refused."""
    if policy.slot_bytes is not None and len(data) > policy.slot_bytes:
        raise TooLargeError(f"{len(data):,} bytes do not fit a slot of {policy.slot_bytes:,}")
    found = image.parse(data)
    _check_identity(found, policy)
    _check_place(found, policy)
    found.check_digest()
    _check_signature(found, policy)
    return found


def canonical(data: bytes, found: Image, delta: int) -> Image:
    """Return the image as it was signed, from one that lies `delta` bytes above slot A."""
    if delta == 0:
        return found
    start = len(found.header)
    body = relocation.apply(found.body, -delta)
    return image.parse(data[:start] + body + data[start + len(body) :], exact=False)


def _check_identity(found: Image, policy: Policy) -> None:
    if policy.vid is not None and found.vid != policy.vid:
        raise IdentityError(f"for another vendor (VID {found.vid.hex()})")
    if policy.cid is not None and found.cid != policy.cid:
        raise IdentityError(f"for another product or hardware (CID {found.cid.hex()})")
    floor = max(policy.floor, policy.floors.get(found.cid, 0))
    if found.counter < floor:
        raise RollbackError(f"security counter {found.counter} is below the floor {floor}")


def _check_place(found: Image, policy: Policy) -> None:
    """Check the relocation table, or that the image is bound to one of the slots."""
    if found.relocatable:
        base = None if policy.slot_a is None else policy.slot_a + len(found.header)
        relocation.check(found.body, base)
        return
    if not found.rom_fixed:
        raise SlotBoundError("no relocation table, and not bound to a slot (ROM_FIXED) either")
    slots = [slot for slot in (policy.slot_a, policy.slot_b) if slot is not None]
    if slots and found.load_addr not in slots:
        raise SlotBoundError(f"linked for {found.load_addr:#010x}, where the board has no slot")


def _check_signature(found: Image, policy: Policy) -> None:
    if policy.image_keys is None:
        return
    for key in policy.image_keys:
        if image.keyhash(key) == found.keyhash:
            found.check_signature(key)
            return
    raise SignatureError(f"signed by an unknown key (KEYHASH {found.keyhash[:8].hex()}…)")


def check_bundle(data: bytes, policy: Policy) -> tuple[Release, ...]:
    """Return the releases of a bundle, or raise why it is refused."""
    entries = bundle.parse(data)
    release_kinds = (bundle.Kind.MANIFEST, bundle.Kind.IMAGE)
    indices = sorted({e.index for e in entries if e.kind in release_kinds})
    if not indices:
        raise MalformedError("the bundle holds no image")
    releases = tuple(_release([e for e in entries if e.index == i], i, policy) for i in indices)
    if len({(r.manifest.vid, r.manifest.cid) for r in releases}) < len(releases):
        raise IdentityError("the bundle holds two manifests for the same identity")
    return releases


def _release(group: list[bundle.Entry], index: int, policy: Policy) -> Release:
    signed = [e.content for e in group if e.kind == bundle.Kind.MANIFEST]
    if len(signed) != 1:
        raise MalformedError(f"{len(signed)} manifests for identity {index} of the bundle, not one")
    keys = policy.image_keys
    stated = manifest.peek(signed[0]) if keys is None else manifest.verify(signed[0], keys)
    blobs = {sha256(e.content).digest(): e.content for e in group if e.kind == bundle.Kind.IMAGE}
    if len(blobs) != len(stated.components):
        raise MalformedError(f"identity {index}: {len(blobs)} images, not as the manifest states")
    images = tuple(
        _component(stated, part, blobs.get(part.blob_digest), policy) for part in stated.components
    )
    return Release(
        manifest=stated, signed=signed[0], images=tuple(i for i in images if i is not None)
    )


def _component(
    stated: Manifest, part: Component, blob: bytes | None, policy: Policy
) -> Image | None:
    what = f"component {part.component}"
    if blob is None:
        raise DigestError(f"{what}: no image has the blob digest that the manifest states")
    if len(blob) != part.blob_size:
        raise MalformedError(f"{what}: {len(blob)} bytes; the manifest states {part.blob_size}")
    if part.kind != manifest.Kind.APP:
        return None
    found = check_image(blob, policy)
    if (found.vid, found.cid) != (stated.vid, stated.cid):
        raise IdentityError(f"{what}: the image has another identity than its manifest")
    if found.digest != part.image_digest:
        raise DigestError(f"{what}: the manifest states another image digest")
    if (found.version, found.counter) != (part.version, part.counter):
        raise MalformedError(f"{what}: the manifest states another version or counter")
    return found
