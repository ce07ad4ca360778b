# SPDX-License-Identifier: Apache-2.0
"""Turns the body that a build left into a signed image."""

from __future__ import annotations

from pathlib import Path

from unitool import packing, paths
from unitool.build import Built
from unitool.errors import SigningError
from unitool.formats import cose, image
from unitool.formats.keyset import Role
from unitool.formats.version import Version
from unitool.keys import KeyFolder

IMAGE_KEY = "image"
COUNTER_MAX = 0xFFFF_FFFF


def make(
    built: Built, key_dir: Path | KeyFolder, counter: int = 0, *, key: cose.SigningKey | None = None
) -> bytes:
    """Return the signed image of a build; `key` instead of the folder's image key."""
    if built.app is None:
        raise SigningError("the bootloader is not signed", "unitool provision fills in its keys")
    if not 0 <= counter <= COUNTER_MAX:
        raise SigningError(
            f"security counter {counter} is not in 0..{COUNTER_MAX}", "unitool sign --counter N"
        )
    folder = key_dir if isinstance(key_dir, KeyFolder) else KeyFolder(key_dir)
    app, board = built.app, built.board
    data = image.build(
        built.bin.read_bytes(),
        version=Version.parse(str(app.version)),
        counter=counter,
        vid=app.vid,
        cid=app.cid(board),
        key=key or folder.private(IMAGE_KEY),
    )
    room = board.slots[0].size
    if len(data) > room:
        raise SigningError(
            f"{app.name}: {len(data):,} bytes do not fit a slot of {room:,} on {board.name}",
            f"unitool size -b {board.name} shows what takes them",
        )
    return data


def save(built: Built, data: bytes) -> Path:
    """Write <name>.signed.bin, SBOM and info beside the build.

    Another run may sign the same build with its own keys: whoever goes on with the image takes the
    bytes of `make`, not what the file holds by then.
    """
    signed = signed_path(built.out, built.name)
    paths.replace(signed, data)
    packing.write_companions(built)
    return signed


def sign(
    built: Built, key_dir: Path | KeyFolder, counter: int = 0, *, key: cose.SigningKey | None = None
) -> Path:
    """Make the signed image and write it beside the build."""
    return save(built, make(built, key_dir, counter, key=key))


def signed_path(out: Path, name: str) -> Path:
    """Return where the signed image of a build lies."""
    return out / f"{name}{packing.SIGNED}"


def is_trusted(folder: KeyFolder, key: cose.SigningKey) -> bool:
    """Whether the folder's keyset lets devices accept images by this key."""
    roles = (Role.IMAGE, Role.IMAGE_DEV)
    return any(k.key == cose.public_of(key) for k in folder.keyset().keys if k.role in roles)
