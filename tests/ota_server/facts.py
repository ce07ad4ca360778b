# SPDX-License-Identifier: Apache-2.0
"""Made-up releases and polls for tests of decisions."""

from __future__ import annotations

from hashlib import sha256

from unitool.formats.manifest import Component, Manifest
from unitool.formats.messages import Report, ReportKind
from unitool.formats.records import SlotState
from unitool.formats.version import Version

from ota_server.model import (
    Policy,
    Range,
    Release,
    Seen,
    SlotView,
)

VID, CID = b"V" * 16, b"C" * 16
V1, V2, V3 = Version(1), Version(2), Version(3)
EMPTY = SlotView(state=SlotState.EMPTY)


def digest_of(version: Version) -> bytes:
    """The image digest that stands for a version."""
    return sha256(repr(version).encode()).digest()


def release(
    version: Version = V2,
    follows: tuple[Range, ...] | None = None,
    boot_min: int | None = None,
    agent_min: int | None = None,
) -> Release:
    """A release of the one product."""
    app = Component(
        version=version,
        counter=1,
        image_digest=digest_of(version),
        blob_digest=bytes(32),
        blob_size=1000,
    )
    manifest = Manifest(
        vid=VID,
        cid=CID,
        components=(app,),
        follows=follows,
        boot_min=boot_min,
        agent_min=agent_min,
    )
    return Release(id=version.major, signed=b"", manifest=manifest)


def slot(version: Version, state: SlotState, reason: int = 0) -> SlotView:
    """A slot that holds this version."""
    return SlotView(state=state, version=version, digest=digest_of(version), reason=reason)


def seen(
    running: SlotView | None = None,
    other: SlotView = EMPTY,
    *reports: Report,
    device: int = 1,
) -> Seen:
    """A poll; by default of a device that runs 1.0.0 and has nothing else."""
    return Seen(
        device=device.to_bytes(16, "big"),
        vid=VID,
        cid=CID,
        running=running or slot(V1, SlotState.CONFIRMED),
        other=other,
        slot_bytes=4096,
        agent=1,
        boot=1,
        reports=reports,
    )


def report(kind: ReportKind, version: Version = V2, code: int = 0, text: str = "") -> Report:
    """A report about the image of `version`."""
    return Report(kind=kind, digest=digest_of(version), code=code, text=text)


def policy(canary: int = 1, max_failures: int = 0, confirm_after_s: int = 0) -> Policy:
    """How careful."""
    return Policy(
        canary=canary, max_failures=max_failures, silence_s=60, confirm_after_s=confirm_after_s
    )
