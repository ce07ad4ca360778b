# SPDX-License-Identifier: Apache-2.0
"""A man in the middle changes nothing, and is counted: real boards, the real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Backend, Unit, UnitMaker, Versions, wait_for
from middle import Middle, Reply
from unitool.boards import Board
from unitool.formats import p256

from tests.ota_server.device import Device

Turn = Callable[[Middle, bytes, Reply], Reply]
TURNS_SEEN = 4


def bare_204(middle: Middle, poll: bytes, honest: Reply) -> Reply:
    return Reply(204)


def replayed_answer(middle: Middle, poll: bytes, honest: Reply) -> Reply:
    return Reply(200, middle.answers[-1])


def replayed_poll(middle: Middle, poll: bytes, honest: Reply) -> Reply:
    return middle.forward("POST", "/v1/poll", middle.polls[-1])


def reflected_poll(middle: Middle, poll: bytes, honest: Reply) -> Reply:
    return Reply(200, poll)


def tampered(middle: Middle, poll: bytes, honest: Reply) -> Reply:
    return Reply(200, honest.body[:-1] + bytes([honest.body[-1] ^ 1]))


@pytest.fixture
def other(backend: Backend, versions: Versions, board: Board) -> Device:
    """Return another device of the same product, enrolled with the same server."""
    app = versions.make(board, "1.0.0").built.app
    assert app is not None
    device = Device(
        server=backend.process.devices,
        server_public=p256.public(versions.keys.p256("server")),
        vid=app.vid,
        cid=app.cid(board),
        seed=77,
    )
    backend.process.client.post("/devices", {"ids": [device.id.hex()]})
    device.enrol()
    return device


def slots_of(unit: Unit) -> bytes:
    areas = [unit.board.layout[name] for name in ("slot_a", "slot_b")]
    return b"".join(unit.emulator.state.read(a.offset, a.size) for a in areas)


def refused_count(backend: Backend, unit: Unit) -> int:
    told = backend.device(unit.id)["reports"]
    return sum(r["code"] for r in told if r["kind"] == "answers refused")


def play(backend: Backend, unit: Unit, middle: Middle, turn: Turn, versions: Versions) -> None:
    """Let `turn` stand between board and server while an update is offered."""
    before = slots_of(unit)
    told = refused_count(backend, unit)
    middle.turns, middle.turn = 0, turn
    wait_for(lambda: middle.turns >= TURNS_SEEN, "polls", 90, unit.log)
    assert slots_of(unit) == before
    assert unit.status()["version"] == "1.0.0"
    middle.turn = None
    wait_for(
        lambda: refused_count(backend, unit) >= told + TURNS_SEEN - 1,
        "count of refused answers at the server",
        90,
        unit.log,
    )


def test_a_man_in_the_middle_changes_nothing_and_is_counted(
    board: Board, unit: UnitMaker, backend: Backend, versions: Versions, other: Device
) -> None:
    def answer_for_another(middle: Middle, poll: bytes, honest: Reply) -> Reply:
        return middle.forward("POST", "/v1/poll", other.poll_message())

    new = versions.make(board, "2.0.0")
    with Middle(backend.process.devices) as middle:
        one = unit(url=middle.guest_url)
        with one.emulator:
            one.wait_version("1.0.0")
            wait_for(lambda: len(middle.polls) > 3, "polls", 60, one.log)
            turns = [bare_204, replayed_answer, replayed_poll, reflected_poll, tampered]
            rollout = backend.roll_out(new)
            backend.process.client.post(f"/rollouts/{rollout}/pause")
            for turn in [*turns, answer_for_another]:
                play(backend, one, middle, turn, versions)
            backend.process.client.post(f"/rollouts/{rollout}/resume")
            backend.wait_done(rollout, one)
            one.wait_version("2.0.0")
