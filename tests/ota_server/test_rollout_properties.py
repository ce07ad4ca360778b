# SPDX-License-Identifier: Apache-2.0
"""What holds for every course of events: a made-up fleet does anything it likes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from unitool.formats.messages import ReportKind
from unitool.formats.records import SlotState

from ota_server.model import (
    Counts,
    Member,
    Phase,
    Rollout,
    SlotView,
    Stage,
)
from ota_server.rollout import (
    Change,
    Confirm,
    Go,
    Offer,
    begun,
    expire,
    forgiven,
    plan,
    resumed,
    retried,
)

from .facts import EMPTY, V1, V2, digest_of, policy, release, report, seen, slot

DEVICES = 6
CONFIRMED = slot(V1, SlotState.CONFIRMED)


class Device:
    """Two slots, a queue of reports, and whether it was told to go."""

    def __init__(self) -> None:
        self.running = CONFIRMED
        self.other: SlotView = EMPTY
        self.reports: list[ReportKind] = []


def recount(members: list[Member]) -> Counts:
    """The counts as they must be."""
    here = [m for m in members if m.stage is not Stage.LEFT]
    failed = [m for m in here if m.stage is Stage.FAILED]
    return Counts(
        admitted=len(here),
        done=sum(m.stage is Stage.DONE for m in here),
        failed=sum(not m.forgiven for m in failed),
        forgiven=sum(m.forgiven for m in failed),
    )


class AnyFleet(RuleBasedStateMachine):
    """One rollout, six devices that install, crash, vanish and lie; an operator who interferes."""

    @initialize(canary=st.integers(0, 4), max_failures=st.integers(0, 3))
    def start(self, canary: int, max_failures: int) -> None:
        self.rollout: Rollout = begun(1, release(), policy(canary, max_failures))
        self.members: dict[int, Member] = {}
        self.devices = [Device() for _ in range(DEVICES)]
        self.was_opened = self.rollout.opened
        self.was_aborted = False
        self.told_to_go: set[int] = set()
        self.forgiven_ever = 0

    @rule(which=st.integers(0, DEVICES - 1))
    def poll(self, which: int) -> None:
        device, before = self.devices[which], self.members.get(which)
        reports = [report(kind, code=1) for kind in device.reports]
        facts = seen(device.running, device.other, *reports, device=which)
        mine = {} if before is None else {1: before}
        phase, opened, counts = self.rollout.phase, self.rollout.opened, self.rollout.counts
        result = plan([self.rollout], mine, facts)
        device.reports = []
        for change in result.changes:
            self.rollout, self.members[which] = change.rollout, change.member
        after = self.members.get(which)
        joined = (before is None or before.stage is Stage.LEFT) and (
            after is not None and after.stage is not Stage.LEFT
        )
        if joined:
            assert phase is Phase.RUNNING
            assert opened or counts.admitted < self.rollout.policy.canary + counts.forgiven
        self._obey(which, result.action)
        if phase is Phase.HALTED:
            assert self.rollout.phase is Phase.HALTED, "only the operator resumes"

    def _obey(self, which: int, action: object) -> None:
        device = self.devices[which]
        if action is None:
            return
        assert self.members[which].stage is not Stage.FAILED
        if isinstance(action, Confirm):
            assert device.running == slot(V2, SlotState.TRYING)
            assert self.rollout.phase is not Phase.ABORTED
            device.running = slot(V2, SlotState.CONFIRMED)
            return
        assert self.rollout.phase is Phase.RUNNING
        if isinstance(action, Offer) and device.other.state is not SlotState.READY:
            device.other = slot(V2, SlotState.INSTALLING)
        if isinstance(action, Go):
            assert device.other == slot(V2, SlotState.READY)
            self.told_to_go.add(which)

    @rule(which=st.integers(0, DEVICES - 1), fails=st.sampled_from([None, *ReportKind]))
    def work(self, which: int, fails: ReportKind | None) -> None:
        """Whatever a device does between two polls."""
        device = self.devices[which]
        if device.other.state is SlotState.INSTALLING:
            device.other = EMPTY if fails else slot(V2, SlotState.READY)
            device.reports += [fails] if fails else [ReportKind.INSTALLED]
        elif device.running == slot(V2, SlotState.TRYING) and fails:
            device.running, device.other = CONFIRMED, slot(V2, SlotState.REVERTED, reason=2)
            device.reports += [ReportKind.REVERTED]
        elif device.running.version == V2 and fails is ReportKind.CRASH:
            device.reports += [ReportKind.CRASH]

    @rule(which=st.integers(0, DEVICES - 1))
    def restart(self, which: int) -> None:
        device = self.devices[which]
        if which in self.told_to_go and device.other == slot(V2, SlotState.READY):
            device.running, device.other = slot(V2, SlotState.TRYING), device.running
            self.told_to_go.discard(which)

    @rule(which=st.integers(0, DEVICES - 1), idle_s=st.sampled_from([1.0, 1000.0]))
    def silence(self, which: int, idle_s: float) -> None:
        if which not in self.members:
            return
        before = self.members[which]
        change = expire(Change(self.rollout, before), which.to_bytes(16, "big"), idle_s)
        self.rollout, self.members[which] = change.rollout, change.member
        if before.stage is Stage.GO and idle_s > 60 and not self.was_aborted:
            assert self.rollout.counts.failed >= 1
            if self.rollout.policy.max_failures == 0:
                assert self.rollout.phase is Phase.HALTED

    @rule(phase=st.sampled_from([Phase.PAUSED, Phase.ABORTED, Phase.RUNNING]), retry=st.booleans())
    def operate(self, phase: Phase, retry: bool) -> None:
        if self.was_aborted:
            return
        if phase is not Phase.RUNNING:
            if self.rollout.phase is not Phase.HALTED or phase is Phase.ABORTED:
                self.rollout = replace(self.rollout, phase=phase)
            self.was_aborted = phase is Phase.ABORTED
            return
        self.forgiven_ever += self.rollout.counts.failed
        self.rollout = resumed(self.rollout)
        for which, member in self.members.items():
            self.members[which] = forgiven(member)
            if retry:
                change = retried(Change(self.rollout, self.members[which]))
                self.rollout, self.members[which] = change.rollout, change.member

    @invariant()
    def counts_are_right(self) -> None:
        if hasattr(self, "rollout"):
            assert self.rollout.counts == recount(list(self.members.values()))

    @invariant()
    def monotone(self) -> None:
        if not hasattr(self, "rollout"):
            return
        assert self.rollout.opened or not self.was_opened
        self.was_opened = self.rollout.opened
        assert not self.was_aborted or self.rollout.phase is Phase.ABORTED

    @invariant()
    def never_more_than_the_canary_before_success(self) -> None:
        if not hasattr(self, "rollout") or self.rollout.opened:
            return
        working = [m for m in self.members.values() if m.stage not in (Stage.LEFT, Stage.FAILED)]
        assert len(working) <= self.rollout.policy.canary + self.forgiven_ever

    @invariant()
    def running_means_few_failures(self) -> None:
        if hasattr(self, "rollout") and self.rollout.phase is Phase.RUNNING:
            assert self.rollout.counts.failed <= self.rollout.policy.max_failures


AnyFleet.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAnyFleet = AnyFleet.TestCase


def test_a_healthy_fleet_is_updated_whole() -> None:
    for canary in range(4):
        rollout = begun(1, release(), policy(canary))
        members: dict[int, Member] = {}
        devices = [Device() for _ in range(DEVICES)]
        for _ in range(20):
            for which, device in enumerate(devices):
                mine = {1: members[which]} if which in members else {}
                result = plan([rollout], mine, seen(device.running, device.other, device=which))
                for change in result.changes:
                    rollout, members[which] = change.rollout, change.member
                if isinstance(result.action, Offer):
                    device.other = slot(V2, SlotState.READY)
                if isinstance(result.action, Go):
                    device.running, device.other = slot(V2, SlotState.TRYING), device.running
                if isinstance(result.action, Confirm):
                    device.running = slot(V2, SlotState.CONFIRMED)
        assert rollout.counts == Counts(admitted=DEVICES, done=DEVICES)
        assert all(d.running.digest == digest_of(V2) for d in devices)
