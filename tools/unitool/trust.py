# SPDX-License-Identifier: Apache-2.0
"""Whose signatures count for a command: from --key, --keyset, or the keys folder at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unitool import keys
from unitool.errors import SigningError, UsageError, naming
from unitool.formats import keyset
from unitool.formats.keyset import Keyset


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Image keys, the floors that came with them, and what they are called in messages."""

    image_keys: tuple[bytes, ...]
    floors: Mapping[bytes, int] = field(default_factory=dict)
    source: str
    rooted: bool = True  # the keyset's own signature was checked


def resolve(
    key_files: tuple[Path, ...],
    keyset_file: Path | None,
    roots: tuple[Path, ...],
    app_dir: Path,
    development: bool = False,
) -> Trust:
    """Return whom to trust; SigningError if nothing says so."""
    if roots and keyset_file is None:
        raise UsageError("--root says who must have signed a keyset", "give --keyset FILE too")
    if key_files:
        public = tuple(keys.load_public(path) for path in key_files)
        return Trust(image_keys=public, source=", ".join(map(str, key_files)))
    if keyset_file is not None:
        return _from_keyset(keyset_file, roots, development)
    folder = keys.find(app_dir)
    if folder is None:
        raise SigningError(
            "whose signature is to be trusted?", "give --key PEM, --keyset FILE or --app DIR"
        )
    return _trust(folder.keyset(), str(folder.path / keys.KEYSET_FILE), development, True)


def _from_keyset(path: Path, roots: tuple[Path, ...], development: bool) -> Trust:
    try:
        signed = path.read_bytes()
    except OSError as error:
        raise SigningError(
            f"{path}: {error.strerror}", "unitool keygen makes keys and their keyset.cose"
        ) from None
    public = [keys.load_public(root) for root in roots]
    beside = [path.parent / f"{name}.pub.pem" for name in ("root", "spare")]
    if not public and all(p.exists() for p in beside):
        public = [keys.load_public(p) for p in beside]
    with naming(path, "unitool inspect FILE shows what it is; unitool keygen makes keyset.cose"):
        if not public:
            return _trust(keyset.peek(signed), str(path), development, False)
        checked = keyset.verify(signed, public[0], public[1] if len(public) > 1 else None)
    return _trust(checked.keyset, str(path), development, True)


def _trust(found: Keyset, source: str, development: bool, rooted: bool) -> Trust:
    return Trust(
        image_keys=tuple(found.image_keys(development)),
        floors=found.floors,
        source=source,
        rooted=rooted,
    )
