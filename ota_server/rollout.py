# SPDX-License-Identifier: Apache-2.0
"""Decides what a device is told. Pure: facts in, new facts and actions out; no clock, no I/O.

The rules, in the order in which they matter:

1. Only an image that a device runs as trying is confirmed, and only if the device is in the
   image's rollout, that rollout is not aborted, the image has not crashed there, and it has run
   for a while: many faults show only after the first poll.
2. While a device tries an image, nothing else is asked of it. The exception would otherwise be
   stranded: it has no confirmed image to go back to, and what it runs is not ours to confirm.
3. Offers and `go` come only from a running rollout. Until the canaries succeeded, at most
   `canary` devices (and one for each failure that the operator forgave) hold a place.
4. A device that failed is not asked again by the same rollout, unless the operator says so.
5. A rollout halts by itself once failures exceed its limit, and only the operator resumes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from unitool.formats.records import SlotState
from unitool.formats.version import Version

from ota_server.model import (
    Counts,
    Failure,
    Member,
    Phase,
    Policy,
    Range,
    Release,
    Rollout,
    Seen,
    Stage,
)
from ota_server.observe import from_reports, from_slots


@dataclass(frozen=True, slots=True)
class Offer:
    """Install this release."""

    release: Release


@dataclass(frozen=True, slots=True)
class Go:
    """Restart into the image that lies ready."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Confirm:
    """Keep the image that is running."""

    digest: bytes


Action = Offer | Go | Confirm


@dataclass(frozen=True, slots=True)
class Change:
    """A rollout and this device's place in it, as they are from now on."""

    rollout: Rollout
    member: Member


@dataclass(frozen=True, slots=True)
class Plan:
    """What to store before answering, and what to answer."""

    changes: tuple[Change, ...]
    action: Action | None
    confirm_in_s: float | None = None  # once the image on trial has run long enough


def plan(rollouts: Sequence[Rollout], members: Mapping[int, Member], seen: Seen) -> Plan:
    """Everything that one poll leads to. `members`: by rollout id, this device's."""
    now = {r.id: Change(r, members[r.id]) for r in rollouts if r.id in members}
    now = {i: observe(c, seen) for i, c in now.items()}
    ranked = sorted(
        (now[r.id].rollout if r.id in now else r for r in rollouts),
        key=lambda r: (r.release.version, r.id),
        reverse=True,
    )
    action: Action | None = None
    trial = _trial(now, seen)
    confirm_in_s = None if trial is None else trial.policy.confirm_after_s - seen.trying_s
    if confirm_in_s is not None and confirm_in_s <= 0:
        action, confirm_in_s = Confirm(seen.running.digest), None
    if seen.running.state is not SlotState.TRYING or (trial is None and not seen.has_fallback):
        action = _advance(ranked, now, seen)
    old = {r.id: r for r in rollouts}
    changed = tuple(c for i, c in now.items() if c.rollout != old[i] or c.member != members.get(i))
    return Plan(changed, action, confirm_in_s)


def observe(change: Change, seen: Seen) -> Change:
    """Take in what the device says about this rollout's image."""
    rollout, member = change.rollout, change.member
    if member.stage is Stage.LEFT:
        return change
    new = from_reports(rollout, member, seen)
    if new is member or new.stage is not Stage.FAILED:
        new = from_slots(rollout, new, seen)
    return settle(rollout, member, new)


def settle(rollout: Rollout, old: Member | None, new: Member) -> Change:
    """Count a member's new state, then open or halt the rollout if that follows."""
    counts = _count(_count(rollout.counts, old, -1), new, 1)
    after = replace(rollout, counts=counts)
    if not after.opened and _canaries_passed(after):
        after = replace(after, opened=True)
    newly_failed = new.stage is Stage.FAILED and (old is None or old.stage is not Stage.FAILED)
    if after.phase in (Phase.RUNNING, Phase.PAUSED) and newly_failed and _too_many(after):
        after = replace(after, phase=Phase.HALTED, reason=new.detail)
    return Change(after, new)


def expire(change: Change, device: bytes, idle_s: float) -> Change:
    """A device that has not been heard for `idle_s`: failed if it was told to go, else replaced."""
    rollout, member = change.rollout, change.member
    if rollout.phase is Phase.ABORTED or idle_s <= rollout.policy.silence_s:
        return change
    if member.stage in (Stage.GO, Stage.TRYING):
        told = "go for" if member.stage is Stage.GO else "the first start of"
        detail = (
            f"device {device.hex()[:8]} fell silent after {told} "
            f"{rollout.release.version}: not heard for {int(idle_s)} s"
        )
        new = replace(member, stage=Stage.FAILED, failure=Failure.SILENT, detail=detail)
        return settle(rollout, member, new)
    if member.stage in (Stage.OFFERED, Stage.READY) and not rollout.opened:
        return settle(rollout, member, replace(member, stage=Stage.LEFT))
    return change


def begun(id_: int, release: Release, policy: Policy) -> Rollout:
    """A new rollout; without canaries it is open at once."""
    return Rollout(id=id_, release=release, policy=policy, opened=policy.canary == 0)


