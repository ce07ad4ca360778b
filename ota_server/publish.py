# SPDX-License-Identifier: Apache-2.0
"""Checks a bundle as devices will, and takes it apart. No I/O."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from unitool.formats import bundle, image, keyset, manifest, relocation
from unitool.formats.bundle import Entry, Kind
from unitool.formats.image import Image
from unitool.formats.keyset import Keyset
from unitool.formats.manifest import Component, Manifest
from unitool.formats.reasons import (
    DigestError,
    IdentityError,
    MalformedError,
    RollbackError,
    SignatureError,
)

INFO_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a bundle holds for one identity."""

    signed: bytes
    manifest: Manifest
    info: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> bytes:
        """What names the manifest."""
        return sha256(self.signed).digest()


@dataclass(frozen=True, slots=True)
class Taken:
    """A bundle that passed: its parts, and all contents that are to be stored."""

    parts: tuple[Part, ...]
    contents: tuple[bytes, ...]


def take_apart(data: bytes, keysets: Mapping[bytes, Keyset]) -> Taken:
    """Check everything that can be checked here; FormatError says what is refused, and why.

    `keysets`: by VID, those that the operator trusts.
    """
    groups: dict[int, list[Entry]] = defaultdict(list)
    for entry in bundle.parse(data):
        groups[entry.index].append(entry)
    parts = tuple(
        part
        for index in sorted(groups)
        if (part := _part(index, groups[index], keysets)) is not None
    )
    if not parts:
        raise MalformedError("the bundle holds no manifest", hint="unitool pack makes bundles")
    identities = {(p.manifest.vid, p.manifest.cid) for p in parts}
    if len(identities) < len(parts):
        raise IdentityError("the bundle holds two manifests for the same identity")
    known = (Kind.IMAGE, Kind.DELTA, Kind.SBOM)
    contents = tuple(e.content for g in groups.values() for e in g if e.kind in known)
    return Taken(parts, contents)


def _part(index: int, group: Sequence[Entry], keysets: Mapping[bytes, Keyset]) -> Part | None:
    statements = [e.content for e in group if e.kind == Kind.MANIFEST]
    if not statements:
        return None
    if len(statements) > 1:
        raise MalformedError(f"two manifests for identity {index} of the bundle")
    signed = statements[0]
    claimed = manifest.peek(signed)
    trusted = keysets.get(claimed.vid)
    if trusted is None:
        raise SignatureError(
            f"no keyset for vendor {claimed.vid.hex()}: nobody says whose signature counts",
            hint="start the server beside keys/, or: unitool publish FILE --keyset "
            "keys/keyset.cose",
        )
    found = manifest.verify(signed, trusted.image_keys(development=True))
    images = {sha256(e.content).digest(): e.content for e in group if e.kind == Kind.IMAGE}
    for component in found.components:
        _check_component(found, component, images, trusted)
    return Part(signed=signed, manifest=found, info=_info(group))


def _check_component(
    found: Manifest, component: Component, images: Mapping[bytes, bytes], trusted: Keyset
) -> None:
    what = f"component {component.component} ({component.version})"
    content = images.get(component.blob_digest)
    if content is None:
        raise DigestError(f"{what}: no image of the bundle has the blob digest of the manifest")
    if len(content) != component.blob_size:
        raise DigestError(f"{what}: {len(content)} bytes, the manifest says {component.blob_size}")
    if component.kind != manifest.Kind.APP:
        return
    parsed = image.parse(content)
    _check_agreement(what, parsed, found, component)
    floor = trusted.floor(found.cid)
    if parsed.counter < floor:
        raise RollbackError(
            f"{what}: security counter {parsed.counter} is below the keyset's floor {floor}"
        )
    if parsed.relocatable:
        relocation.check(parsed.body)
    parsed.check_digest()
    parsed.check_signature(trusted.find_image_key(parsed.keyhash, development=True))


def _check_agreement(what: str, parsed: Image, found: Manifest, component: Component) -> None:
    if (parsed.vid, parsed.cid) != (found.vid, found.cid):
        raise IdentityError(f"{what}: the image is of another identity than the manifest")
    if parsed.digest != component.image_digest:
        raise DigestError(f"{what}: the image digest is not that of the manifest")
    if parsed.version != component.version or parsed.counter != component.counter:
        raise MalformedError(
            f"{what}: the image is {parsed.version} with counter {parsed.counter}, "
            f"the manifest says {component.version} with {component.counter}"
        )


def _info(group: Sequence[Entry]) -> dict[str, str]:
    """What the bundle tells people; nothing depends on it."""
    for entry in group:
        if entry.kind == Kind.INFO and len(entry.content) <= INFO_BYTES_MAX:
            try:
                found = json.loads(entry.content)
            except ValueError:
                raise MalformedError("the bundle's info is not JSON") from None
            if isinstance(found, dict):
                return {str(key): str(value) for key, value in found.items()}
    return {}


def check_keyset(statement: bytes) -> Keyset:
    """The keyset that an operator hands in; its root is known to devices, not to us."""
    return keyset.peek(statement)
