# SPDX-License-Identifier: Apache-2.0
"""Unix sockets in a board's state folder, however long its path is."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def connect(folder: Path, name: str) -> socket.socket:
    """Connect to the socket `name` in `folder`. OSError if nobody listens."""
    with _short_path(folder, name) as path:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            raise
    return connection


def listen(folder: Path, name: str) -> socket.socket:
    """Offer a socket `name` in `folder`, in place of a dead one."""
    (folder / name).unlink(missing_ok=True)
    with _short_path(folder, name) as path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
    listener.listen()
    return listener


@contextmanager
def _short_path(folder: Path, name: str) -> Iterator[str]:
    """Yield the socket's path in a form that fits the 108 bytes that Unix sockets allow."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
