# SPDX-License-Identifier: Apache-2.0
"""Folders of objects that several images have in common: firmware, hal and third-party code.

Versions of an application differ in its own sources only, so the rest is compiled once for each
board and choice of components and parameters. ninja decides what is out of date, as anywhere else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unitool import paths

_KEPT = 12  # folders for each board; the ones not used for longest go
_LOCK = ".lock"


def build_root() -> Path:
    """Where unitool puts what belongs to no application: the checkout's build/, or the cache."""
    checkout = paths.checkout()
    return checkout / "build" if os.access(checkout, os.W_OK) else paths.cache() / "build"


def folder(board: str, facts: object) -> Path:
    """Return the folder for whatever is compiled the same way; `facts` tell the ways apart."""
    key = hashlib.sha256(repr((paths.checkout(), facts)).encode()).hexdigest()[:16]
    return build_root() / "objects" / board / key


@contextmanager
def locked(where: Path) -> Iterator[None]:
    """Let concurrent builds in one folder, which is made if need be, wait for each other."""
    while True:
        where.mkdir(parents=True, exist_ok=True)
        with (where / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_there(file.fileno(), where / _LOCK):
                continue  # it was removed while we waited
            yield
            return


def _is_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def take(where: Path, objects: Sequence[str], to: Path) -> None:
    """Copy the objects that differ from those in `to`; call it under the lock of `where`."""
    for name in objects:
        source, target = where / name, to / name
        if not target.is_file() or _mark(source) != _mark(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _mark(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns


def forget_old(where: Path) -> None:
    """Remove folders beside `where` that were not used for longest; never one in use."""
    (where / _LOCK).touch()
    used: dict[Path, int] = {}
    for beside in where.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another build removes old ones as well
            used[beside] = (beside / _LOCK).stat().st_mtime_ns
    for old in sorted(used, key=lambda folder: used[folder])[:-_KEPT]:
        with (
            contextlib.suppress(FileNotFoundError, BlockingIOError),
            (old / _LOCK).open("r+") as file,
        ):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
