# SPDX-License-Identifier: Apache-2.0
"""Turns the body that a build left into a signed image."""

from __future__ import annotations

from pathlib import Path

from unitool import packing
from unitool.build import Built
from unitool.errors import SigningError
from unitool.formats import cose, image
from unitool.formats.keyset import Role
from unitool.formats.version import Version
from unitool.keys import KeyFolder

IMAGE_KEY = "image"
COUNTER_MAX = 0xFFFF_FFFF


def sign(
    built: Built, key_dir: Path | KeyFolder, counter: int = 0, *, key: cose.SigningKey | None = None
) -> Path:
    """Write <name>.signed.bin beside the build; `key` instead of the folder's image key."""
    if built.app is None:
        raise SigningError("the bootloader is not signed", "unitool provision fills in its keys")
    if not 0 <= counter <= COUNTER_MAX:
        raise SigningError(f"security counter {counter}: 0 to {COUNTER_MAX}")
    folder = key_dir if isinstance(key_dir, KeyFolder) else KeyFolder(key_dir)
    key = key or folder.private(IMAGE_KEY)
    app, board = built.app, built.board
    data = image.build(
        built.bin.read_bytes(),
        version=Version.parse(str(app.version)),
        counter=counter,
        vid=app.vid,
        cid=app.cid(board),
        key=key,
    )
    room = board.slots[0].size
    if len(data) > room:
        raise SigningError(f"{len(data):,} bytes do not fit a slot of {room:,} on {board.name}")
    signed = signed_path(built.out, built.name)
    partial = signed.with_suffix(".new")
    partial.write_bytes(data)
    partial.replace(signed)
    packing.write_companions(built)
    return signed


def signed_path(out: Path, name: str) -> Path:
    """Return where the signed image of a build lies."""
    return out / f"{name}{packing.SIGNED}"


def is_trusted(folder: KeyFolder, key: cose.SigningKey) -> bool:
    """Whether the folder's keyset lets devices accept images by this key."""
    roles = (Role.IMAGE, Role.IMAGE_DEV)
    return any(k.key == cose.public_of(key) for k in folder.keyset().keys if k.role in roles)
