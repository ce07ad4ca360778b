# SPDX-License-Identifier: Apache-2.0
"""The emulated boards that are on: each has an entry in one folder of the user's."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from unitool.errors import EmulatorError

_ID_DIGITS = 8
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Powered:
    """An emulated board that is on, as whoever wants to use it must know it."""

    uid: str  # of its debug probe; the same at every power-on of this state folder
    board: str
    board_dir: str  # the folder of its board.toml
    state: str
    arch: str
    ram: int  # where RAM starts
    process: int
    ports: dict[str, int]  # TCP ports of the guest, and where they are on 127.0.0.1


def uid(board: str, state: Path) -> str:
    """Return the name of the probe of the emulated board in `state`."""
    digest = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()
    return f"{board}-{digest[:_ID_DIGITS]}"


@contextmanager
def announced(board: Powered) -> Iterator[None]:
    """Let others find the board. The entry is locked: one that is not is a dead process's."""
    folder = _folder()
    descriptor, name = tempfile.mkstemp(prefix=".", dir=folder)
    entry = folder / f"{board.uid}{_SUFFIX}"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps(asdict(board)).encode())
        Path(name).replace(entry)
        yield
    finally:
        entry.unlink(missing_ok=True)
        os.close(descriptor)


def boards() -> tuple[Powered, ...]:
    """Return every emulated board of this user that is on, by its probe's name."""
    found = (_read(entry) for entry in sorted(_folder().glob(f"*{_SUFFIX}")))
    return tuple(board for board in found if board is not None)


def _read(entry: Path) -> Powered | None:
    with contextlib.suppress(FileNotFoundError), entry.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.suppress(TypeError):  # written by another version: not ours to use
                return Powered(**json.load(file))
            return None
        entry.unlink(missing_ok=True)
    return None


def _folder() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR")
    shared = Path(tempfile.gettempdir()) / f"unitool-{os.getuid()}"
    folder = Path(base) / "unitool" if base and Path(base).is_dir() else shared
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise EmulatorError(
            f"{folder} belongs to somebody else", "set XDG_RUNTIME_DIR to a folder of your own"
        )
    return folder
