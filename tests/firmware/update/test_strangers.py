# SPDX-License-Identifier: Apache-2.0
"""From a man in the middle, or made wrong: refused, counted, reported; nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from host_agent import SLOT_B, Device, Reply, Request, make_image, network_of
from peer import Known, Peer, Product, Release, release
from unitool.formats import p256
from unitool.formats.answer import Action, Code
from unitool.formats.messages import ReportKind
from unitool.formats.version import Version

SPAN = slice(0x10000, SLOT_B + 0x10000)  # both slots


class Middle:
    """A man in the middle: `turn` may put another reply in place of the answer to a poll."""

    def __init__(self, peer: Peer, turn: Callable[[Middle, Request, Reply], Reply]) -> None:
        self.honest = network_of(peer)
        self.turn = turn
        self.polls: list[bytes] = []
        self.answers: list[bytes] = []
        self.on = True

    def __call__(self, request: Request) -> Reply:
        reply = self.honest(request)
        if request.method != "POST":
            return reply
        self.polls.append(request.body)
        self.answers.append(reply.body)
        return self.turn(self, request, reply) if self.on else reply


def other_devices_answer(middle: Middle, request: Request, reply: Reply) -> Reply:
    """Return the answer that the same server gives to another device's poll."""
    peer = OTHER["peer"]
    known = Known(public=p256.public(p256.private_key(bytes([9]) * 32)), generation=bytes(8))
    from unitool.formats import cose

    tag = request.body[-32:]
    _, _, key = peer.keys(known.public)
    envelope = cose.Envelope(5, b"", cose.Type.POLL, b"", b"", tag)
    _, body = peer._answer(envelope, key, [])
    return Reply(status=200, length=len(body), body=body)


OTHER: dict[str, Any] = {}

TURNS: dict[str, Callable[[Middle, Request, Reply], Reply]] = {
    "bare_204": lambda m, request, reply: Reply(status=204, length=0),
    "empty_200": lambda m, request, reply: Reply(status=200, length=0),
    "replayed_answer": lambda m, request, reply: Reply(
        status=200, length=len(m.answers[0]), body=m.answers[0]
    ),
    "replayed_poll": lambda m, request, reply: m.honest(
        Request(method="POST", url=request.url, start=None, body=m.polls[0])
    ),
    "reflected_poll": lambda m, request, reply: Reply(
        status=200, length=len(request.body), body=request.body
    ),
    "other_devices_answer": other_devices_answer,
    "redirect": lambda m, request, reply: Reply(status=307, length=reply.length, body=reply.body),
    "right_answer_wrong_status": lambda m, request, reply: Reply(
        status=201, length=reply.length, body=reply.body
    ),
    "too_long": lambda m, request, reply: Reply(status=200, length=9000, body=b"x" * 9000),
    "behind_the_answer": lambda m, request, reply: Reply(
        status=200, length=reply.length + 1, body=reply.body + b"\0"
    ),
}


@pytest.mark.parametrize("name", TURNS)
def test_a_man_in_the_middle_changes_nothing_and_is_counted(
    device: Device, peer: Peer, product: Product, name: str
) -> None:
    OTHER["peer"] = peer
    device.live(lambda: len(peer.polls) > 2)  # enrolled; nothing to do yet
    peer.publish(release(product, make_image(product, "1.1.0")))
    middle = Middle(peer, TURNS[name])
    middle.polls.append(b"")
    device.network = middle
    middle.polls.clear()
    first = Middle(peer, lambda m, request, reply: reply)  # one good answer to replay later
    device.network = first
    peer.offer, offer = None, peer.offer
    device.status(after=2)
    middle.polls, middle.answers = first.polls[:1], first.answers[:1]
    peer.offer = offer
    before = device.flash.read_bytes()[SPAN]
    device.network = middle
    status = device.status(after=18)
    assert status["refused"] >= 5
    assert status["answers"] == 0
    assert status["enrolled"] == 1 and status["confirmed"] == 1 and status["ready"] == 0
    assert device.flash.read_bytes()[SPAN] == before

    middle.on = True
    seen = len(peer.polls)
    turns = 0

    def idle(ms: int) -> str:
        nonlocal turns
        turns += 1
        if turns > 12:
            middle.on = False
        told = [r for p in peer.polls[seen:] for r in p.reports]
        sure = [r for r in told if r.kind == ReportKind.ANSWERS_REFUSED and r.code >= 3]
        return "QUIT" if sure and not middle.on else "GO"

    device.run(idle=idle)
    assert turns < 100


