# SPDX-License-Identifier: Apache-2.0
"""Vectors retained/*."""

from __future__ import annotations

from hashlib import sha256

from unitool.formats import retained
from unitool.formats.records import SlotState
from unitool.formats.retained import (
    Arch,
    BootMode,
    CrashRecord,
    FaultKind,
    Handover,
    ResetCause,
    ResetReason,
)

from generator import common as c
from generator.common import Writer
from generator.flash import patch, seal

HANDOVER = Handover(
    slot_base=c.SLOT_B,
    boot_count=0x1234567,
    floor=c.FLOOR,
    keyset_epoch=2,
    phase_us=(1000, 2000, 300000, 310000),
    boot_version=1,
    boot_params=0x0001F000,
    slot=1,
    state=SlotState.TRYING,
    tries=2,
    mode=BootMode.SAFE,
    reset_reason=ResetReason.PANIC,
    crashes=3,
    image_digest=sha256(b"unitool vector image").digest(),
)
CRASH = CrashRecord(
    regs=tuple(0x1000_0000 + n for n in range(retained.REGISTERS)),
    status=(0x82, 0x4000_0000, 0x1234_5678, 4),
    pc=c.SLOT_B + 0x1002,
    lr=c.SLOT_B + 0x1101,
    sp=0x2000_8000,
    kind=FaultKind.PANIC,
    arch=Arch.ARMV7M,
    slot_base=c.SLOT_B,
    uptime_ms=123456,
    build_id=sha256(b"unitool vector build").digest()[:20],
    message="the watchdog does not start",
    stack=tuple(0x2000_0000 + n for n in range(retained.STACK_WORDS)),
)
BAD = {"expect": "ERR_NOT_FOUND"}


def write(w: Writer) -> None:
    """Add all cases."""
    for reason in ResetReason:
        data = ResetCause(reason=reason).encode()
        name = f"cause_{reason.name.lower()}"
        w.add("retained", name, expect="OK", reason=int(reason), cause=data)
    for name, data in _spoiled(ResetCause(reason=ResetReason.PANIC).encode(), head=0).items():
        w.add("retained", f"bad_cause_{name}", **BAD, cause=data)
    _write_handovers(w)
    _write_crashes(w)


def _spoiled(data: bytes, head: int) -> dict[str, bytes]:
    """Return the ways not to be a record; `head`: where its magic stands."""
    return {
        "absent": bytes(len(data)),
        "crc": data[:-1] + bytes([data[-1] ^ 1]),
        "magic": seal(patch(data, head, b"X")),
        "version_0": seal(patch(data, head + 6, b"\0")),
    }


def _write_handovers(w: Writer) -> None:
    data = HANDOVER.encode()
    values = {name: getattr(HANDOVER, name) for name in HANDOVER.__slots__}
    values["phase_us"] = list(HANDOVER.phase_us)
    # What a later version makes of the reserved bytes does not concern a reader of this one.
    later = seal(patch(patch(data, 6, b"\2"), 54, b"\xff\xff"))
    w.add("retained", "handover", expect="OK", **values, handover=data)
    w.add("retained", "handover_later_version", expect="OK", **values, handover=later)
    for name, spoiled in _spoiled(data, head=0).items():
        w.add("retained", f"bad_handover_{name}", **BAD, handover=spoiled)


def _write_crashes(w: Writer) -> None:
    data = CRASH.encode()
    values = {name: getattr(CRASH, name) for name in CRASH.__slots__}
    values |= {name: list(values[name]) for name in ("regs", "status", "stack")}
    w.add("retained", "crash", expect="OK", **values, crash=data)
    head = 164
    for name, spoiled in _spoiled(data, head).items():
        w.add("retained", f"bad_crash_{name}", **BAD, crash=spoiled)
    w.add("retained", "bad_crash_version_2", **BAD, crash=seal(patch(data, head + 6, b"\2")))
