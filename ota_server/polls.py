# SPDX-License-Identifier: Apache-2.0
"""POST /v1/poll: from a request's body to status and answer. The course stands in protocol.md.

A device that needs nothing costs two HMACs: its poll is compared, but for generation and seq, with
the last one that needed nothing. Everything else is decoded, decided and stored before the answer.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from unitool.errors import FormatError
from unitool.formats.answer import Action, Answer, Code
from unitool.formats.fastpath import Envelopes, RawPoll
from unitool.formats.messages import Poll, decode_poll
from unitool.formats.reasons import AuthError, TooLargeError

from ota_server import rollout as decide
from ota_server.enrol import Enrolment, enrol
from ota_server.fleet import Fleet, Live
from ota_server.model import Device, Standing, StoredReport, seen_from
from ota_server.status import status_of
from ota_server.store import Change, now_s
from ota_server.writer import WriteError

log = logging.getLogger("ota_server")

Result = tuple[int, bytes]

REFUSED: Result = (403, b"")
MALFORMED: Result = (400, b"")
TOO_LARGE: Result = (413, b"")
NOT_STORED: Result = (503, b"")

TRIAL_POLL_S = 5  # a device whose image waits to be confirmed is watched closely

# A poll up to its seq: map head, id (key 1), generation (key 2), head of seq (key 3, 8 bytes).
_GENERATION = slice(21, 29)
_SEQ = slice(31, 39)
_REST = slice(39, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Seconds to the next poll: usually, during an update, and before approval."""

    usual_s: int = 300
    busy_s: int = 15
    pending_s: int = 30


class Polls:
    """Answers polls and enrolments."""

    def __init__(self, fleet: Fleet, intervals: Intervals) -> None:
        """Precompute the answer that nearly everybody gets."""
        self.fleet = fleet
        self.envelopes = Envelopes(fleet.key.public)
        self.intervals = intervals
        self._nothing = Answer(intervals.usual_s).encode()

    async def __call__(self, body: bytes) -> Result:
        """Status and body of the response."""
        try:
            raw = self.envelopes.open(body)
            if raw.enrol:
                return await self._enrol(raw)
            live = self.fleet.devices.get(raw.device)
            if live is None or live.device.public is None:
                return REFUSED
            if live.device.standing is not Standing.ENROLLED:
                return REFUSED
            if live.keys is None:
                live.keys = self.fleet.key.device_keys(live.device.public)
            raw.check(live.keys.poll)
            if self._is_quiet(live, raw.payload):
                self.fleet.heard(live, int.from_bytes(raw.payload[_SEQ], "big"))
                return 200, self.envelopes.answer(self._nothing, live.keys.answer, raw.tag)
            return await self._poll(live, raw, decode_poll(raw.payload))
        except AuthError:
            return REFUSED
        except TooLargeError:
            return TOO_LARGE
        except FormatError as error:
            log.info("malformed poll: %s", error.message)
            return MALFORMED
        except WriteError:
            return NOT_STORED

    def _is_quiet(self, live: Live, payload: bytes) -> bool:
        return (
            live.quiet_epoch == self.fleet.epoch
            and payload[_REST] == live.quiet
            and payload[19:21] == b"\x02\x48"
            and payload[29:31] == b"\x03\x1b"
            and payload[_GENERATION] == live.device.generation
            and int.from_bytes(payload[_SEQ], "big") > live.seq
        )

    async def _enrol(self, raw: RawPoll) -> Result:
        poll = decode_poll(raw.payload)
        result = enrol(self.fleet, poll, raw)
        if isinstance(result, Enrolment):
            await self.fleet.save(result.change)
            actions = [Action(Code.RESYNC, result.generation)] if result.generation else []
            delay_s = self.intervals.busy_s if actions else self.intervals.pending_s
            return self._answer(result.live, raw, delay_s, actions)
        return REFUSED

    async def _poll(self, live: Live, raw: RawPoll, poll: Poll) -> Result:
        if poll.public is not None:
            return MALFORMED
        device, fleet = live.device, self.fleet
        used_pending = device.pending is not None and poll.generation == device.pending
        current = poll.generation == device.generation and poll.seq > live.seq
        if not (used_pending or current):
            return self._resync(live, raw)
        seen = seen_from(poll, live.trial_s(poll))
        plan = decide.plan(fleet.rollouts_for(seen.vid, seen.cid), live.members, seen)
        live.seq, live.seen_s, live.heard = poll.seq, now_s(), time.monotonic()
        new = _after_poll(device, poll, used_pending)
        decided = fleet.place(live, plan.changes)
        live.device = new
        lasting = bool(poll.reports or plan.changes or used_pending or plan.action)
        if not lasting and plan.confirm_in_s is None:
            live.quiet, live.quiet_epoch = raw.payload[_REST], fleet.epoch
        change = replace(
            decided,
            devices=(new,) if new != device else (),
            seen=fleet.seen_row(live),
            reports=_stored(poll),
            tokens=fleet.used_up(new.id) if used_pending else (),
        )
        stored = fleet.save(change)
        if lasting:
            await stored
        actions = [] if plan.action is None else [_wire(plan.action)]
        delay_s = self.intervals.busy_s if fleet.is_busy(live) else self.intervals.usual_s
        if plan.confirm_in_s is not None:
            delay_s = min(delay_s, math.ceil(plan.confirm_in_s), TRIAL_POLL_S)
        return self._answer(live, raw, delay_s, actions)

    def _resync(self, live: Live, raw: RawPoll) -> Result:
        """A replay, a lost journal or a copy of the device: nothing changes but the counter."""
        live.stale_polls += 1
        generation = live.device.pending
        if generation is None:
            generation = os.urandom(8)
            live.device = replace(live.device, pending=generation)
            self.fleet.save(Change(devices=(live.device,)))
        actions = [Action(Code.RESYNC, generation)]
        return self._answer(live, raw, self.intervals.busy_s, actions)

    def _answer(self, live: Live, raw: RawPoll, delay_s: int, actions: Sequence[Action]) -> Result:
        if live.keys is None:
            live.keys = self.fleet.key.device_keys(live.device.public or b"")
        payload = Answer(delay_s, tuple(actions)).encode()
        return 200, self.envelopes.answer(payload, live.keys.answer, raw.tag)


def _after_poll(device: Device, poll: Poll, used_pending: bool) -> Device:
    """The device as it is from now on."""
    new = replace(device, status=status_of(poll))
    if not used_pending:
        return new
    resyncs = device.resyncs + (device.generation is not None)
    return replace(new, generation=poll.generation, pending=None, resyncs=resyncs)


def _stored(poll: Poll) -> tuple[StoredReport, ...]:
    at_s = now_s()
    return tuple(
        StoredReport(device=poll.device, at_s=at_s, boot=poll.boot.count, report=report)
        for report in poll.reports
    )


def _wire(action: decide.Action) -> Action:
    match action:
        case decide.Offer(release):
            return Action(Code.OFFER, release.signed)
        case decide.Go(digest):
            return Action(Code.GO, digest)
        case decide.Confirm(digest):
            return Action(Code.CONFIRM, digest)
