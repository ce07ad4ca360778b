# SPDX-License-Identifier: Apache-2.0
"""What lies in retained RAM: golden vectors, and the numbers that the C headers have too."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import IntEnum
from pathlib import Path

import pytest
from unitool.formats import retained
from unitool.formats.err import Err
from unitool.formats.reasons import NotFoundError
from unitool.formats.retained import (
    Arch,
    BootMode,
    CrashRecord,
    FaultKind,
    Handover,
    ResetCause,
    ResetReason,
    Sealed,
)

from .test_vectors import Case, cases, expect

HAL = Path(__file__).parents[2] / "hal" / "public" / "hal"
RECORDS: dict[str, type[Sealed]] = {
    "cause": ResetCause,
    "handover": Handover,
    "crash": CrashRecord,
}
ENUMS = [
    ("retained.h", "reset_reason", "RESET_", ResetReason),
    ("retained.h", "boot_mode", "BOOT_", BootMode),
    ("fault.h", "hal_fault_kind", "HAL_FAULT_", FaultKind),
    ("fault.h", "hal_fault_arch", "HAL_ARCH_", Arch),
    ("err.h", "err", "ERR_", Err),
]


def said(case: Case, field: str) -> object:
    """Return a field as the record has it."""
    lines = case.lines(field)
    if field in ("image_digest", "build_id"):
        return case.hex(field)
    if field == "message":
        return case.text(field)
    numbers = tuple(int(line, 0) for line in lines)
    return numbers if field in ("phase_us", "regs", "status", "stack") else numbers[0]


@pytest.mark.parametrize("case", cases("retained"))
def test_records(case: Case) -> None:
    key = next(k for k in RECORDS if case.lines(k))
    kind, data = RECORDS[key], case.hex(key)
    expect(case, lambda: kind.decode(data))
    if case.text("expect") == "OK":
        values = {f.name: said(case, f.name) for f in fields(kind)}  # type: ignore[arg-type]
        made = kind(**values)
        assert kind.decode(data + b"what lies behind") == made
        assert kind.decode(made.encode()) == made


def test_what_is_encoded_is_what_the_vectors_hold() -> None:
    for name, kind in (("cause_watchdog", ResetCause), ("handover", Handover)):
        data = Case("retained", name).hex(name.partition("_")[0])
        assert kind.decode(data).encode() == data
    data = Case("retained", "crash").hex("crash")
    assert CrashRecord.decode(data).encode() == data


@pytest.mark.parametrize("size", range(16))
def test_cut_off_record_is_none(size: int) -> None:
    with pytest.raises(NotFoundError):
        ResetCause.decode(ResetCause(reason=ResetReason.PANIC).encode()[:size])


def members(file: Path, enum: str = "") -> dict[str, int]:
    """Return the members of a C enum, or of all that have no name."""
    text = re.sub(r"//[^\n]*", "", file.read_text())
    found = {}
    for body in re.findall(rf"enum\s+{enum}\s*\{{(.*?)\}}", text, re.DOTALL):
        for item in body.split(","):
            name, _, number = item.partition("=")
            if re.fullmatch(r"\s*-?\w+\s*", number):
                found[name.strip()] = int(number, 0)
    return found


@pytest.mark.parametrize(("file", "enum", "prefix", "ours"), ENUMS, ids=lambda v: str(v))
def test_enums_are_those_of_the_headers(
    file: str, enum: str, prefix: str, ours: type[IntEnum]
) -> None:
    assert members(HAL / file, enum) == {prefix + m.name: m.value for m in ours}


def test_places_are_those_of_the_headers() -> None:
    assert members(HAL / "retained.h") == {
        "RETAINED_RESET_CAUSE_OFFSET": retained.CAUSE_OFFSET,
        "RETAINED_HANDOVER_OFFSET": retained.HANDOVER_OFFSET,
        "RETAINED_CRASH_OFFSET": retained.CRASH_OFFSET,
        "RETAINED_BYTES_MIN": retained.BYTES_MIN,
        "RESET_CAUSE_MAGIC": retained.CAUSE_MAGIC,
        "RESET_CAUSE_VERSION": ResetCause.VERSION,
        "HANDOVER_MAGIC": retained.HANDOVER_MAGIC,
        "HANDOVER_VERSION": Handover.VERSION,
    }
