# SPDX-License-Identifier: Apache-2.0
"""What the server knows, as frozen values: no I/O (store.py), no decisions (rollout.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Version = tuple[int, int, int, int]


def version_text(version: Version) -> str:
    """`1.2.0`, or `1.2.0+7` when there is a build number."""
    text = ".".join(str(part) for part in version[:3])
    return f"{text}+{version[3]}" if version[3] else text


class SlotState(StrEnum):
    """States of a slot, in the order of their numbers in flash.md."""

    EMPTY = "empty"
    INSTALLING = "installing"
    READY = "ready"
    TRYING = "trying"
    CONFIRMED = "confirmed"
    BAD = "bad"
    REVERTED = "reverted"


class ReportKind(StrEnum):
    """Kinds of report, in the order of their numbers in protocol.md, from 1."""

    REFUSED = "offer refused"
    DOWNLOAD = "download failed"
    INSTALLED = "installed"
    REJECTED = "rejected after download"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    BAD = "bad"
    CRASH = "crash"
    ANSWERS = "answers refused"


SLOT_REASONS = {
    1: "it crashed until its tries were used up",
    2: "no confirmation in time",
    3: "signature or digest wrong at start",
    4: "identity of another product",
    5: "security counter below the floor",
    6: "relocation table refused",
    7: "format not understood",
    8: "ordered by the server",
    9: "ordered at the device",
    10: "too many power-ons without a confirmation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One slot as a poll described it; `reason` is the number of flash.md."""

    state: SlotState
    version: Version | None = None
    digest: bytes = b""
    reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Something that happened on a device, told once."""

    kind: ReportKind
    digest: bytes
    code: int
    text: str = ""

    def words(self) -> str:
        """The cause as an operator reads it, empty if the device gave none."""
        if self.text:
            return self.text
        if self.kind in (ReportKind.REVERTED, ReportKind.BAD):
            return SLOT_REASONS.get(self.code, f"reason {self.code}")
        return f"code {self.code}" if self.code else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one accepted poll says about the app (component 0) of a device."""

    device: bytes
    vid: bytes
    cid: bytes
    running: SlotView
    other: SlotView
    slot_bytes: int
    agent: int
    boot: int
    reports: tuple[Report, ...] = ()

    def slot_with(self, digest: bytes) -> SlotView | None:
        """The slot that holds this image, the running one first."""
        for slot in (self.running, self.other):
            if slot.digest == digest:
                return slot
        return None

    @property
    def name(self) -> str:
        """The first eight digits of the id, enough to tell devices apart in a sentence."""
        return self.device.hex()[:8]


Range = tuple[Version, Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published manifest: an image for one identity. `follows` None means any version."""

    id: int
    name: str
    vid: bytes
    cid: bytes
    version: Version
    counter: int
    image_digest: bytes
    blob_digest: bytes
    blob_bytes: int
    manifest: bytes
    follows: tuple[Range, ...] | None = None
    least_boot: int = 0
    least_agent: int = 0


class Phase(StrEnum):
    """Whether a rollout goes on. ABORTED is final; HALTED waits for the operator."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    ABORTED = "aborted"


class Stage(StrEnum):
    """How far one device is in one rollout. LEFT: it gave its place back."""

    OFFERED = "offered"
    READY = "ready"
    GO = "go"
    TRYING = "trying"
    DONE = "done"
    FAILED = "failed"
    LEFT = "left"


class Failure(StrEnum):
    """Why a device counts as failed."""

    NONE = ""
    SILENT = "silent"
    REFUSED = "refused"
    DOWNLOAD = "download"
    REJECTED = "rejected"
    REVERTED = "reverted"
    BAD = "bad"
    CRASH = "crash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A device in a rollout. A forgiven failure no longer counts (the operator resumed)."""

    stage: Stage
    attempts: int = 0
    failure: Failure = Failure.NONE
    detail: str = ""
    forgiven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How careful a rollout is. `current`: only devices that run such a version; None means any."""

    canary: int = 1
    silence_s: int = 3600
    max_failures: int = 0
    current: tuple[Range, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Members by what matters for decisions; `admitted` holds all but those that left."""

    admitted: int = 0
    done: int = 0
    failed: int = 0
    forgiven: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A release on its way to devices. `opened`: the canaries succeeded, everybody may follow."""

    id: int
    release: Release
    policy: Policy
    phase: Phase = Phase.RUNNING
    opened: bool = False
    reason: str = ""
    counts: Counts = field(default_factory=Counts)
