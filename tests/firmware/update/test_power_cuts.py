# SPDX-License-Identifier: Apache-2.0
"""Power cut at every flash operation of what the agent does: all of it only takes longer.

How the slots' code and the bootloader stand each kind of torn flash is tests/sim's business; here
each place that calls them from elsewhere is cut, and a place that no scenario reaches is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import host_c
import pytest
from host_agent import (
    CUT_AFTER,
    CUT_BEFORE,
    CUT_INSIDE,
    POWER_ON,
    Device,
    Reply,
    Request,
    make_image,
    network_of,
)
from peer import Peer, Product, Release, release
from unitool.formats.err import Err
from unitool.formats.journal import Journal
from unitool.formats.messages import ReportKind
from unitool.formats.records import Boot, SlotState

from tests.sim import sites

HOWS = (CUT_BEFORE, CUT_INSIDE, CUT_AFTER)
WELL_MS = 11 * 60_000  # the agent calls an image well after ten minutes


@pytest.fixture(scope="module")
def host_program() -> Path:
    """Return the agent with calls that tell where they are made."""
    headers = sites.Headers(host_c.BUILD / "sites")
    return host_c.build(Path(__file__).parent / "host" / "host.c", own_flags=headers.flags)


@dataclass(frozen=True)
class World:
    """A new device that knows no server yet, and the server."""

    device: Device
    peer: Peer

    def image(self, version: str, size: int = 6000) -> bytes:
        """Return a signed image."""
        return make_image(self.peer.product, version, size=size)

    def offer(self, version: str, **how: int) -> Release:
        """Publish a good image."""
        made = release(self.peer.product, self.image(version, **how))
        self.peer.publish(made)
        return made

    def until_reported(self, *kinds: ReportKind) -> None:
        """Let the device live until it tells the server of one of these."""
        self.device.live(lambda: any(r.kind in kinds for r in self.peer.reports))

    def until_confirmed(self, new: Release) -> None:
        """Let the device live until it runs the image for good."""

        def done() -> bool:
            app = self.peer.polls[-1].app if self.peer.polls else None
            slot = app.slots[app.running] if app else None
            state = slot.state if slot and slot.digest == new.digest else None
            return state == SlotState.CONFIRMED

        self.device.live(done)

    def crashes(self) -> int:
        """Return how many crashes in a row the journal counts."""
        flash = self.device.flash.read_bytes()
        state = Journal.open(flash[0x3000:0x4000], flash[0x4000:0x5000], 8).state()
        boot = state[Boot.TYPE, 0, 0].decoded()
        assert isinstance(boot, Boot)
        return boot.crashes


def update(world: World) -> None:
    world.until_confirmed(world.offer("1.1.0", size=10_000))


def go_back_and_try_again(world: World) -> None:
    """The second time without a download."""
    new = world.offer("1.1.0")
    world.peer.confirm = False
    world.until_reported(ReportKind.REVERTED)
    world.peer.confirm = True
    world.until_confirmed(new)


def reject_an_image(world: World) -> None:
    """What the manifest promises, and yet no image that its key signed."""
    good = world.image("1.1.0")
    bad = good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]
    digest = sha256(bad).digest()
    made = release(world.peer.product, good, blob_digest=digest, blob_size=len(bad))
    world.peer.publish(replace(made, data=bad))
    world.until_reported(ReportKind.REJECTED, ReportKind.BAD)
    world.until_confirmed(world.offer("1.2.0"))


def discard_a_download(world: World) -> None:
    """Not what the manifest promises."""
    made = world.offer("1.1.0")
    world.peer.blobs[made.blob] = made.data[:-1] + b"?"
    world.until_reported(ReportKind.DOWNLOAD_FAILED)
    world.until_confirmed(world.offer("1.2.0"))


def start_a_download_over(world: World) -> None:
    """The connection breaks, and then the server cannot give a range."""
    new = world.offer("1.1.0", size=10_000)
    honest = network_of(world.peer)
    broken = 0

    def carry(request: Request) -> Reply:
        nonlocal broken
        if request.method == "POST" or (request.start is None and broken):
            return honest(request)
        whole = honest(replace(request, start=None))
        if request.start is None:
            broken += 1
            return replace(whole, body=whole.body[:5000], err=Err.CLOSED)
        return whole

    world.device.network = carry
    world.until_confirmed(new)


def be_well_after_a_crash(world: World) -> None:
    reason = world.device.run(idle=lambda ms: "CRASH").reset or POWER_ON
    left = 0

    def idle(ms: int) -> str:
        nonlocal left
        left -= ms
        return "GO" if left > 0 else "QUIT"

    for _ in range(3):
        left = WELL_MS
        world.device.run(reason, idle=idle)
        reason = POWER_ON
    assert world.crashes() == 0


SCENARIOS = (
    update,
    go_back_and_try_again,
    reject_an_image,
    discard_a_download,
    start_a_download_over,
    be_well_after_a_crash,
)


@pytest.fixture
def fresh(device: Device, product: Product) -> Callable[[], World]:
    """Return a maker of worlds in which nothing has happened yet."""
    first = device.flash.read_bytes()

    def make() -> World:
        device.flash.write_bytes(first)
        peer = Peer(product=product)
        network = network_of(peer)
        return World(replace(device, network=network, log=[], operations=0), peer)

    return make


def test_each_place_that_changes_flash_is_cut(
    fresh: Callable[[], World], capsys: pytest.CaptureFixture[str]
) -> None:
    cuts: Counter[tuple[str, int]] = Counter()
    for scenario in SCENARIOS:
        world = fresh()
        scenario(world)
        operations = world.device.operations
        for at in range(1, operations + 1):
            for how in HOWS:
                world = fresh()
                world.device.cut_at = (at, how)
                scenario(world)
                assert world.device.cut_places, f"operation {at} never came"
                cuts.update((place, how) for place in world.device.cut_places)
        with capsys.disabled():
            print(f"\n{scenario.__name__}: {operations} operations, each cut in {len(HOWS)} ways")
    own = sites.places(sites.changers(), outside=sites.SLOTS)
    own = {place for place in own if not place.startswith("firmware/boot/")}
    seen = {sites.in_checkout(told) for told, _ in cuts}
    lower = {p for p in seen if p and p.startswith(str(sites.SLOTS))}
    assert seen - lower - {None} == own
    never = [(told, how) for told, _ in cuts for how in HOWS if (told, how) not in cuts]
    assert not never
