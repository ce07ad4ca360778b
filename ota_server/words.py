# SPDX-License-Identifier: Apache-2.0
"""What devices tell in numbers, in words: for the operator who asks why a rollout halted."""

from __future__ import annotations

from unitool.formats.err import Err
from unitool.formats.messages import Crash, Report, ReportKind
from unitool.formats.records import Reason
from unitool.formats.retained import FaultKind, ResetReason

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

# An update agent puts them into the code of reports 1, 2 and 4, with the sign dropped.
ERRORS = {
    Err.IO: "input or output failed",
    Err.RANGE: "a length out of range",
    Err.STATE: "not possible in this state",
    Err.ECC: "flash could not be read reliably",
    Err.FORMAT: "malformed",
    Err.UNSUPPORTED: "a version or algorithm that the device does not know",
    Err.TIMED_OUT: "timed out",
    Err.NO_MEMORY: "out of memory",
    Err.NO_SPACE: "does not fit the slot",
    Err.BUSY: "busy",
    Err.CLOSED: "connection closed",
    Err.NOT_FOUND: "not found",
    Err.SIGNATURE: "signature",
    Err.DIGEST: "digest",
    Err.IDENTITY: "identity of another product",
    Err.ROLLBACK: "security counter below the floor",
    Err.RELOCATION: "relocation table refused",
    Err.SLOT_BOUND: "linked for another address",
    Err.AUTH: "authentication",
}

# The code of a crash.
FAULTS = {
    FaultKind.CPU: "processor fault",
    FaultKind.PANIC: "panic",
    FaultKind.ASSERT: "assertion",
    FaultKind.WATCHDOG: "watchdog",
}

RESETS = {
    ResetReason.POWER_ON: "power-on",
    ResetReason.SOFTWARE: "software",
    ResetReason.WATCHDOG: "watchdog",
    ResetReason.PANIC: "panic",
    ResetReason.UPDATE: "update",
    ResetReason.EXTERNAL: "external",
}


def kind_words(kind: int) -> str:
    """A report's kind."""
    return KINDS[ReportKind(kind)] if kind in KINDS else f"kind {kind}"


def reason_words(reason: int) -> str:
    """Why a slot is bad or reverted."""
    return SLOT_REASONS[Reason(reason)] if reason in SLOT_REASONS else f"reason {reason}"


def reset_words(reason: int) -> str:
    """What reset the device."""
    return RESETS[ResetReason(reason)] if reason in RESETS else f"reset reason {reason}"


def fault_words(kind: int) -> str:
    """What left a crash record."""
    return FAULTS[FaultKind(kind)] if kind in FAULTS else f"fault {kind}"


def report_words(report: Report) -> str:
    """The cause in a report, empty if it gives none."""
    if report.text:
        return report.text
    if report.kind in (ReportKind.REVERTED, ReportKind.BAD):
        return reason_words(report.code)
    if report.kind == ReportKind.CRASH:
        return fault_words(report.code)
    if report.kind == ReportKind.ANSWERS_REFUSED:
        return str(report.code)
    if report.code == 0:
        return ""
    code = -abs(report.code)
    return ERRORS[Err(code)] if code in ERRORS else f"code {report.code}"


def crash_words(crash: Crash) -> str:
    """Where the last crash was; `unitool monitor` and `decode` make a source line of it."""
    return (
        f"at pc {crash.pc:08x}, lr {crash.lr:08x}, slot base {crash.slot_base:08x}, "
        f"build {crash.build_id.hex()}"
    )
