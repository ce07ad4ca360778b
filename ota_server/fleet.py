# SPDX-License-Identifier: Apache-2.0
"""What the server keeps in memory, and the one way in which it changes: there, then in the store.

Everything here is a copy of what is stored. Whoever changes it hands the same change to `save` and
answers nobody before that succeeded; if a write fails, all is loaded again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from unitool.formats import cose, keyset
from unitool.formats.messages import Poll
from unitool.formats.records import SlotState

from ota_server import rollout as decide
from ota_server.crypto import DeviceKeys, ServerKey
from ota_server.model import (
    Counts,
    Device,
    Member,
    Phase,
    Release,
    Rollout,
    Stage,
    Standing,
    Token,
)
from ota_server.store import Change, Query, Store, now_s
from ota_server.writer import Writer

IN_FLIGHT = (Stage.OFFERED, Stage.READY, Stage.GO, Stage.TRYING)


@dataclass(slots=True)
class Live:
    """A device in memory. `heard`: monotonic time of its last poll, at least the server's start."""

    device: Device
    heard: float
    seq: int = -1
    seen_s: int = 0
    keys: DeviceKeys | None = None
    members: dict[int, Member] = field(default_factory=dict)
    quiet: bytes = b""  # what a poll that needs nothing looks like, but for generation and seq
    quiet_epoch: int = -1
    stale_polls: int = 0
    trial: tuple[int, bytes, float] | None = None  # boot count, image, first heard (monotonic)

    def trial_s(self, poll: Poll) -> float:
        """For how long the image on trial has been heard in this boot; 0 if none is."""
        running = next((s for s in poll.app.slots if s.slot == poll.app.running), None)
        if running is None or running.state != SlotState.TRYING:
            self.trial = None
            return 0.0
        what = (poll.boot.count, running.digest or b"")
        if self.trial is None or self.trial[:2] != what:
            self.trial = (*what, time.monotonic())
        return time.monotonic() - self.trial[2]


