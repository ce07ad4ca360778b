# SPDX-License-Identifier: Apache-2.0
"""The numbers of hal/public/hal/err.h, which devices send as codes of their reports."""

from __future__ import annotations

from enum import IntEnum


class Err(IntEnum):
    """Why something did not work on a device."""

    IO = -1
    RANGE = -2
    STATE = -3
    ECC = -4
    ERASED = -5
    FORMAT = -6
    UNSUPPORTED = -7
    TIMED_OUT = -8
    NO_MEMORY = -9
    NO_SPACE = -10
    BUSY = -11
    CLOSED = -12
    NOT_FOUND = -13
    SIGNATURE = -14
    DIGEST = -15
    IDENTITY = -16
    ROLLBACK = -17
    RELOCATION = -18
    SLOT_BOUND = -19
    AUTH = -20