def resumed(rollout: Rollout) -> Rollout:
    """Go on after a pause or halt; the failures so far no longer count."""
    c = rollout.counts
    counts = replace(c, failed=0, forgiven=c.forgiven + c.failed)
    return replace(rollout, phase=Phase.RUNNING, reason="", counts=counts)


def forgiven(member: Member) -> Member:
    """What `resumed` means for one member."""
    return replace(member, forgiven=True) if member.stage is Stage.FAILED else member


def retried(change: Change) -> Change:
    """Let a failed device try again, unless the image itself failed on it."""
    member = change.member
    if member.stage is not Stage.FAILED or member.failure in (Failure.BAD, Failure.CRASH):
        return change
    return settle(change.rollout, member, Member(stage=Stage.LEFT))


def eligible(rollout: Rollout, seen: Seen) -> bool:
    """Whether this device may be offered the release at all."""
    manifest, current = rollout.release.manifest, seen.running.version
    if (seen.vid, seen.cid) != (manifest.vid, manifest.cid) or current is None:
        return False
    stuck = seen.slot_with(manifest.app.image_digest)
    return (
        manifest.app.version > current
        and manifest.may_follow(current)
        and _within(current, rollout.policy.current)
        and manifest.app.blob_size <= seen.slot_bytes
        and (manifest.boot_min or 0) <= seen.boot
        and (manifest.agent_min or 0) <= seen.agent
        and not (stuck is not None and stuck.state is SlotState.BAD)
    )


def has_room(rollout: Rollout) -> bool:
    """Whether one more device may join."""
    if rollout.phase is not Phase.RUNNING:
        return False
    counts = rollout.counts
    return rollout.opened or counts.admitted < rollout.policy.canary + counts.forgiven


def _within(version: Version, ranges: Sequence[Range] | None) -> bool:
    return ranges is None or any(low <= version <= high for low, high in ranges)


def _count(counts: Counts, member: Member | None, by: int) -> Counts:
    if member is None or member.stage is Stage.LEFT:
        return counts
    counts = replace(counts, admitted=counts.admitted + by)
    if member.stage is Stage.DONE:
        return replace(counts, done=counts.done + by)
    if member.stage is Stage.FAILED and member.forgiven:
        return replace(counts, forgiven=counts.forgiven + by)
    if member.stage is Stage.FAILED:
        return replace(counts, failed=counts.failed + by)
    return counts


def _canaries_passed(rollout: Rollout) -> bool:
    counts, canary = rollout.counts, rollout.policy.canary
    tolerable = counts.failed <= rollout.policy.max_failures
    return tolerable and counts.done >= 1 and counts.done + counts.failed >= canary


def _too_many(rollout: Rollout) -> bool:
    counts, policy = rollout.counts, rollout.policy
    every_canary = not rollout.opened and counts.done == 0 and counts.failed >= policy.canary
    return counts.failed > policy.max_failures or every_canary


def _trial(now: Mapping[int, Change], seen: Seen) -> Rollout | None:
    """The rollout whose image this device runs on trial, if it may be confirmed."""
    if seen.running.state is not SlotState.TRYING:
        return None
    for change in now.values():
        image = change.rollout.release.image_digest
        if image == seen.running.digest and change.member.stage is Stage.TRYING:
            return None if change.rollout.phase is Phase.ABORTED else change.rollout
    return None


def _advance(ranked: Sequence[Rollout], now: dict[int, Change], seen: Seen) -> Action | None:
    """Go on with what was begun, else the newest release that has a place for this device."""
    for rollout in ranked:
        change = now.get(rollout.id)
        if change is None or change.member.stage not in (Stage.OFFERED, Stage.READY, Stage.GO):
            continue
        if not eligible(rollout, seen):
            now[rollout.id] = settle(
                rollout, change.member, replace(change.member, stage=Stage.LEFT)
            )
        elif rollout.phase is Phase.RUNNING:
            return _next_step(now, change, seen)
        elif rollout.phase is Phase.PAUSED or change.member.stage is Stage.GO:
            return None
    for rollout in ranked:
        place = now.get(rollout.id)
        joins = place is None or place.member.stage is Stage.LEFT
        if joins and has_room(rollout) and eligible(rollout, seen):
            # Its reports are about the time before it joined; what lies in its slots counts.
            member = from_slots(rollout, Member(stage=Stage.OFFERED), seen)
            change = settle(rollout, place.member if place is not None else None, member)
            now[rollout.id] = change
            return _next_step(now, change, seen)
    return None


def _next_step(now: dict[int, Change], change: Change, seen: Seen) -> Action | None:
    rollout, member = change.rollout, change.member
    image = rollout.release.image_digest
    if member.stage is Stage.OFFERED:
        return Offer(rollout.release)
    if (seen.other.digest, seen.other.state) != (image, SlotState.READY):
        return None
    if member.stage is Stage.READY:
        now[rollout.id] = settle(rollout, member, replace(member, stage=Stage.GO))
    return Go(image)
