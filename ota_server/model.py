# SPDX-License-Identifier: Apache-2.0
"""What the server knows, as frozen values: no I/O (store.py), no decisions (rollout.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from unitool.formats.manifest import Manifest
from unitool.formats.messages import Crash, Poll, Report, SlotStatus
from unitool.formats.reasons import MalformedError
from unitool.formats.records import SlotState
from unitool.formats.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One slot as a poll described it; `reason` is the number of flash.md."""

    state: SlotState
    version: Version | None = None
    digest: bytes = b""
    reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one accepted poll says about the app (component 0) of a device.

    `trying_s`: for how long the server has heard it run an unconfirmed image in this boot.
    """

    device: bytes
    vid: bytes
    cid: bytes
    running: SlotView
    other: SlotView
    slot_bytes: int
    agent: int
    boot: int
    reset_reason: int = 0
    reports: tuple[Report, ...] = ()
    crash: Crash | None = None
    trying_s: float = 0.0

    def slot_with(self, digest: bytes) -> SlotView | None:
        """The slot that holds this image, the running one first."""
        for slot in (self.running, self.other):
            if slot.digest == digest:
                return slot
        return None

    @property
    def has_fallback(self) -> bool:
        """Whether the slot that does not run holds an image to go back to."""
        return self.other.state is SlotState.CONFIRMED

    @property
    def name(self) -> str:
        """The first eight digits of the id, enough to tell devices apart in a sentence."""
        return self.device.hex()[:8]


def seen_from(poll: Poll, trying_s: float = 0.0) -> Seen:
    """What matters of a poll; MalformedError if the running slot is none of those it lists."""
    app = poll.app
    slots = {s.slot: _slot_view(s) for s in app.slots}
    if app.running not in slots:
        raise MalformedError("poll: the running slot is not listed")
    running = slots.pop(app.running)
    return Seen(
        device=poll.device,
        vid=app.vid,
        cid=app.cid,
        running=running,
        other=next(iter(slots.values()), SlotView(state=SlotState.EMPTY)),
        slot_bytes=poll.slot_bytes,
        agent=poll.agent,
        boot=poll.bootloader,
        reset_reason=poll.boot.reset_reason,
        reports=poll.reports,
        crash=poll.crash,
        trying_s=trying_s,
    )


def _slot_view(slot: SlotStatus) -> SlotView:
    """States of later versions of the protocol say nothing to us."""
    known = slot.state in set(SlotState)
    return SlotView(
        state=SlotState(slot.state) if known else SlotState.EMPTY,
        version=slot.version,
        digest=slot.digest or b"",
        reason=slot.reason or 0,
    )


Range = tuple[Version, Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published manifest, as signed and as read: an image for one identity."""

    id: int
    signed: bytes
    manifest: Manifest
    info: dict[str, str] = field(default_factory=dict)  # for people: app, board, build id
    added_s: int = 0

    @property
    def version(self) -> Version:
        """The app's version."""
        return self.manifest.app.version

    @property
    def image_digest(self) -> bytes:
        """What names the image on devices."""
        return self.manifest.app.image_digest


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
    """How careful a rollout is. `current`: only devices that run such a version; None means any.

    `confirm_after_s`: an image that has not run for so long is not confirmed yet.
    """

    canary: int = 1
    silence_s: int = 3600
    confirm_after_s: int = 10
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
    added_s: int = 0
    counts: Counts = field(default_factory=Counts)


class Standing(StrEnum):
    """Whether we talk to a device. EXPECTED: its id is known, it was not heard yet."""

    EXPECTED = "expected"
    PENDING = "pending approval"
    ENROLLED = "enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What is stored of a device, but for what changes with every poll.

    `generation` is the one that counts, `pending` the one it was last told to take. `status` is
    what its last poll said, for people.
    """

    id: bytes
    standing: Standing
    public: bytes | None = None
    generation: bytes | None = None
    pending: bytes | None = None
    resyncs: int = 0
    status: dict[str, Any] = field(default_factory=dict)
    added_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report, whose, and when it came."""

    device: bytes
    at_s: int
    boot: int
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A one-time enrolment token, for one device or for any.

    The key of an enrolment is derived from the token itself, so a hash would not do: it is kept
    wrapped by the server key until the device that used it polls, then only its hash remains.
    """

    hash: bytes
    wrapped: bytes | None
    device: bytes | None = None
    used: bool = False
    added_s: int = 0
