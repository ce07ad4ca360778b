# SPDX-License-Identifier: Apache-2.0
"""Why bytes were refused: one exception per error of hal/include/hal/err.h; C and Python agree."""

from __future__ import annotations

from unitool.errors import FormatError


class MalformedError(FormatError):
    """Bytes are not of the format they should be."""

    code = "ERR_FORMAT"


class TooLargeError(FormatError):
    """Longer than the format allows, or than the place that it is for."""

    code = "ERR_NO_SPACE"


class TruncatedError(TooLargeError):
    """The content goes on where the file, or the slot, ends."""


class UnsupportedError(FormatError):
    """Well-formed, but a version, flag or algorithm that this version does not know."""

    code = "ERR_UNSUPPORTED"


class SignatureError(FormatError):
    """No signature, or none that one of the given keys made."""

    code = "ERR_SIGNATURE"


class DigestError(FormatError):
    """The content does not have the digest that it should have."""

    code = "ERR_DIGEST"


class IdentityError(FormatError):
    """For another vendor, product or hardware."""

    code = "ERR_IDENTITY"


class RollbackError(FormatError):
    """The security counter lies below the floor."""

    code = "ERR_ROLLBACK"


class RelocationError(FormatError):
    """The relocation table breaks a rule of FORMAT.md."""

    code = "ERR_RELOCATION"


class SlotBoundError(FormatError):
    """No relocation table, and not linked for this slot."""

    code = "ERR_SLOT_BOUND"


class NotFoundError(FormatError):
    """Nothing valid stands where it should."""

    code = "ERR_NOT_FOUND"


class AuthError(FormatError):
    """A message's MAC is wrong."""

    code = "ERR_AUTH"
