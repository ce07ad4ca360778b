# SPDX-License-Identifier: Apache-2.0
"""Reads TOML strictly: keys typed, unknown ones refused, errors naming file, key and reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from unitool import paths
from unitool.errors import UnitoolError

_SIZE = re.compile(r"(\d+)([KM]?)")
_SCALE = {"": 1, "K": 1024, "M": 1024 * 1024}
_MISSING: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file: what its errors are, and what to do about them."""

    error: type[UnitoolError]
    manual: str  # the page of docs/ that describes it
    missing: str  # what to do where there is none


class Table:
    """A TOML table whose keys are taken one by one; what is left over is an error."""

    def __init__(self, data: dict[str, Any], file: Path, kind: Kind, prefix: str = "") -> None:
        """Wrap `data`, which stands in `file` under `prefix`."""
        self.file = file
        self._left = dict(data)
        self._kind = kind
        self._prefix = prefix

    def fail(self, key: str, reason: str, hint: str | None = None) -> NoReturn:
        """Raise the error of this file: `file: key: reason`. Without `hint`: its manual."""
        raise self._kind.error(
            f"{self.file}: {self._prefix}{key}: {reason}", hint or _read_on(self.file, self._kind)
        )

    def has(self, key: str) -> bool:
        """Whether `key` stands here and was not taken yet."""
        return key in self._left

    def names(self) -> list[str]:
        """Return the keys not taken yet."""
        return list(self._left)

    def text(self, key: str, default: str = _MISSING) -> str:
        """Take a non-empty string."""
        value = self._take(key, default, str, "a string")
        if value == "" and default is _MISSING:
            self.fail(key, "must not be empty")
        return str(value)

    def integer(
        self, key: str, default: int = _MISSING, *, low: int = 0, high: int = 0xFFFF_FFFF
    ) -> int:
        """Take an integer from low to high."""
        value = int(self._take(key, default, int, "an integer"))
        if not low <= value <= high:
            self.fail(key, f"{value:#x} is not in {low:#x}..{high:#x}")
        return value

    def flag(self, key: str, default: bool = _MISSING) -> bool:
        """Take true or false."""
        value = self._left.pop(key, default)
        if value is _MISSING:
            self.fail(key, "is missing")
        if not isinstance(value, bool):
            self.fail(key, "must be true or false")
        return value

    def texts(self, key: str, default: tuple[str, ...] = _MISSING) -> tuple[str, ...]:
        """Take a list of strings."""
        value = self._left.pop(key, default)
        if value is _MISSING:
            self.fail(key, "is missing")
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            self.fail(key, "must be a list of strings")
        return tuple(value)

    def size(self, key: str, default: int | None = None) -> int | None:
        """Take a number of bytes: an integer, or a string such as "96K"."""
        value = self._left.pop(key, default)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.fail(key, 'must be a number of bytes, such as 4096 or "4K"')
        return int(match[1]) * _SCALE[match[2]]

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Take a table; an empty one if `optional` and absent."""
        value = self._take(key, {} if optional else _MISSING, dict, "a table")
        return Table(value, self.file, self._kind, f"{self._prefix}{key}.")

    def text_or_table(self, key: str) -> str | Table:
        """Take what may be either."""
        return self.table(key) if isinstance(self._left.get(key), dict) else self.text(key)

    def tables(self, key: str) -> list[Table]:
        """Take a list of tables."""
        value = self._take(key, _MISSING, list, "a list of tables")
        if not value or not all(isinstance(v, dict) for v in value):
            self.fail(key, "must be a list of tables")
        return [
            Table(v, self.file, self._kind, f"{self._prefix}{key}[{i}].")
            for i, v in enumerate(value)
        ]

    def subtables(self) -> Iterator[tuple[str, Table]]:
        """Take all that is left as tables by name."""
        for key in self.names():
            yield key, self.table(key)

    def choice(self, key: str) -> str | tuple[str, ...]:
        """Take a string or a list of strings."""
        if isinstance(self._left.get(key), str):
            return self.text(key)
        return self.texts(key)

    def finish(self, known: str = "") -> None:
        """Refuse what nobody took. `known` lists what would be allowed."""
        for key in self._left:
            self.fail(key, "unknown key", f"known here: {known}" if known else None)

    def _take(self, key: str, default: Any, kind: type, what: str) -> Any:
        value = self._left.pop(key, default)
        if value is _MISSING:
            self.fail(key, "is missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fail(key, f"must be {what}")
        return value


def load(file: Path, kind: Kind) -> Table:
    """Read `file`; the error of its kind if it is missing, or no TOML."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise kind.error(f"{file.parent} has no {file.name}", kind.missing) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise kind.error(f"{file}: not TOML: {reason}", _read_on(file, kind)) from None
    return Table(data, file, kind)


def _read_on(file: Path, kind: Kind) -> str:
    return f"{paths.manual(kind.manual)} describes {file.name}"
