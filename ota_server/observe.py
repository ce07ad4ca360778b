# SPDX-License-Identifier: Apache-2.0
"""Reads from a poll how far a device is with a release. Pure, like rollout.py, which decides."""

from __future__ import annotations

from dataclasses import replace

from unitool.formats.messages import Report, ReportKind
from unitool.formats.records import SlotState
from unitool.formats.retained import ResetReason

from ota_server.model import (
    Failure,
    Member,
    Rollout,
    Seen,
    SlotView,
    Stage,
)
from ota_server.words import crash_words, reason_words, report_words, reset_words

DOWNLOAD_ATTEMPTS = 3

# Worst first: of several reports in one poll the worst names the failure.
_FATAL = {
    ReportKind.BAD: (Failure.BAD, "rolled back from"),
    ReportKind.REVERTED: (Failure.REVERTED, "rolled back from"),
    ReportKind.REJECTED: (Failure.REJECTED, "rejected after the download"),
    ReportKind.REFUSED: (Failure.REFUSED, "refused the offer of"),
    ReportKind.CRASH: (Failure.CRASH, "crashed in"),
}

_BEFORE_START = (ReportKind.REJECTED, ReportKind.REFUSED)


def _failed(member: Member, failure: Failure, sentence: str) -> Member:
    return replace(member, stage=Stage.FAILED, failure=failure, detail=sentence, forgiven=False)


def _sentence(rollout: Rollout, seen: Seen, verb: str, cause: str) -> str:
    text = f"device {seen.name} {verb} {rollout.release.version}"
    running = seen.running.version
    if verb.startswith("rolled back") and running is not None:
        text += f" to {running}"
    return f"{text}: {cause}" if cause else text


def _cause(told: dict[int, Report], kind: ReportKind, seen: Seen) -> str:
    """Why, as far as the device said: the report itself, and the crash behind it."""
    causes = [report_words(told[kind])]
    if kind in (ReportKind.BAD, ReportKind.REVERTED) and ReportKind.CRASH in told:
        causes.append(report_words(told[ReportKind.CRASH]))
    if ReportKind.CRASH in told and seen.crash is not None:
        causes[-1] = f"{causes[-1]} {crash_words(seen.crash)}".strip()
    elif kind == ReportKind.BAD and seen.reset_reason in (ResetReason.WATCHDOG, ResetReason.PANIC):
        causes.append(f"last reset: {reset_words(seen.reset_reason)}")
    return "; ".join(cause for cause in causes if cause)


def from_reports(rollout: Rollout, member: Member, seen: Seen) -> Member:
    """The member after the failures that the device told; a silent one may speak again."""
    if member.stage is Stage.FAILED and member.failure is not Failure.SILENT:
        return member
    told = {r.kind: r for r in seen.reports if r.digest == rollout.release.image_digest}
    started = member.stage not in (Stage.OFFERED, Stage.LEFT)
    for kind, (failure, verb) in _FATAL.items():
        # An image that was not started here yet failed in an attempt before this one.
        if kind in told and (started or kind in _BEFORE_START):
            return _failed(
                member, failure, _sentence(rollout, seen, verb, _cause(told, kind, seen))
            )
    if ReportKind.DOWNLOAD_FAILED not in told or started:
        return member
    member = replace(member, attempts=member.attempts + 1)
    if member.attempts < DOWNLOAD_ATTEMPTS:
        return member
    verb = f"failed {member.attempts} times to download"
    cause = report_words(told[ReportKind.DOWNLOAD_FAILED])
    return _failed(member, Failure.DOWNLOAD, _sentence(rollout, seen, verb, cause))


def from_slots(rollout: Rollout, member: Member, seen: Seen) -> Member:
    """The member after what lies in the device's slots."""
    if member.stage is Stage.FAILED and member.failure is not Failure.SILENT:
        return member
    slot = seen.slot_with(rollout.release.image_digest)
    went = member.stage in (Stage.GO, Stage.TRYING, Stage.FAILED)
    if slot is seen.running:
        return _from_running(member, slot)
    if slot is not None and (went or member.stage is Stage.READY):
        if slot.state in (SlotState.BAD, SlotState.REVERTED):
            failure = Failure.BAD if slot.state is SlotState.BAD else Failure.REVERTED
            cause = reason_words(slot.reason)
            sentence = _sentence(rollout, seen, "rolled back from", cause)
            return _failed(member, failure, sentence)
        if slot.state is SlotState.READY and member.stage is Stage.FAILED:
            return _back_to(member, Stage.READY)
    if slot is not None and slot.state is SlotState.READY and member.stage is Stage.OFFERED:
        return replace(member, stage=Stage.READY)
    lost = slot is None or slot.state in (SlotState.EMPTY, SlotState.INSTALLING)
    if lost and (went or member.stage is Stage.READY):
        return _back_to(member, Stage.OFFERED)
    return member


def _from_running(member: Member, slot: SlotView) -> Member:
    if slot.state is SlotState.CONFIRMED:
        return member if member.stage is Stage.DONE else _back_to(member, Stage.DONE)
    if slot.state is SlotState.TRYING and member.stage is not Stage.TRYING:
        return _back_to(member, Stage.TRYING)
    return member


def _back_to(member: Member, stage: Stage) -> Member:
    return replace(member, stage=stage, failure=Failure.NONE, detail="", forgiven=False)
