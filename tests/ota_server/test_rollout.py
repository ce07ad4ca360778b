# SPDX-License-Identifier: Apache-2.0
"""What a device is told, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unitool.formats.messages import Crash, ReportKind
from unitool.formats.records import SlotState

from ota_server.model import (
    Failure,
    Member,
    Phase,
    Release,
    Rollout,
    Seen,
    Stage,
)
from ota_server.rollout import (
    Action,
    Change,
    Confirm,
    Go,
    Offer,
    begun,
    eligible,
    expire,
    forgiven,
    has_room,
    plan,
    resumed,
    retried,
)

from .facts import EMPTY, V1, V2, V3, digest_of, policy, release, report, seen, slot

READY = slot(V2, SlotState.READY)
TRYING = slot(V2, SlotState.TRYING)
OLD = slot(V1, SlotState.CONFIRMED)


class Fleet:
    """Rollouts and members in memory, moved by `poll` alone."""

    def __init__(self, *rollouts: Rollout) -> None:
        self.rollouts = {r.id: r for r in rollouts}
        self.members: dict[bytes, dict[int, Member]] = {}

    def poll(self, facts: Seen) -> Action | None:
        mine = self.members.setdefault(facts.device, {})
        result = plan(list(self.rollouts.values()), mine, facts)
        for change in result.changes:
            self.rollouts[change.rollout.id] = change.rollout
            mine[change.rollout.id] = change.member
        return result.action

    def silence(self, device: int, idle_s: float, rollout: int = 1) -> None:
        mine = self.members[device.to_bytes(16, "big")]
        change = expire(
            Change(self.rollouts[rollout], mine[rollout]), device.to_bytes(16, "big"), idle_s
        )
        self.rollouts[rollout], mine[rollout] = change.rollout, change.member

    def set(self, phase: Phase, rollout: int = 1) -> None:
        self.rollouts[rollout] = replace(self.rollouts[rollout], phase=phase)

    def resume(self, rollout: int = 1) -> None:
        self.rollouts[rollout] = resumed(self.rollouts[rollout])
        for mine in self.members.values():
            if rollout in mine:
                mine[rollout] = forgiven(mine[rollout])

    def start(self, device: int = 0) -> None:
        """Take one device as far as `go`."""
        assert isinstance(self.poll(seen(device=device)), Offer)
        assert isinstance(self.poll(seen(OLD, READY, device=device)), Go)

    def through(self, device: int) -> None:
        """Take one device all the way to the new version."""
        assert isinstance(self.poll(seen(device=device)), Offer)
        assert isinstance(self.poll(seen(OLD, READY, device=device)), Go)
        assert isinstance(self.poll(seen(TRYING, OLD, device=device)), Confirm)
        done = slot(V2, SlotState.CONFIRMED)
        assert self.poll(seen(done, OLD, device=device)) is None


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(begun(1, release(), policy(canary=1)))


def test_course_of_one_device_ends_with_the_rollout_open(fleet: Fleet) -> None:
    fleet.through(1)
    assert fleet.rollouts[1].opened
    assert fleet.rollouts[1].counts.done == 1


def test_second_device_waits_for_the_canary(fleet: Fleet) -> None:
    fleet.poll(seen(device=1))
    assert fleet.poll(seen(device=2)) is None
    fleet.poll(seen(OLD, READY, device=1))
    fleet.poll(seen(TRYING, OLD, device=1))
    assert fleet.poll(seen(device=2)) is None
    fleet.poll(seen(slot(V2, SlotState.CONFIRMED), OLD, device=1))
    assert isinstance(fleet.poll(seen(device=2)), Offer)


def test_offer_is_repeated_until_ready(fleet: Fleet) -> None:
    installing = replace(READY, state=SlotState.INSTALLING)
    assert isinstance(fleet.poll(seen()), Offer)
    assert isinstance(fleet.poll(seen(OLD, installing)), Offer)


def test_go_is_repeated_while_ready_because_it_counts_for_one_boot(fleet: Fleet) -> None:
    fleet.poll(seen())
    assert fleet.poll(seen(OLD, READY)) == Go(digest_of(V2))
    assert fleet.poll(seen(OLD, READY)) == Go(digest_of(V2))


def test_image_lost_after_go_is_offered_again(fleet: Fleet) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    assert isinstance(fleet.poll(seen(OLD, EMPTY)), Offer)


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.HALTED, Phase.ABORTED])
def test_neither_offer_nor_go_unless_running(fleet: Fleet, phase: Phase) -> None:
    fleet.poll(seen())
    fleet.set(phase)
    assert fleet.poll(seen(device=2)) is None
    assert fleet.poll(seen(device=1)) is None
    assert fleet.poll(seen(OLD, READY, device=1)) is None


@pytest.mark.parametrize(
    ("phase", "kept"),
    [(Phase.RUNNING, True), (Phase.PAUSED, True), (Phase.HALTED, True), (Phase.ABORTED, False)],
)
def test_confirm_unless_aborted(fleet: Fleet, phase: Phase, kept: bool) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    fleet.set(phase)
    assert fleet.poll(seen(TRYING, OLD)) == (Confirm(digest_of(V2)) if kept else None)


def test_no_confirm_for_an_image_nobody_rolled_out(fleet: Fleet) -> None:
    assert fleet.poll(seen(slot(V3, SlotState.TRYING), OLD)) is None
    assert fleet.poll(seen(TRYING, OLD)) is None, "not through this rollout"


def test_nothing_is_asked_while_an_image_is_tried(fleet: Fleet) -> None:
    fleet.rollouts[2] = begun(2, release(V3), policy(canary=9))
    assert fleet.poll(seen(TRYING, OLD)) is None


def test_no_confirm_after_a_crash_of_that_image(fleet: Fleet) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    crash = report(ReportKind.CRASH, text="assert main.c:12")
    assert fleet.poll(seen(TRYING, OLD, crash)) is None
    assert fleet.poll(seen(TRYING, OLD)) is None
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert fleet.rollouts[1].reason == "device 00000000 crashed in 2.0.0: assert main.c:12"


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        (ReportKind.REFUSED, 14, "refused the offer of 2.0.0: signature"),
        (ReportKind.REJECTED, 0, "rejected after the download 2.0.0"),
        (ReportKind.REVERTED, 2, "rolled back from 2.0.0 to 1.0.0: no confirmation in time"),
        (ReportKind.BAD, 1, "rolled back from 2.0.0 to 1.0.0: it crashed until its tries"),
        (ReportKind.CRASH, 7, "crashed in 2.0.0: fault 7"),
    ],
)
def test_each_failing_report_halts_and_says_why(
    fleet: Fleet, kind: ReportKind, code: int, words: str
) -> None:
    fleet.start(1)
    assert fleet.poll(seen(OLD, EMPTY, report(kind, code=code))) is None
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert fleet.rollouts[1].reason.startswith(f"device 00000000 {words}")
    assert fleet.poll(seen()) is None


def test_bad_and_crash_together_name_both(fleet: Fleet) -> None:
    fleet.start(1)
    told = (report(ReportKind.CRASH, text="panic x"), report(ReportKind.BAD, code=1))
    fleet.poll(seen(OLD, EMPTY, *told))
    assert "rolled back from 2.0.0 to 1.0.0" in fleet.rollouts[1].reason
    assert fleet.rollouts[1].reason.endswith("; panic x")


@pytest.mark.parametrize("state", [SlotState.BAD, SlotState.REVERTED])
def test_slot_state_alone_tells_a_rollback(fleet: Fleet, state: SlotState) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    fleet.poll(seen(OLD, slot(V2, state, reason=2)))
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert "no confirmation in time" in fleet.rollouts[1].reason


def test_reports_about_another_image_do_not_matter(fleet: Fleet) -> None:
    fleet.poll(seen())
    assert isinstance(fleet.poll(seen(OLD, EMPTY, report(ReportKind.CRASH, V1))), Offer)
    assert fleet.rollouts[1].phase is Phase.RUNNING


def test_three_failed_downloads_are_a_failure(fleet: Fleet) -> None:
    fleet.poll(seen())
    failed = report(ReportKind.DOWNLOAD_FAILED, text="HTTP 404")
    for _ in range(2):
        assert isinstance(fleet.poll(seen(OLD, EMPTY, failed)), Offer)
    assert fleet.poll(seen(OLD, EMPTY, failed)) is None
    assert "failed 3 times to download 2.0.0: HTTP 404" in fleet.rollouts[1].reason


def test_crash_is_told_with_its_place(fleet: Fleet) -> None:
    fleet.start(1)
    where = Crash(build_id=b"\xab" * 20, slot_base=0x21000000, reason=1, pc=0x1234, lr=5, sp=6)
    told = (report(ReportKind.CRASH, code=3), report(ReportKind.BAD, code=1))
    fleet.poll(replace(seen(OLD, EMPTY, *told), crash=where))
    assert fleet.rollouts[1].reason.endswith(
        "its tries were used up; assertion at pc 00001234, lr 00000005, slot base 21000000, "
        "build " + "ab" * 20
    )


def test_hang_is_told_by_the_reset(fleet: Fleet) -> None:
    fleet.start(1)
    bad = report(ReportKind.BAD, code=1)
    fleet.poll(replace(seen(OLD, EMPTY, bad), reset_reason=3))
    assert fleet.rollouts[1].reason.endswith("used up; last reset: watchdog")


def test_reports_of_an_attempt_before_do_not_fail_a_new_one(fleet: Fleet) -> None:
    """Devices tell at each start again what lies in their slots."""
    old = slot(V2, SlotState.REVERTED, reason=2)
    for _ in range(3):
        facts = seen(OLD, old, report(ReportKind.REVERTED, code=2))
        assert isinstance(fleet.poll(facts), Offer)


def test_confirmed_only_after_it_ran_for_a_while() -> None:
    fleet = Fleet(begun(1, release(), policy(confirm_after_s=10)))
    fleet.start(1)
    for trying_s, left_s in ((0.0, 10.0), (9.5, 0.5)):
        facts = replace(seen(TRYING, OLD), trying_s=trying_s)
        assert fleet.poll(facts) is None
        mine = fleet.members[facts.device]
        assert plan(list(fleet.rollouts.values()), mine, facts).confirm_in_s == left_s
    assert fleet.poll(replace(seen(TRYING, OLD), trying_s=10.0)) == Confirm(digest_of(V2))


def test_crash_after_success_counts(fleet: Fleet) -> None:
    fleet.through(1)
    fleet.poll(seen(slot(V2, SlotState.CONFIRMED), OLD, report(ReportKind.CRASH)))
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert fleet.rollouts[1].counts.done == 0


def test_silence_after_go_halts(fleet: Fleet) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    fleet.silence(1, 60)
    assert fleet.rollouts[1].reason == "", "exactly the limit is in time"
    fleet.silence(1, 61)
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert "device 00000000 fell silent after go for 2.0.0" in fleet.rollouts[1].reason


def test_silent_device_that_returns_is_confirmed_but_the_halt_stays(fleet: Fleet) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    fleet.silence(1, 61)
    assert fleet.poll(seen(TRYING, OLD)) == Confirm(digest_of(V2))
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert fleet.rollouts[1].counts.failed == 0


def test_silence_while_trying_halts(fleet: Fleet) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    fleet.poll(seen(TRYING, OLD))
    fleet.silence(1, 61)
    assert "fell silent after the first start of 2.0.0" in fleet.rollouts[1].reason


def test_canary_that_vanishes_before_go_gives_its_place_back(fleet: Fleet) -> None:
    fleet.poll(seen(device=1))
    fleet.silence(1, 61)
    assert fleet.rollouts[1].phase is Phase.RUNNING
    assert isinstance(fleet.poll(seen(device=2)), Offer)
    assert fleet.poll(seen(OLD, READY, device=1)) is None, "no place, no go"


def test_aborted_rollout_does_not_judge_silence(fleet: Fleet) -> None:
    fleet.poll(seen())
    fleet.poll(seen(OLD, READY))
    fleet.set(Phase.ABORTED)
    fleet.silence(1, 1e9)
    assert fleet.rollouts[1].counts.failed == 0


def test_tolerated_failures() -> None:
    fleet = Fleet(begun(1, release(), policy(canary=2, max_failures=1)))
    fleet.poll(seen(device=1))
    fleet.poll(seen(OLD, EMPTY, report(ReportKind.REFUSED), device=1))
    assert fleet.rollouts[1].phase is Phase.RUNNING
    fleet.through(2)
    assert fleet.rollouts[1].opened, "one of two succeeded, one failure is tolerated"


def test_all_canaries_failed_halts_whatever_is_tolerated() -> None:
    fleet = Fleet(begun(1, release(), policy(canary=1, max_failures=9)))
    fleet.poll(seen())
    fleet.poll(seen(OLD, EMPTY, report(ReportKind.REFUSED)))
    assert fleet.rollouts[1].phase is Phase.HALTED


def test_failure_that_halts_does_not_open() -> None:
    fleet = Fleet(begun(1, release(), policy(canary=2)))
    fleet.poll(seen(device=2))
    fleet.through(1)
    fleet.poll(seen(OLD, EMPTY, report(ReportKind.REFUSED), device=2))
    assert fleet.rollouts[1].phase is Phase.HALTED
    assert not fleet.rollouts[1].opened


def test_resume_gives_the_place_of_a_failed_canary_to_another(fleet: Fleet) -> None:
    fleet.poll(seen(device=1))
    fleet.poll(seen(OLD, EMPTY, report(ReportKind.REFUSED), device=1))
    fleet.resume()
    assert fleet.rollouts[1].reason == ""
    assert fleet.poll(seen(device=1)) is None, "it failed"
    assert isinstance(fleet.poll(seen(device=2)), Offer)
    assert fleet.poll(seen(device=3)) is None


def test_retry_lets_a_device_join_again_unless_the_image_failed_on_it() -> None:
    rollout = begun(1, release(), policy())
    for failure in Failure:
        member = Member(stage=Stage.FAILED, failure=failure, forgiven=True)
        counts = replace(rollout.counts, admitted=1, forgiven=1)
        after = retried(Change(replace(rollout, counts=counts), member))
        again = failure not in (Failure.BAD, Failure.CRASH)
        assert (after.member.stage is Stage.LEFT) == again
        assert (after.rollout.counts.admitted == 0) == again


def test_no_canaries_means_open_at_once() -> None:
    assert has_room(begun(1, release(), policy(canary=0)))


def test_highest_eligible_version_wins_and_stepping_stones_are_respected() -> None:
    step = begun(1, release(V2), policy(canary=0))
    last = begun(2, release(V3, follows=((V2, V2),)), policy(canary=0))
    fleet = Fleet(step, last)
    first = fleet.poll(seen(device=1))
    assert isinstance(first, Offer)
    assert first.release.version == V2
    second = fleet.poll(seen(slot(V2, SlotState.CONFIRMED), OLD, device=2))
    assert isinstance(second, Offer)
    assert second.release.version == V3


def test_rollout_begun_on_a_device_is_finished_before_a_newer_one() -> None:
    fleet = Fleet(begun(1, release(V2), policy(canary=0)))
    fleet.poll(seen())
    fleet.rollouts[2] = begun(2, release(V3), policy(canary=0))
    assert fleet.poll(seen(OLD, READY)) == Go(digest_of(V2))


def test_halted_rollout_frees_a_device_for_the_mended_release() -> None:
    fleet = Fleet(begun(1, release(V2), policy(canary=0)))
    fleet.poll(seen())
    fleet.set(Phase.HALTED)
    fleet.rollouts[2] = begun(2, release(V3), policy(canary=0))
    offer = fleet.poll(seen())
    assert isinstance(offer, Offer)
    assert offer.release.version == V3


def test_device_updated_by_other_means_leaves(fleet: Fleet) -> None:
    fleet.poll(seen())
    assert fleet.poll(seen(slot(V3, SlotState.CONFIRMED))) is None
    assert fleet.rollouts[1].counts.admitted == 0


@pytest.mark.parametrize(
    "facts",
    [
        replace(seen(), vid=b"x" * 16),
        replace(seen(), cid=b"x" * 16),
        seen(slot(V2, SlotState.CONFIRMED)),
        seen(slot(V3, SlotState.CONFIRMED)),
        replace(seen(), slot_bytes=999),
        seen(replace(OLD, version=None)),
        seen(OLD, slot(V2, SlotState.BAD)),
    ],
)
def test_not_eligible(facts: Seen) -> None:
    assert not eligible(begun(1, release(), policy()), facts)


def test_limits_of_release_and_policy() -> None:
    def offered(limited: Release) -> bool:
        return eligible(begun(1, limited, policy()), seen())

    assert offered(release())
    assert not offered(release(boot_min=2))
    assert not offered(release(agent_min=2))
    assert not offered(release(follows=((V2, V3),)))
    assert offered(release(follows=((V2, V3), (V1, V1))))
    only = replace(policy(), current=((V2, V2),))
    assert not eligible(begun(1, release(), only), seen())


def test_report_of_an_earlier_attempt_does_not_fail_a_device_as_it_joins() -> None:
    fleet = Fleet(begun(1, release(), policy(canary=0)))
    late = report(ReportKind.REVERTED, code=2)
    facts = seen(OLD, slot(V2, SlotState.REVERTED, reason=2), late)
    assert isinstance(fleet.poll(facts), Offer)
    assert fleet.rollouts[1].phase is Phase.RUNNING
