# SPDX-License-Identifier: Apache-2.0
"""What devices tell in numbers, in words: for the operator who asks why a rollout halted."""

from __future__ import annotations

from unitool.formats.messages import Crash, Report, ReportKind
from unitool.formats.records import Reason

KINDS = {
    ReportKind.REFUSED: "offer refused",
    ReportKind.DOWNLOAD_FAILED: "download failed",
    ReportKind.INSTALLED: "installed",
    ReportKind.REJECTED: "rejected after download",
    ReportKind.CONFIRMED: "confirmed",
    ReportKind.REVERTED: "reverted",
    ReportKind.BAD: "bad",
    ReportKind.CRASH: "crash",
    ReportKind.ANSWERS_REFUSED: "answers refused",
}

SLOT_REASONS = {
    Reason.CRASHED: "it crashed until its tries were used up",
    Reason.NOT_CONFIRMED: "no confirmation in time",
    Reason.SIGNATURE: "signature or digest wrong at start",
    Reason.IDENTITY: "identity of another product",
    Reason.FLOOR: "security counter below the floor",
    Reason.RELOCATION: "relocation table refused",
    Reason.FORMAT: "format not understood",
    Reason.SERVER: "ordered by the server",
    Reason.LOCAL: "ordered at the device",
    Reason.POWER_ONS: "too many power-ons without a confirmation",
}

# hal/err.h, its sign dropped: what an update agent puts into the code of reports 1, 2 and 4.
ERRORS = {
    1: "input or output failed",
    2: "a length out of range",
    3: "not possible in this state",
    4: "flash could not be read reliably",
    6: "malformed",
    7: "a version or algorithm that the device does not know",
    8: "timed out",
    9: "out of memory",
    10: "does not fit the slot",
    11: "busy",
    12: "connection closed",
    13: "not found",
    14: "signature",
    15: "digest",
    16: "identity of another product",
    17: "security counter below the floor",
    18: "relocation table refused",
    19: "linked for another address",
    20: "authentication",
}

# hal/fault.h, enum hal_fault_kind: the code of a crash.
FAULTS = {1: "processor fault", 2: "panic", 3: "assertion", 4: "watchdog"}

# hal/retained.h, enum reset_reason.
RESETS = {
    1: "power-on",
    2: "software",
    3: "watchdog",
    4: "panic",
    5: "update",
    6: "external",
}


def kind_words(kind: int) -> str:
    """A report's kind."""
    return KINDS[ReportKind(kind)] if kind in KINDS else f"kind {kind}"


def reason_words(reason: int) -> str:
    """Why a slot is bad or reverted."""
    return SLOT_REASONS[Reason(reason)] if reason in SLOT_REASONS else f"reason {reason}"


def reset_words(reason: int) -> str:
    """What reset the device."""
    return RESETS.get(reason, f"reset reason {reason}")


def report_words(report: Report) -> str:
    """The cause in a report, empty if it gives none."""
    if report.text:
        return report.text
    if report.kind in (ReportKind.REVERTED, ReportKind.BAD):
        return reason_words(report.code)
    if report.kind == ReportKind.CRASH:
        return FAULTS.get(report.code, f"fault {report.code}")
    if report.kind == ReportKind.ANSWERS_REFUSED:
        return str(report.code)
    return ERRORS.get(abs(report.code), f"code {report.code}") if report.code else ""


def crash_words(crash: Crash) -> str:
    """Where the last crash was; `unitool monitor` and `decode` make a source line of it."""
    return (
        f"at pc {crash.pc:08x}, lr {crash.lr:08x}, slot base {crash.slot_base:08x}, "
        f"build {crash.build_id.hex()}"
    )