class Fleet:
    """Devices, releases and rollouts."""

    def __init__(self, store: Store, key: ServerKey) -> None:
        """Read all from the store; from within the loop."""
        self.store = store
        self.key = key
        self._writer: Writer[Change | Query] = Writer(store.commit, self._reload)
        self._dirty: dict[bytes, Live] = {}
        self.epoch = 0  # grows when a device that needed nothing may need something
        self.devices: dict[bytes, Live] = {}
        self.releases: dict[int, Release] = {}
        self.rollouts: dict[int, Rollout] = {}
        self.tokens: dict[bytes, Token] = {}
        self.keysets: dict[bytes, keyset.Keyset] = {}
        self.in_flight: set[tuple[int, bytes]] = set()
        self.waiting: set[bytes] = set()  # for approval
        self._load()

    async def close(self) -> None:
        """Store what is due and end."""
        self.flush()
        await self._writer.close()
        self.store.close()

    def _reload(self) -> None:
        self._load()
        self._writer.resume()

    def _load(self) -> None:
        stored, now = self.store.load(), time.monotonic()
        self.devices = {d.id: Live(d, heard=now) for d in stored.devices}
        self.waiting = {d.id for d in stored.devices if d.standing is Standing.PENDING}
        for id_, (seq, at_s) in stored.seen.items():
            live = self.devices[id_]
            live.seq, live.seen_s = seq, at_s
        self.releases = {r.id: r for r in stored.releases}
        self.tokens = {t.hash: t for t in stored.tokens}
        self.keysets = {}
        for statement in stored.keysets:
            self.take_keyset(statement)
        counted: Counter[tuple[int, str]] = Counter()
        self.in_flight = set()
        for rollout_id, id_, member in stored.members:
            self.devices[id_].members[rollout_id] = member
            for name in _counted_as(member):
                counted[rollout_id, name] += 1
            if member.stage in IN_FLIGHT:
                self.in_flight.add((rollout_id, id_))
        self.rollouts = {
            r.id: replace(
                r,
                counts=Counts(
                    admitted=counted[r.id, "admitted"],
                    done=counted[r.id, "done"],
                    failed=counted[r.id, "failed"],
                    forgiven=counted[r.id, "forgiven"],
                ),
            )
            for r in stored.rollouts
        }
        self.epoch += 1

    def take_keyset(self, statement: bytes) -> keyset.Keyset:
        """Use a keyset from now on; whoever hands it in vouches for it."""
        found = keyset.decode(cose.parse_sign1(statement, cose.Type.KEYSET).payload)
        self.keysets[found.vid] = found
        return found

    # ---- changing

    def save(self, change: Change | Query) -> asyncio.Future[object]:
        """Store a change that memory has already; await it before anybody is told."""
        return self._writer.submit(change)

    def heard(self, live: Live, seq: int) -> None:
        """Note a poll that changes nothing else; stored within a second or so."""
        live.seq, live.seen_s, live.heard = seq, now_s(), time.monotonic()
        self._dirty[live.device.id] = live

    def flush(self) -> None:
        """Store who was heard since the last flush."""
        if self._dirty:
            dirty, self._dirty = self._dirty, {}
            self.save(Change(seen=tuple((i, d.seq, d.seen_s) for i, d in dirty.items())))

    def seen_row(self, live: Live) -> tuple[tuple[bytes, int, int], ...]:
        """What a change has to say about the last poll; then no flush is needed for it."""
        self._dirty.pop(live.device.id, None)
        return ((live.device.id, live.seq, live.seen_s),)

    def place(self, live: Live, changes: Iterable[decide.Change]) -> Change:
        """Take over decisions about one device; returns what is to be stored."""
        changes = tuple(changes)
        events: list[str] = []
        for c in changes:
            live.members[c.rollout.id] = c.member
            key = (c.rollout.id, live.device.id)
            if c.member.stage in IN_FLIGHT:
                self.in_flight.add(key)
            else:
                self.in_flight.discard(key)
            events += self.take_rollout(c.rollout)
        return Change(
            rollouts=tuple(c.rollout for c in changes),
            members=tuple((c.rollout.id, live.device.id, c.member) for c in changes),
            events=tuple(events),
        )

    def take_rollout(self, new: Rollout) -> list[str]:
        """Use a rollout's new state; returns what the operator should be able to read about it."""
        old = self.rollouts.get(new.id)
        self.rollouts[new.id] = new
        if (
            old is None
            or old.phase is not new.phase
            or (decide.has_room(new) and not decide.has_room(old))
        ):
            self.epoch += 1
        events = []
        if old is not None and new.phase is Phase.HALTED and old.phase is not Phase.HALTED:
            events.append(f"rollout {new.id} halted: {new.reason}")
        if old is not None and new.opened and not old.opened:
            events.append(f"rollout {new.id}: the canaries succeeded, everybody follows")
        return events

    def add(self, device: Device) -> Live:
        """Know a device from now on; to be saved by the caller."""
        live = self.devices[device.id] = Live(device, heard=time.monotonic())
        self.take_device(live, device)
        return live

    def take_device(self, live: Live, new: Device) -> None:
        """Use a device's new state; to be saved by the caller."""
        live.device = new
        if new.standing is Standing.PENDING:
            self.waiting.add(new.id)
        else:
            self.waiting.discard(new.id)

    def used_up(self, device: bytes) -> tuple[Token, ...]:
        """Forget the secrets of tokens that this device used; to be saved by the caller."""
        used = [t for t in self.tokens.values() if t.used and t.wrapped and t.device == device]
        done = tuple(replace(t, wrapped=None) for t in used)
        self.tokens.update((t.hash, t) for t in done)
        return done

    def forget_quiet(self) -> None:
        """Make every device's next poll be looked at in full."""
        self.epoch += 1

    # ---- asking

    def rollouts_for(self, vid: bytes, cid: bytes) -> list[Rollout]:
        """The rollouts of an identity that may still say something."""
        return [
            r
            for r in self.rollouts.values()
            if r.release.manifest.vid == vid and r.release.manifest.cid == cid
        ]

    def is_busy(self, live: Live) -> bool:
        """Whether an update of this device is under way, so that it should poll soon."""
        for rollout_id, member in live.members.items():
            running = self.rollouts[rollout_id].phase is Phase.RUNNING
            if member.stage in IN_FLIGHT and (running or member.stage is Stage.TRYING):
                return True
        return False

    def check_silence(self) -> None:
        """Judge the devices that should have been heard by now."""
        now = time.monotonic()
        for rollout_id, id_ in list(self.in_flight):
            live, rollout = self.devices[id_], self.rollouts[rollout_id]
            idle_s = now - live.heard
            if idle_s <= rollout.policy.silence_s:
                continue
            before = decide.Change(rollout, live.members[rollout_id])
            after = decide.expire(before, id_, idle_s)
            if after != before:
                self.save(self.place(live, [after]))

    async def keep(self) -> None:
        """Flush and judge, every second, until cancelled."""
        while True:
            await asyncio.sleep(1)
            self.flush()
            self.check_silence()


def _counted_as(member: Member) -> tuple[str, ...]:
    if member.stage is Stage.LEFT:
        return ()
    if member.stage is Stage.DONE:
        return ("admitted", "done")
    if member.stage is Stage.FAILED:
        return ("admitted", "forgiven" if member.forgiven else "failed")
    return ("admitted",)
