# SPDX-License-Identifier: Apache-2.0
"""Nobody wears the flash or the journal out, holds the agent, or locks it out of updates."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from host_agent import POWER_ON, UPDATE, Device, Reply, Request, make_image, network_of
from peer import Peer, Product, release
from unitool.formats.answer import Action, Code
from unitool.formats.err import Err
from unitool.formats.journal import Journal
from unitool.formats.messages import ReportKind
from unitool.formats.records import Slot, SlotState, Wear
from unitool.formats.retained import ResetReason

HOUR_MS = 3600_000


def journal(device: Device) -> Journal:
    flash = device.flash.read_bytes()
    return Journal.open(flash[0x3000:0x4000], flash[0x4000:0x5000], 8)


def write(device: Device, changed: Journal) -> None:
    flash = bytearray(device.flash.read_bytes())
    flash[0x3000:0x5000] = b"".join(changed.sectors)
    device.flash.write_bytes(flash)


def wear(device: Device) -> Wear:
    found = journal(device).state().get((Wear.TYPE, 0, 0))
    said = found.decoded() if found else None
    return said if isinstance(said, Wear) else Wear(budget=16)


def turns(count: int) -> Callable[[int], str]:
    """Stop after so many turns of the loop."""
    left = count

    def idle(ms: int) -> str:
        nonlocal left
        left -= 1
        return "GO" if left > 1 else "STATUS" if left == 1 else "QUIT"

    return idle


def test_a_man_in_the_middle_cannot_erase_a_slot_without_end(
    device: Device, peer: Peer, product: Product
) -> None:
    peer.publish(release(product, make_image(product, "1.1.0")))
    honest = network_of(peer)
    from_0 = 0

    def carry(request: Request) -> Reply:
        nonlocal from_0
        if request.method == "POST":
            return honest(request)
        size = len(next(iter(peer.blobs.values())))
        if request.start is not None:
            return Reply(status=200, length=size, err=Err.CLOSED)
        from_0 += 1
        return Reply(status=200, length=size, body=honest(request).body[:6000], err=Err.CLOSED)

    device.network = carry
    ended = device.run(idle=turns(900))
    assert ended.status["polls"] > 30, "it goes on polling"
    assert from_0 < 80
    assert wear(device).budget == 0
    before = ended.status["operations"]
    more = device.run(idle=turns(300))
    assert more.status["operations"] - before < 30
    assert -Err.BUSY in [r.code for r in peer.reports if r.kind == ReportKind.REFUSED]


def test_what_erases_nothing_costs_nothing(device: Device, peer: Peer, product: Product) -> None:
    peer.publish(release(product, make_image(product, "1.1.0")))
    honest = network_of(peer)
    device.network = lambda request: (
        honest(request) if request.method == "POST" else Reply(status=404, length=0)
    )
    ended = device.run(idle=turns(200))
    assert ended.status["polls"] > 20
    assert wear(device).budget == 16


def test_hours_of_uptime_count_over_starts(device: Device, peer: Peer) -> None:
    changed = journal(device)
    changed.append(Wear(budget=3))
    write(device, changed)
    for day in range(13):
        left = 90 * 60_000  # an hour and a half, then it is switched off

        def idle(ms: int) -> str:
            nonlocal left
            left -= ms
            return "GO" if left > 0 else "QUIT"

        device.run(idle=idle)
        said = wear(device)
        assert (said.budget, said.hours) == ((3, day + 1) if day < 11 else (4, day - 11))


def test_ordered_switches_draw_on_the_budget(device: Device, peer: Peer, product: Product) -> None:
    old = release(product, make_image(product, "1.0.0"))
    new = release(product, make_image(product, "1.1.0"))
    peer.next_poll_s = 1
    peer.blobs[old.blob] = old.data
    peer.publish(new)
    honest = network_of(peer)

    def carry(request: Request) -> Reply:
        reply = honest(request)
        app = peer.polls[-1].app if peer.polls else None
        slot = app.slots[app.running] if app else None
        if slot and slot.state == SlotState.CONFIRMED and slot.digest == peer.offer.digest:
            peer.offer = old if peer.offer is new else new
        return reply

    device.network = carry
    reason, switches = POWER_ON, 0
    for _ in range(40):
        ended = device.run(reason, idle=turns(200))
        switches += ended.reset == UPDATE
        reason = ended.reset or POWER_ON
    assert 15 <= switches <= 18


def test_resyncs_do_not_fill_the_journal(device: Device, peer: Peer) -> None:
    peer.next_poll_s = 1
    device.run(idle=turns(30))
    peer._actions = lambda poll: [Action(Code.RESYNC, os.urandom(8))]  # type: ignore[method-assign]
    ended = device.run(idle=turns(400))
    assert ended.status["operations"] * 60_000 < ended.status["uptime_ms"] * 2


def test_a_trickle_does_not_hold_the_agent(device: Device, peer: Peer, product: Product) -> None:
    peer.publish(release(product, make_image(product, "1.1.0")))
    honest = network_of(peer)

    def carry(request: Request) -> Reply:
        reply = honest(request)
        slow = request.method == "GET"
        return replace(reply, pace_ms=19_000, piece=10) if slow else reply

    device.network = carry
    device.live(lambda: any(r.kind == ReportKind.DOWNLOAD_FAILED for r in peer.reports))
    told = next(r for r in peer.reports if r.kind == ReportKind.DOWNLOAD_FAILED)
    assert told.code == -Err.TIMED_OUT
    device.network = honest
    device.live(lambda: any(r.kind == ReportKind.CONFIRMED for r in peer.reports))


@pytest.mark.parametrize("reason", [3, 7])
def test_an_unconfirmed_device_without_a_way_back_takes_what_is_new(
    device: Device, peer: Peer, product: Product, reason: int
) -> None:
    changed = journal(device)
    slot = changed.slot(0)
    assert isinstance(slot, Slot)
    changed.append(replace(slot, state=SlotState.TRYING, reason=reason, tries=0), key=0)
    write(device, changed)
    new = release(product, make_image(product, "1.2.0"))
    peer.confirm = False
    peer.blobs[new.blob] = new.data
    actions = peer._actions

    def offer_all_the_same(poll: object) -> list[Action]:
        app = peer.polls[-1].app
        other = app.slots[1 - app.running]
        if app.slots[app.running].digest == new.digest:
            peer.confirm = True
            return actions(peer.polls[-1])
        ready = other.state == SlotState.READY
        return [Action(Code.GO, new.digest) if ready else Action(Code.OFFER, new.manifest)]

    peer._actions = offer_all_the_same  # type: ignore[method-assign]
    device.live(lambda: any(r.kind == ReportKind.CONFIRMED for r in peer.reports))
    app = peer.polls[-1].app
    assert app.slots[app.running].digest == new.digest


def test_a_trial_without_identity_ends_all_the_same(device: Device, peer: Peer) -> None:
    changed = journal(device)
    slot = changed.slot(0)
    assert isinstance(slot, Slot)
    changed.append(replace(slot, state=SlotState.TRYING, tries=0), key=0)
    write(device, changed)
    flash = bytearray(device.flash.read_bytes())
    kept = flash[:512]
    flash[:512] = b"\xff" * 512
    device.flash.write_bytes(flash)
    assert device.run(idle=turns(200)).reset == ResetReason.SOFTWARE  # software: it uses up a try
    flash = bytearray(device.flash.read_bytes())
    flash[:512] = kept
    device.flash.write_bytes(flash)
    device.live(lambda: len(peer.polls) > 1)


def test_safe_mode_ends_after_hours(device: Device, peer: Peer) -> None:
    reason = POWER_ON
    for _ in range(3):
        reason = device.run(reason, idle=lambda ms: "CRASH").reset or POWER_ON
    passed = 0

    def idle(ms: int) -> str:
        nonlocal passed
        passed += ms
        return "GO"

    assert device.run(reason, idle=idle).reset == ResetReason.SOFTWARE
    assert 6 * HOUR_MS - 1000 <= passed <= 6 * HOUR_MS
    assert peer.polls[-1].boot.mode == 1
    seen = len(peer.polls)
    device.live(lambda: len(peer.polls) > seen, reason=ResetReason.SOFTWARE)
    assert peer.polls[-1].boot.mode == 0
