# SPDX-License-Identifier: Apache-2.0
"""Artifacts in a folder, named by their SHA-256. A blob is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path


class Blobs:
    """The folder `root`; a blob lies in `root/ab/abcd…`."""

    def __init__(self, root: Path) -> None:
        """Make the folder; clear away what a killed server had not finished."""
        self.root = root
        self._unfinished = root / "unfinished"
        self._unfinished.mkdir(parents=True, exist_ok=True)
        for path in self._unfinished.iterdir():
            path.unlink()

    def path(self, digest: bytes) -> Path:
        """Where this blob lies, or would lie."""
        name = digest.hex()
        return self.root / name[:2] / name

    def put(self, content: bytes) -> bytes:
        """Store a blob and return its digest. On return it survives a power cut."""
        digest = sha256(content).digest()
        path = self.path(digest)
        if path.exists():
            return digest
        handle, name = tempfile.mkstemp(dir=self._unfinished)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk must not stay full of it
            Path(name).unlink()
            raise
        Path(name).chmod(0o644)
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            _sync_folder(self.root)
        Path(name).rename(path)
        _sync_folder(path.parent)
        return digest


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
