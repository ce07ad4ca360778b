# SPDX-License-Identifier: Apache-2.0
"""MAJOR.MINOR.PATCH+BUILD, as text, as the image header's eight bytes and as four numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from construct import Int8ul, Int16ul, Int32ul, Struct

from unitool.formats.reasons import MalformedError

_FORM = Struct("major" / Int8ul, "minor" / Int8ul, "revision" / Int16ul, "build" / Int32ul)
_TEXT = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:\+(\d+))?", re.ASCII)
_LIMITS = (1 << 8, 1 << 8, 1 << 16, 1 << 32)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Compares by major, minor, revision, build, in this order."""

    major: int
    minor: int = 0
    revision: int = 0
    build: int = 0

    def __post_init__(self) -> None:
        """MalformedError if a number does not fit the header."""
        if any(not 0 <= n < limit for n, limit in zip(self.numbers, _LIMITS, strict=True)):
            raise MalformedError(
                f"version {self}: at most 255.255.65535+4294967295",
                "lower the number that is above",
            )

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read "1.2", "1.2.3" or "1.2.3+4"."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise MalformedError(
                f"version {text!r} is not MAJOR.MINOR.PATCH+BUILD", "such as 1.2, 1.2.3 or 1.2.3+4"
            )
        return cls(*(int(part or 0) for part in match.groups()))

    @classmethod
    def decode(cls, data: bytes) -> Version:
        """Read the eight bytes of the header's form."""
        v = _FORM.parse(data)
        return cls(v.major, v.minor, v.revision, v.build)

    def encode(self) -> bytes:
        """Return the eight bytes of the header's form."""
        names = ("major", "minor", "revision", "build")
        encoded: bytes = _FORM.build(dict(zip(names, self.numbers, strict=True)))
        return encoded

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """Return the four numbers."""
        return self.major, self.minor, self.revision, self.build

    def __str__(self) -> str:
        """Return "1.2.3", or "1.2.3+4" if there is a build number."""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.revision}{build}"
