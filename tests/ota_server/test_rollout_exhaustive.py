# SPDX-License-Identifier: Apache-2.0
"""Every combination of phase, place, slots and report: what may be said, and what may change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from unitool.formats.messages import ReportKind
from unitool.formats.records import SlotState

from ota_server.model import Counts, Failure, Member, Phase, Rollout, Seen, SlotView, Stage
from ota_server.rollout import Change, Confirm, Go, Offer, Plan, begun, eligible, expire, plan

from .facts import EMPTY, V1, V2, V3, digest_of, policy, release, report, seen, slot

TARGET = digest_of(V2)
MEMBERS = [
    None,
    *(Member(stage=s) for s in Stage if s is not Stage.FAILED),
    *(Member(stage=Stage.FAILED, failure=f) for f in Failure if f is not Failure.NONE),
    Member(stage=Stage.FAILED, failure=Failure.SILENT, forgiven=True),
    Member(stage=Stage.FAILED, failure=Failure.BAD, forgiven=True),
]
RUNNING = [slot(v, s) for v in (V1, V2, V3) for s in (SlotState.CONFIRMED, SlotState.TRYING)]
OTHER = [EMPTY, *(slot(v, s, 2) for v in (V1, V2) for s in SlotState if s is not SlotState.EMPTY)]
# Confirmed and refused answers say nothing to a rollout, like installed.
REPORTS = [
    None,
    *(k for k in ReportKind if k not in (ReportKind.CONFIRMED, ReportKind.ANSWERS_REFUSED)),
]
ROOM = [(False, 0), (False, 1), (True, 1)]


def counted(member: Member | None) -> Counts:
    if member is None or member.stage is Stage.LEFT:
        return Counts()
    failed = member.stage is Stage.FAILED
    return Counts(
        admitted=1,
        done=int(member.stage is Stage.DONE),
        failed=int(failed and not member.forgiven),
        forgiven=int(failed and member.forgiven),
    )


def plus(one: Counts, other: Counts) -> Counts:
    return Counts(
        admitted=one.admitted + other.admitted,
        done=one.done + other.done,
        failed=one.failed + other.failed,
        forgiven=one.forgiven + other.forgiven,
    )


def rollouts(member: Member | None) -> Iterator[Rollout]:
    """With this member in it: with a free place and without, opened or not, in every phase."""
    for phase, (opened, others) in product(Phase, ROOM):
        rollout = begun(1, release(), policy(canary=2, max_failures=1, confirm_after_s=10))
        counts = plus(counted(member), Counts(admitted=others))
        yield replace(rollout, phase=phase, opened=opened, counts=counts)


def facts() -> Iterator[Seen]:
    for running, other, kind in product(RUNNING, OTHER, REPORTS):
        told = [] if kind is None else [report(kind, code=1)]
        for trying_s in (0.0, 10.0) if running.state is SlotState.TRYING else (0.0,):
            yield replace(seen(running, other, *told), trying_s=trying_s)


def check_action(before: Rollout, member: Member | None, told: Seen, result: Plan) -> None:
    action = result.action
    if isinstance(action, Confirm):
        assert told.running.digest == action.digest == TARGET
        assert told.running.state is SlotState.TRYING
        assert told.trying_s >= before.policy.confirm_after_s
        assert before.phase is not Phase.ABORTED
        assert member is not None
        assert member.stage is not Stage.LEFT
    elif action is not None:
        assert before.phase is Phase.RUNNING
        if told.running.state is SlotState.TRYING:
            assert told.other.state is not SlotState.CONFIRMED
            assert told.running.digest != TARGET
        assert eligible(before, told)
        if isinstance(action, Go):
            assert told.other == slot(V2, SlotState.READY, 2)
        assert isinstance(action, Go | Offer)
    final = member is not None and member.stage is Stage.FAILED
    if final and member is not None and member.failure is not Failure.SILENT:
        assert action is None
        assert result.changes == ()
        assert result.confirm_in_s is None


def check_change(before: Rollout, member: Member | None, result: Plan) -> Change | None:
    assert len(result.changes) <= 1
    if not result.changes:
        return None
    after = result.changes[0]
    old, new = counted(member), counted(after.member)
    assert plus(after.rollout.counts, old) == plus(before.counts, new)
    assert after.rollout.opened or not before.opened
    if before.phase is not Phase.RUNNING:
        assert after.rollout.phase in (before.phase, Phase.HALTED)
        assert before.phase is Phase.PAUSED or after.rollout.phase is before.phase
    if before.phase is not Phase.HALTED and after.rollout.phase is Phase.HALTED:
        assert after.rollout.reason.startswith("device 00000000 ")
    joined = old.admitted == 0 and new.admitted == 1
    if joined:
        assert before.opened or before.counts.admitted < before.policy.canary
    return after


def test_every_poll_of_every_member() -> None:
    polls = list(facts())
    for member in MEMBERS:
        mine = {} if member is None else {1: member}
        for before, told in product(rollouts(member), polls):
            result = plan([before], mine, told)
            check_action(before, member, told, result)
            after = check_change(before, member, result)
            # Told again, without the report: the same answer, and nothing changes any more.
            rollout = before if after is None else after.rollout
            places = mine if after is None else {1: after.member}
            again = plan([rollout], places, replace(told, reports=()))
            assert again.changes == (), (before, member, told)
            assert again.action == result.action, (before, member, told)


def test_a_device_without_a_way_back_is_treated_like_a_confirmed_one() -> None:
    """Its image is not of a rollout, so nobody confirms it: only a newer release helps it."""
    others = [s for s in OTHER if s.state is not SlotState.CONFIRMED]
    for member, other, kind in product(MEMBERS, others, REPORTS):
        told = [] if kind is None else [report(kind, code=1)]
        mine = {} if member is None else {1: member}
        for before in rollouts(member):
            stranded = plan([before], mine, seen(slot(V1, SlotState.TRYING), other, *told))
            normal = plan([before], mine, seen(slot(V1, SlotState.CONFIRMED), other, *told))
            assert stranded == normal, (before, member, other, kind)


def test_a_device_with_a_way_back_is_left_alone() -> None:
    for member in MEMBERS:
        mine = {} if member is None else {1: member}
        for before in rollouts(member):
            told = seen(slot(V1, SlotState.TRYING), slot(V3, SlotState.CONFIRMED))
            assert plan([before], mine, told).action is None


def test_every_silence() -> None:
    for member in MEMBERS:
        if member is None:
            continue
        for before, idle_s in product(rollouts(member), (0.0, 60.0, 60.1)):
            after = expire(Change(before, member), b"\0" * 16, idle_s)
            if idle_s <= 60 or before.phase is Phase.ABORTED:
                assert after == Change(before, member)
            elif member.stage in (Stage.GO, Stage.TRYING):
                assert after.member.failure is Failure.SILENT
                assert after.member.detail.startswith("device 00000000 fell silent after")
            elif member.stage in (Stage.OFFERED, Stage.READY) and not before.opened:
                assert after.member.stage is Stage.LEFT
            else:
                assert after.member == member


def test_views_of_slots_are_compared_by_content() -> None:
    assert SlotView(state=SlotState.EMPTY) == EMPTY
