# SPDX-License-Identifier: Apache-2.0
"""Why bytes were refused: one exception per error of hal/public/hal/err.h; C and Python agree."""

from __future__ import annotations

from unitool.errors import FormatError


class Refusal(FormatError):
    """Bytes that a rule of their format refuses. Most rules of one class have the same remedy."""

    code = "ERR_FORMAT"
    next_step = ""  # each class gives its own

    def __init__(self, message: str, hint: str | None = None) -> None:
        """`hint`: where this rule has another remedy than its class."""
        super().__init__(message, hint or self.next_step)


class MalformedError(Refusal):
    """Bytes are not of the format they should be."""

    next_step = "it is damaged or something else: unitool sign makes images, unitool pack bundles"


class TooLargeError(Refusal):
    """Longer than the format allows, or than the place that it is for."""

    code = "ERR_NO_SPACE"
    next_step = "unitool inspect FILE shows what it holds; unitool size what takes room in an image"


class TruncatedError(TooLargeError):
    """The content goes on where the file, or the slot, ends."""

    next_step = "copy or download it again: its end is missing"


class UnsupportedError(Refusal):
    """Well-formed, but a version, flag or algorithm that this version does not know."""

    code = "ERR_UNSUPPORTED"
    next_step = "a later unitool made it: update this one, or make it again with this one"


class SignatureError(Refusal):
    """No signature, or none that one of the given keys made."""

    code = "ERR_SIGNATURE"
    next_step = "unitool sign --key PEM signs with a trusted key; unitool inspect FILE shows whose"


class DigestError(Refusal):
    """The content does not have the digest that it should have."""

    code = "ERR_DIGEST"
    next_step = "it changed after it was signed: make it again with unitool sign and unitool pack"


class IdentityError(Refusal):
    """For another vendor, product or hardware."""

    code = "ERR_IDENTITY"
    next_step = (
        "unitool inspect FILE shows vid and cid; vendor, product and hw in app.toml set them"
    )


class RollbackError(Refusal):
    """The security counter lies below the floor."""

    code = "ERR_ROLLBACK"
    next_step = "sign it with a higher one: unitool sign --counter N"


class RelocationError(Refusal):
    """The relocation table breaks a rule of FORMAT.md."""

    code = "ERR_RELOCATION"
    next_step = "unitool sign builds the image and its table again"


class SlotBoundError(Refusal):
    """No relocation table, and not linked for this slot."""

    code = "ERR_SLOT_BOUND"
    next_step = "build it for this board: unitool sign -b BOARD"


class NotFoundError(Refusal):
    """Nothing valid stands where it should."""

    code = "ERR_NOT_FOUND"
    next_step = "unitool provision writes what a board needs"


class AuthError(Refusal):
    """A message's MAC is wrong."""

    code = "ERR_AUTH"
    next_step = "the two sides have different keys: unitool provision gives a board the server's"
