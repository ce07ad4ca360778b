"""Errors that a user can act on: a sentence and a hint. Anything else keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class UnitoolError(Exception):
    """Something the user can mend: `message` says what is wrong, `hint` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str) -> None:
        """Both are single sentences without a trailing newline."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UnitoolError):
    """The call itself is wrong."""

    exit_code = 2


class BoardError(UnitoolError):
    """A board folder is missing or says something that cannot be."""


class AppError(UnitoolError):
    """An application folder is missing or its app.toml says something that cannot be."""


class BuildError(UnitoolError):
    """Compiling, linking or proving an image failed."""


class SetupError(UnitoolError):
    """The machine lacks something that unitool needs."""


class FormatError(UnitoolError):
    """Bytes are not what their format demands."""


@contextmanager
def naming(what: object, hint: str | None = None) -> Iterator[None]:
    """Say of a FormatError raised inside which file it is about, and perhaps another next step."""
    try:
        yield
    except FormatError as error:
        raise type(error)(f"{what}: {error.message}", hint or error.hint) from None


class SigningError(UnitoolError):
    """A key is missing, unreadable or of the wrong kind."""


class EmulatorError(UnitoolError):
    """The emulated board could not start, or died."""


class FlashError(UnitoolError):
    """Writing to a board failed or was refused."""


class NoProbeError(FlashError):
    """Nothing is connected through which the board could be reached."""

    exit_code = 10


class SeveralProbesError(FlashError):
    """More than one board or probe fits, and none was named."""

    exit_code = 11


class WrongBoardError(FlashError):
    """What is connected is another chip than board.toml says."""

    exit_code = 12


class ImageTooLargeError(FlashError):
    """The image does not fit the slot."""

    exit_code = 14


class ForeignKeyError(FlashError):
    """The image is signed with a key that the board's keyset does not hold."""

    exit_code = 15


class BoardRunsError(FlashError):
    """An emulated board's files cannot be changed while it is on."""

    exit_code = 16


class LostConnectionError(FlashError):
    """The way to the board broke off."""

    exit_code = 17


class VerifyError(FlashError):
    """What was written reads back otherwise."""

    exit_code = 18


class ServerError(UnitoolError):
    """The update server refused, or could not be reached."""
