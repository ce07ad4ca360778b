# SPDX-License-Identifier: Apache-2.0
"""Between table rows and the values of model.py."""

from __future__ import annotations

import json
from typing import Any

from unitool.formats import cose, manifest
from unitool.formats.messages import Report
from unitool.formats.version import Version

from ota_server.model import (
    Device,
    Failure,
    Member,
    Phase,
    Policy,
    Range,
    Release,
    Rollout,
    Stage,
    Standing,
    StoredReport,
    Token,
)

Row = Any


def device_row(device: Device) -> dict[str, Any]:
    """The row of table device."""
    return {
        "id": device.id,
        "standing": device.standing.value,
        "public": device.public,
        "generation": device.generation,
        "pending": device.pending,
        "resyncs": device.resyncs,
        "status": json.dumps(device.status),
        "added_s": device.added_s,
    }


def device_from(row: Row) -> Device:
    """The device of a row."""
    return Device(
        id=row.id,
        standing=Standing(row.standing),
        public=row.public,
        generation=row.generation,
        pending=row.pending,
        resyncs=row.resyncs,
        status=json.loads(row.status),
        added_s=row.added_s,
    )


def release_from(row: Row) -> Release:
    """The release of a row; its manifest was verified when it was published."""
    payload = cose.parse_sign1(row.manifest, cose.Type.MANIFEST).payload
    return Release(
        id=row.id,
        signed=row.manifest,
        manifest=manifest.decode(payload),
        info=json.loads(row.info),
        added_s=row.added_s,
    )


def rollout_row(rollout: Rollout) -> dict[str, Any]:
    """The row of table rollout; the counts follow from the members."""
    policy = rollout.policy
    return {
        "id": rollout.id,
        "release": rollout.release.id,
        "policy": json.dumps(
            {
                "canary": policy.canary,
                "silence_s": policy.silence_s,
                "confirm_after_s": policy.confirm_after_s,
                "max_failures": policy.max_failures,
                "current": ranges_json(policy.current),
            }
        ),
        "phase": rollout.phase.value,
        "opened": rollout.opened,
        "reason": rollout.reason,
        "added_s": rollout.added_s,
    }


def rollout_from(row: Row, release: Release) -> Rollout:
    """The rollout of a row, its counts still zero."""
    stored = json.loads(row.policy)
    return Rollout(
        id=row.id,
        release=release,
        policy=Policy(
            canary=stored["canary"],
            silence_s=stored["silence_s"],
            confirm_after_s=stored["confirm_after_s"],
            max_failures=stored["max_failures"],
            current=ranges_from(stored["current"]),
        ),
        phase=Phase(row.phase),
        opened=row.opened,
        reason=row.reason,
        added_s=row.added_s,
    )


def member_row(rollout: int, device: bytes, member: Member, at_s: int) -> dict[str, Any]:
    """The row of table member."""
    return {
        "rollout": rollout,
        "device": device,
        "stage": member.stage.value,
        "attempts": member.attempts,
        "failure": member.failure.value,
        "detail": member.detail,
        "forgiven": member.forgiven,
        "at_s": at_s,
    }


def member_from(row: Row) -> tuple[int, bytes, Member]:
    """Rollout, device and member of a row."""
    member = Member(
        stage=Stage(row.stage),
        attempts=row.attempts,
        failure=Failure(row.failure),
        detail=row.detail,
        forgiven=row.forgiven,
    )
    return row.rollout, row.device, member


def report_from(row: Row) -> StoredReport:
    """The report of a row."""
    report = Report(kind=row.kind, digest=row.digest, code=row.code, text=row.text or None)
    return StoredReport(device=row.device, at_s=row.at_s, boot=row.boot, report=report)


def token_row(token: Token) -> dict[str, Any]:
    """The row of table token."""
    names = ("hash", "wrapped", "device", "used", "added_s")
    return {name: getattr(token, name) for name in names}


def token_from(row: Row) -> Token:
    """The token of a row."""
    return Token(
        hash=row.hash, wrapped=row.wrapped, device=row.device, used=row.used, added_s=row.added_s
    )


def ranges_json(ranges: tuple[Range, ...] | None) -> list[list[str]] | None:
    """Ranges of versions as JSON has them."""
    return None if ranges is None else [[str(low), str(high)] for low, high in ranges]


def ranges_from(ranges: list[list[str]] | None) -> tuple[Range, ...] | None:
    """Ranges of versions from JSON."""
    if ranges is None:
        return None
    return tuple((Version.parse(low), Version.parse(high)) for low, high in ranges)
