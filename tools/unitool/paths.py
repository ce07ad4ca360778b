"""Where things are: the checkout that this package runs from, and the cache outside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def checkout() -> Path:
    """Return the folder with firmware/, hal/ and boards/."""
    return Path(__file__).resolve().parents[2]


def manual(name: str) -> Path:
    """Return a page of docs/, for errors that send people there."""
    return checkout() / "docs" / name


def cache() -> Path:
    """Return the cache folder: $UNITOOL_CACHE, else unitool's under the user's cache."""
    chosen = os.environ.get("UNITOOL_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "unitool"


def replace(path: Path, data: bytes) -> None:
    """Write a file in one step: who reads it meanwhile, or writes it too, sees one or the other."""
    partial = None
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(data)
        Path(partial).replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        if partial is not None:
            Path(partial).unlink()
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name what is written in an OSError that does not: of a full disk the system says no file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
