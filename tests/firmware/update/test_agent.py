# SPDX-License-Identifier: Apache-2.0
"""The whole agent, compiled for the host: updates, crashes, reverts, resumes, holds, wear."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from host_agent import (
    PANIC,
    POWER_ON,
    SILENCE,
    SLOT_B,
    UPDATE,
    Device,
    Network,
    Reply,
    Request,
    make_image,
    network_of,
)
from peer import Peer, Product, Release, release
from unitool.formats.err import Err
from unitool.formats.messages import Report, ReportKind
from unitool.formats.records import Reason, SlotState


@pytest.fixture
def offer(peer: Peer, product: Product) -> Callable[..., Release]:
    """Publish a version and return its release."""

    def publish(version: str, **image: int) -> Release:
        made = release(product, make_image(product, version, **image))
        peer.publish(made)
        return made

    return publish


def running(peer: Peer) -> str:
    """Return the version that the last poll ran."""
    app = peer.polls[-1].app
    return str(app.slots[app.running].version)


def reported(peer: Peer, kind: ReportKind) -> list[Report]:
    return [r for r in peer.reports if r.kind == kind]


def confirmed(peer: Peer, new: Release) -> Callable[[], bool]:
    """Ask whether the last poll ran this release, confirmed."""

    def done() -> bool:
        app = peer.polls[-1].app if peer.polls else None
        slot = app.slots[app.running] if app else None
        return slot is not None and slot.digest == new.digest and slot.state == SlotState.CONFIRMED

    return done


def breaking(network: Network, after: list[int]) -> Network:
    """Cut downloads off after so many bytes, one number per download; then all is well."""

    def carry(request: Request) -> Reply:
        reply = network(request)
        if request.method == "GET" and after:
            end = after.pop(0)
            return Reply(
                status=reply.status,
                length=reply.length,
                start=reply.start,
                total=reply.total,
                body=reply.body[:end],
                err=Err.CLOSED,
            )
        return reply

    return carry


def replacing(network: Network, replies: list[Reply]) -> Network:
    """Answer the first downloads with `replies`."""

    def carry(request: Request) -> Reply:
        return replies.pop(0) if request.method == "GET" and replies else network(request)

    return carry


def test_a_new_device_enrols_updates_and_confirms(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0")
    device.live(confirmed(peer, new))
    assert running(peer) == "1.1.0"
    assert device.boots == 2
    assert [r.digest for r in reported(peer, ReportKind.INSTALLED)] == [new.digest]
    assert [r.digest for r in reported(peer, ReportKind.CONFIRMED)] == [new.digest]
    assert peer.sent_bytes == len(new.data)
    assert all(p.public is None for p in peer.polls[1:])


def test_five_versions_rewrite_each_slot(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    reason = POWER_ON
    for version in ("1.1.0", "1.2.0", "1.3.0", "1.4.0"):
        reason = device.live(confirmed(peer, offer(version)), reason=reason)
        assert running(peer) == version
    assert device.boots == 8


def test_seq_only_grows_and_a_retry_takes_a_new_one(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    seen: list[int] = []
    honest = network_of(peer)
    lost = [True, False] * 4

    def carry(request: Request) -> Reply:
        reply = honest(request)  # the server has it, the answer is lost
        return SILENCE if request.method == "POST" and lost and lost.pop(0) else reply

    device.network = carry
    device.live(confirmed(peer, offer("1.1.0")))
    seen = [p.seq for p in peer.polls]
    assert len(seen) == len(set(seen))
    assert {s >> 32 for s in seen} == {p.boot.count for p in peer.polls}


def test_a_crashing_version_goes_back_and_is_not_taken_again(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    bad = offer("1.1.0")
    reason = POWER_ON
    while reason != UPDATE:
        reason = device.run(reason).reset or POWER_ON
    for _ in range(3):  # it crashes at once, three times
        reason = device.run(reason, idle=lambda ms: "CRASH").reset
        assert reason == PANIC
    sent = peer.sent_bytes
    device.live(lambda: len(reported(peer, ReportKind.REFUSED)) > 0, reason=PANIC)
    assert running(peer) == "1.0.0"
    told = reported(peer, ReportKind.BAD)[0]
    assert (told.digest, told.code) == (bad.digest, Reason.CRASHED)
    crash = reported(peer, ReportKind.CRASH)[0]
    assert crash.digest == bad.digest
    assert next(p.crash for p in peer.polls if p.crash).pc == 0x1234
    assert peer.polls[-1].app.slots[1].state == SlotState.BAD
    assert peer.sent_bytes == sent
    mended = offer("1.2.0")
    device.live(confirmed(peer, mended))
    assert running(peer) == "1.2.0"
    assert mended.digest not in [r.digest for r in reported(peer, ReportKind.CRASH)]


def test_without_confirmation_it_goes_back_and_tries_again_later_without_download(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0")
    peer.confirm = False
    device.live(lambda: len(reported(peer, ReportKind.REVERTED)) > 0)
    assert running(peer) == "1.0.0"
    assert reported(peer, ReportKind.REVERTED)[0].code == Reason.NOT_CONFIRMED
    sent = peer.sent_bytes
    peer.confirm = True
    device.live(confirmed(peer, new))
    assert peer.sent_bytes == sent  # the image was there


def test_a_server_that_is_gone_leads_back(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    offer("1.1.0")
    reason = POWER_ON
    while reason != UPDATE:
        reason = device.run(reason).reset or POWER_ON
    device.network = lambda request: SILENCE
    assert device.run(UPDATE).reset == UPDATE
    device.network = network_of(peer)
    peer.offer = None
    device.live(lambda: len(reported(peer, ReportKind.REVERTED)) > 0, reason=UPDATE)
    assert running(peer) == "1.0.0"


def test_broken_downloads_go_on_where_they_ended(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0", size=40_000)
    device.network = breaking(network_of(peer), [5000, 6000, 0, 7000, 1, 8000])
    device.live(confirmed(peer, new))
    assert running(peer) == "1.1.0"
    assert len(reported(peer, ReportKind.INSTALLED)) == 1


def test_three_failures_in_a_row_end_the_offer_until_the_next(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0")
    device.network = breaking(network_of(peer), [10, 0, 0])
    device.live(confirmed(peer, new))
    assert [r.digest for r in reported(peer, ReportKind.DOWNLOAD_FAILED)] == [new.digest]


@pytest.mark.parametrize("status", [404, 410])
def test_a_blob_that_is_gone_drops_the_offer(
    device: Device, peer: Peer, offer: Callable[..., Release], status: int
) -> None:
    offer("1.1.0")
    asked: list[Request] = []
    honest = network_of(peer)

    def carry(request: Request) -> Reply:
        if request.method == "GET":
            asked.append(request)
            return Reply(status=status, length=0)
        return honest(request)

    device.network = carry
    device.live(lambda: len(reported(peer, ReportKind.DOWNLOAD_FAILED)) > 0)
    assert reported(peer, ReportKind.DOWNLOAD_FAILED)[0].code == status
    assert len(asked) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(status=206, length=100, start=4999, total=-2, body=b"x" * 100),
        Reply(status=206, length=100, start=-1, total=-1, body=b"x" * 100),
        Reply(status=206, length=100, start=5000, total=9, body=b"x" * 100),
        Reply(status=302, length=100, body=b"x" * 100),
        Reply(status=500, length=0),
        Reply(status=206, length=99, start=5000, total=-2, body=b"x" * 99),
    ],
)
def test_wrong_replies_to_a_range_write_nothing(
    device: Device, peer: Peer, offer: Callable[..., Release], wrong: Reply
) -> None:
    new = offer("1.1.0")
    honest = breaking(network_of(peer), [5000])
    asked: list[int | None] = []

    def carry(request: Request) -> Reply:
        if request.method != "GET":
            return honest(request)
        asked.append(request.start)
        if len(asked) == 2:
            total = len(new.data) if wrong.total == -2 else wrong.total
            return Reply(
                status=wrong.status,
                length=wrong.length,
                start=wrong.start,
                total=total,
                body=wrong.body,
            )
        return honest(request)

    device.network = carry
    device.live(confirmed(peer, new))
    assert asked == [None, 5000, 5000]


def test_200_to_a_range_starts_again(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0")
    whole = Reply(status=200, length=len(new.data), body=new.data)
    asked = breaking(network_of(peer), [9000])
    replies = [Reply(status=200, length=len(new.data), body=new.data[:9000], err=Err.CLOSED), whole]
    device.network = replacing(asked, replies)
    device.live(confirmed(peer, new))
    assert running(peer) == "1.1.0"


def test_416_starts_again_once_and_then_drops(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0")
    part = Reply(status=200, length=len(new.data), body=new.data[:9000], err=Err.CLOSED)
    no = Reply(status=416, length=0, total=len(new.data))
    device.network = replacing(network_of(peer), [part, no])
    device.live(confirmed(peer, new))
    newer = offer("1.2.0")
    part = Reply(status=200, length=len(newer.data), body=newer.data[:9000], err=Err.CLOSED)
    device.network = replacing(network_of(peer), [part, no, no])
    device.live(lambda: len(reported(peer, ReportKind.DOWNLOAD_FAILED)) > 0)
    assert reported(peer, ReportKind.DOWNLOAD_FAILED)[0].code == 416


def test_a_restart_resumes_the_download(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0", size=40_000)
    honest = network_of(peer)
    starts: list[int | None] = []

    def carry(request: Request) -> Reply:
        if request.method == "GET":
            starts.append(request.start)
            if len(starts) == 1:
                reply = honest(request)
                return Reply(
                    status=200, length=reply.length, body=reply.body[:30_000], err=Err.CLOSED
                )
        return honest(request)

    device.network = carry
    ended = device.run(idle=lambda ms: "QUIT" if starts else "GO")
    assert ended.reset is None
    device.live(confirmed(peer, new))
    assert starts[0] is None
    assert starts[1] is not None and 20_000 <= starts[1] <= 30_000


def test_a_held_restart_waits_for_the_app(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    new = offer("1.1.0")
    idles = 0
    commands = ["HOLD"]

    def idle(ms: int) -> str:
        nonlocal idles
        if commands:
            return commands.pop()
        idles += 1
        return "GO" if idles < 60 else "RELEASE"

    assert device.run(idle=idle).reset == UPDATE
    assert idles == 60
    device.live(confirmed(peer, new), reason=UPDATE)


def test_a_withdrawn_release_does_not_start(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    offer("1.1.0")
    peer.go = False
    device.live(lambda: len(reported(peer, ReportKind.INSTALLED)) > 0)
    peer.offer = None
    for _ in range(3):
        device.status(after=6)
        assert running(peer) == "1.0.0"


def test_a_server_that_forgot_everything_gets_an_enrolment(device: Device, peer: Peer) -> None:
    device.live(lambda: len(peer.polls) > 2)
    peer.devices.clear()
    peer.polls.clear()
    device.live(lambda: len(peer.polls) > 3)
    assert [p.public is not None for p in peer.polls] == [True, False, False, False]


def test_an_enrolment_token_counts(device: Device, peer: Peer, product: Product) -> None:
    device.token = bytes(range(1, 17))
    device.provision(make_image(product, "1.0.0"))
    device.status(after=8)
    assert not peer.polls  # the server knows another token: nothing
    peer.token = device.token
    device.live(lambda: len(peer.polls) > 1)


def test_the_wear_budget_ends_a_game_of_two_offers(
    device: Device, peer: Peer, product: Product
) -> None:
    releases = [release(product, make_image(product, f"1.{i}.0")) for i in (1, 2)]
    peer.go = False
    for i in range(40):
        peer.publish(releases[i % 2])
        seen = len(peer.polls)
        device.live(lambda seen=seen: len(peer.polls) > seen + 1)
        if reported(peer, ReportKind.REFUSED):
            break
    assert 14 <= i <= 17
    assert reported(peer, ReportKind.REFUSED)[-1].code == -Err.BUSY


def test_the_free_slot_is_not_touched_before_the_new_image_is_confirmed(
    device: Device, peer: Peer, offer: Callable[..., Release]
) -> None:
    offer("1.1.0")
    while device.run().reset != UPDATE:
        pass
    peer.confirm = False
    offer("1.2.0")
    before = device.flash.read_bytes()[0x10000:SLOT_B]
    commands = ["GO"] * 12 + ["QUIT"]
    device.run(UPDATE, idle=lambda ms: commands.pop(0))
    assert running(peer) == "1.1.0"
    assert device.flash.read_bytes()[0x10000:SLOT_B] == before
