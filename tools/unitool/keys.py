# SPDX-License-Identifier: Apache-2.0
"""Keys as files: PKCS#8 PEM, 0600, in keys/ beside app.toml or in the checkout, never in git."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unitool import paths
from unitool.errors import FormatError, SigningError, naming
from unitool.formats import cose, keyset, p256
from unitool.formats.keyset import Key, Keyset, Role

FOLDER = "keys"
KEYSET_FILE = "keyset.cose"
NAMES = ("root", "spare", "image", "server")
FLEET_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The keys of one vendor. Private halves may be missing: offline, where they belong."""

    path: Path

    def private(self, name: str) -> cose.SigningKey:
        """Return a private key by name: root, spare, image or server."""
        return load(self.path / f"{name}.pem")

    def p256(self, name: str) -> p256.PrivateKey:
        """Return a private key that must be on P-256."""
        key = self.private(name)
        if isinstance(key, Ed25519PrivateKey):
            raise SigningError(
                f"{self.path / name}.pem is an Ed25519 key, not one on P-256",
                "devices agree on keys with P-256 only: unitool keygen makes such a key",
            )
        return key

    def public(self, name: str) -> bytes:
        """Return a public key by name, X‖Y, also where the private half is offline."""
        public = self.path / f"{name}.pub.pem"
        return load_public(public if public.exists() else self.path / f"{name}.pem")

    @property
    def signed_keyset(self) -> bytes:
        """Return the current keyset, as signed."""
        path = self.path / KEYSET_FILE
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise SigningError(f"{path} is missing", "unitool keygen --renew-keyset") from None

    def keyset(self) -> Keyset:
        """Return the current keyset; its root signature is checked."""
        roots = self.public("root"), self.public("spare")
        with naming(self.path / KEYSET_FILE, "bring it and root.pub.pem back from the same backup"):
            return keyset.verify(self.signed_keyset, *roots).keyset

    def renew(self, floors: dict[bytes, int] | None = None, url: str | None = None) -> Keyset:
        """Sign the next keyset with the keys of today; needs the root key."""
        now = self.keyset()
        renewed = Keyset(
            vid=now.vid,
            fleet=now.fleet,
            epoch=now.epoch + 1,
            keys=self._keys(url or next((k.url for k in now.keys if k.url), None)),
            floors=dict(now.floors) | (floors or {}),
        )
        _write(self.path / KEYSET_FILE, renewed.sign(self.private("root")), 0o644)
        return renewed

    def _keys(self, url: str | None) -> tuple[Key, ...]:
        image, server = self.public("image"), self.public("server")
        alg = cose.EDDSA if len(image) == 32 else cose.ES256
        return (
            Key(role=Role.IMAGE, alg=alg, key=image),
            Key(role=Role.SERVER, key=server, url=url),
        )


def load(path: Path) -> cose.SigningKey:
    """Return the private key in a PEM file that only its owner can read."""
    data = _read(path)
    if b"PUBLIC KEY" in data:
        raise SigningError(
            f"{path} holds a public key; this takes the private one",
            f"name {path.name.replace('.pub.', '.')} instead: unitool keygen makes both",
        )
    if path.stat().st_mode & 0o077:
        raise SigningError(f"{path} can be read by others", f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise SigningError(
            f"{path} holds no private key without a passphrase, as PEM",
            f"openssl pkcs8 -topk8 -nocrypt -in {path} -out NEW.pem takes a passphrase away",
        ) from None
    return _ours(key, path)


def load_public(path: Path) -> bytes:
    """Return the public key of a PEM file that holds a public or a private key."""
    data = _read(path)
    if b"PRIVATE KEY" in data:
        return cose.public_of(load(path))
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError:
        raise SigningError(
            f"{path} holds no key as PEM", "unitool keygen makes keys: NAME.pem and NAME.pub.pem"
        ) from None
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return p256.public(key)
    raise _other_kind(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SigningError(f"{path} is missing", "unitool keygen, or bring the key") from None
    except OSError as error:
        raise SigningError(
            f"{path}: {error.strerror}", "name a PEM file that you may read, such as keys/image.pem"
        ) from None


def _ours(key: object, path: Path) -> cose.SigningKey:
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise _other_kind(path)


def _other_kind(path: Path) -> SigningError:
    return SigningError(
        f"{path} is neither a P-256 nor an Ed25519 key",
        "unitool keygen makes keys on P-256; openssl genpkey -algorithm ed25519 the other kind",
    )


def find(app_dir: Path) -> KeyFolder | None:
    """Return keys/ beside app.toml, else the checkout's."""
    for parent in (app_dir.resolve(), paths.checkout()):
        if (parent / FOLDER / KEYSET_FILE).exists():
            return KeyFolder(parent / FOLDER)
    return None


def need(app_dir: Path, vid: bytes | None = None) -> KeyFolder:
    """Return the keys of an application; SigningError if there are none, or another vendor's."""
    found = find(app_dir)
    if found is None:
        raise SigningError(f"no keys for {app_dir.resolve()}", "unitool keygen")
    if vid is not None and found.keyset().vid != vid:
        raise SigningError(
            f"the keys in {found.path} are those of another vendor",
            "unitool keygen makes keys beside app.toml",
        )
    return found


def ensure(app_dir: Path, vid: bytes) -> tuple[KeyFolder, bool]:
    """Return the keys of an application, and whether they had to be made: for `unitool run`."""
    found = find(app_dir)
    if found is not None and found.keyset().vid == vid:
        return found, False
    with suppress(SigningError):  # two runs may both find none: the first one's count
        return generate(app_dir.resolve() / FOLDER, vid), True
    return need(app_dir, vid), False


def generate(
    folder: Path, vid: bytes, *, fleet: bytes | None = None, url: str | None = None
) -> KeyFolder:
    """Make all four keys and the first keyset, all at once; never touches what is there."""
    if any(folder.glob("*")):
        raise _taken(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".keys-", dir=folder.parent))
    try:
        with paths.writing(folder):
            _fill(partial, vid, fleet or secrets.token_bytes(FLEET_BYTES), url)
    except (OSError, FormatError):
        shutil.rmtree(partial)
        raise
    try:
        partial.rename(folder)
    except OSError:  # somebody else was faster
        shutil.rmtree(partial)
        raise _taken(folder) from None
    return KeyFolder(folder)


def _fill(partial: Path, vid: bytes, fleet: bytes, url: str | None) -> None:
    (partial / ".gitignore").write_text("*\n")
    for name in NAMES:
        _save(partial, name, ec.generate_private_key(ec.SECP256R1()))
    made = KeyFolder(partial)
    first = Keyset(
        vid=vid,
        fleet=fleet,
        epoch=1,
        keys=made._keys(url),
        floors={},
    )
    _write(partial / KEYSET_FILE, first.sign(made.private("root")), 0o644)


def _taken(folder: Path) -> SigningError:
    return SigningError(
        f"{folder} is not empty, and keys are never overwritten",
        "devices may trust those: unitool keygen --help says which of them go offline",
    )


def _save(folder: Path, name: str, key: ec.EllipticCurvePrivateKey) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(folder / f"{name}.pem", private, 0o600)
    _write(folder / f"{name}.pub.pem", public, 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace the file in one step; nobody sees a private key with wider rights in between."""
    partial = path.with_suffix(".new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with paths.writing(path), os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fsync(descriptor)
    partial.replace(path)
