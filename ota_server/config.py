# SPDX-License-Identifier: Apache-2.0
"""The data folder and what is in it: made at the first start, found at every later one."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from unitool.errors import ServerError

from ota_server.crypto import ServerKey
from ota_server.polls import Intervals

DEFAULT_FOLDER = Path("unitool-server")
DEFAULT_KEYS = Path("keys")
DEVICE_PORT, OPERATOR_PORT = 8080, 8081
BUNDLE_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to serve. Port 0: any that is free. Operators are served on the loopback only."""

    folder: Path = DEFAULT_FOLDER
    keys: Path = DEFAULT_KEYS
    device_host: str = "127.0.0.1"
    device_port: int = DEVICE_PORT
    operator_port: int = OPERATOR_PORT
    intervals: Intervals = field(default_factory=Intervals)
    bundle_bytes_max: int = BUNDLE_BYTES_MAX


class DataFolder:
    """One server's folder; a second server on it is refused while the first runs."""

    def __init__(self, path: Path) -> None:
        """Make it, for the owner only, and lock it."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServerError(
                f"cannot use the data folder {path}: {error.strerror}",
                hint="choose one that you may write to: unitool serve --data DIR",
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServerError(
                f"another server runs on {path}", hint="stop it, or choose another: --data DIR"
            ) from None
        self.database = path / "server.db"
        self.blobs = path / "blobs"
        self._token = path / "operator.token"
        self._key = path / "server.pem"

    def token(self) -> str:
        """What operators must bear; made at the first start."""
        if not self._token.exists():
            _write_private(self._token, (secrets.token_urlsafe(32) + "\n").encode())
        return self._token.read_text().strip()

    def server_key(self, keys: Path) -> tuple[ServerKey, Path]:
        """The key in `keys`, else the one in the folder, made if need be; and its file."""
        path = keys / "server.pem"
        if not path.exists():
            path = self._key
            if not path.exists():
                made = ec.generate_private_key(ec.SECP256R1())
                _write_private(
                    path,
                    made.private_bytes(
                        serialization.Encoding.PEM,
                        serialization.PrivateFormat.PKCS8,
                        serialization.NoEncryption(),
                    ),
                )
        return ServerKey(_load_key(path)), path

    def announce(self, devices: str, operators: str) -> None:
        """Tell the command line where this server listens."""
        facts = {"devices": devices, "operators": operators, "pid": os.getpid()}
        path = self.path / "address.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(facts) + "\n")
        temporary.rename(path)


def _write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner reads; whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise ServerError(
            f"{path} is not a readable private key (PKCS#8 PEM)",
            hint="put the backup of this key there: devices know the server by it",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ServerError(f"{path} is not a P-256 key", hint="unitool keygen makes one")
    return key