def test_a_403_from_anybody_does_not_make_the_device_forget(device: Device, peer: Peer) -> None:
    device.live(lambda: len(peer.polls) > 2)
    device.network = lambda request: Reply(status=403, length=0)
    status = device.status(after=16)
    assert status["enrolled"] == 1 and status["refused"] > 3
    device.network = network_of(peer)
    peer.polls.clear()
    device.live(lambda: len(peer.polls) > 0)
    assert peer.polls[0].public is None


REFUSED: dict[str, tuple[int, Callable[[Product], Release]]] = {
    "foreign_key": (
        14,
        lambda p: release(p, make_image(p, "1.1.0"), key=p256.private_key(bytes([5]) * 32)),
    ),
    "root_key": (14, lambda p: release(p, make_image(p, "1.1.0"), key=p.root)),
    "other_hardware": (16, lambda p: release(p, make_image(p, "1.1.0", cid=bytes(16)))),
    "below_the_floor": (17, lambda p: release(p, make_image(p, "1.1.0", counter=4))),
    "may_not_follow": (
        3,
        lambda p: release(
            p,
            make_image(p, "1.1.0", counter=9),
            follows=((Version.parse("1.0.1"), Version.parse("1.0.9")),),
        ),
    ),
    "too_large": (10, lambda p: release(p, make_image(p, "1.1.0", counter=9), blob_size=0x10001)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_manifests_are_reported_and_nothing_is_erased(
    device: Device, peer: Peer, product: Product, name: str
) -> None:
    code, make = REFUSED[name]
    device.provision(make_image(product, "1.0.0", counter=5), floor=5)
    peer.publish(make(product))
    before = device.flash.read_bytes()[SPAN]
    device.live(lambda: any(r.kind == ReportKind.REFUSED for r in peer.reports))
    assert {r.code for r in peer.reports if r.kind == ReportKind.REFUSED} == {code}
    assert device.flash.read_bytes()[SPAN] == before
    assert peer.sent_bytes == 0


def test_a_blob_that_is_not_the_promised_one_is_dropped(
    device: Device, peer: Peer, product: Product
) -> None:
    good = release(product, make_image(product, "1.1.0"))
    peer.publish(good)
    spoilt = bytearray(good.data)
    spoilt[-1] ^= 1
    peer.blobs[good.blob] = bytes(spoilt)
    device.live(lambda: any(r.kind == ReportKind.DOWNLOAD_FAILED for r in peer.reports))
    assert peer.polls[-1].app.slots[1].state == 0
    peer.blobs[good.blob] = good.data  # mended: taken
    device.live(lambda: any(r.kind == ReportKind.CONFIRMED for r in peer.reports))


@pytest.mark.parametrize("at", [0x210, 0x400, 5000])
def test_an_image_whose_signature_is_wrong_is_rejected_after_download(
    device: Device, peer: Peer, product: Product, at: int
) -> None:
    data = bytearray(make_image(product, "1.1.0"))
    good = release(product, bytes(data))
    data[at] ^= 0x10
    from hashlib import sha256

    bad = release(product, good.data, blob_digest=sha256(bytes(data)).digest())
    peer.offer = bad
    peer.blobs[sha256(bytes(data)).hexdigest()] = bytes(data)
    device.live(
        lambda: any(
            r.kind in (ReportKind.REJECTED, ReportKind.DOWNLOAD_FAILED) for r in peer.reports
        )
    )
    assert peer.polls[-1].app.slots[1].state in (0, 5)
    assert peer.polls[-1].app.running == 0


def test_another_image_than_the_promised_one_is_rejected(
    device: Device, peer: Peer, product: Product
) -> None:
    data = make_image(product, "1.1.0")
    peer.offer = release(product, data, image_digest=bytes(32))
    peer.blobs[peer.offer.blob] = data
    device.live(lambda: any(r.kind == ReportKind.REJECTED for r in peer.reports))
    assert peer.polls[-1].app.slots[1].state == 5


@pytest.mark.parametrize(
    "action",
    [
        Action(Code.KEYSET, b"keyset"),
        Action(Code.BOOT_OTHER, bytes([3]) * 32),
        Action(Code.SEAL, bytes([4]) * 32),
    ],
)
def test_actions_that_cannot_be_done_refuse_the_whole_answer(
    device: Device, peer: Peer, product: Product, action: Action
) -> None:
    device.live(lambda: len(peer.polls) > 1)
    peer.publish(release(product, make_image(product, "1.1.0")))
    peer.extra = [action]
    status = device.status(after=12)
    assert status["refused"] >= 3 and peer.sent_bytes == 0
    told = [r for r in peer.polls[-1].reports if r.kind == ReportKind.REFUSED]
    assert [r.code for r in told] == [7]
    digest = action.argument if action.code != Code.KEYSET else bytes(32)
    assert told[0].digest == digest
    peer.extra = []
    device.live(lambda: any(r.kind == ReportKind.CONFIRMED for r in peer.reports))
