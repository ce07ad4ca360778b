# SPDX-License-Identifier: Apache-2.0
"""Who becomes one of our devices: by the factory's list, by a one-time token, or by approval."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from unitool.formats import p256
from unitool.formats.fastpath import RawPoll
from unitool.formats.messages import Poll
from unitool.formats.reasons import AuthError, MalformedError

from ota_server.fleet import Fleet, Live
from ota_server.model import Device, Standing, Token
from ota_server.status import status_of
from ota_server.store import Change, now_s

log = logging.getLogger("ota_server")

# Strangers can make up devices without end; beyond this many only known ids are noted.
PENDING_MAX = 10_000
# An enrolment with an unknown token is tried against every token that is for any device.
OPEN_TOKENS_MAX = 100


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What to store, and the generation to tell; None while the device waits for approval."""

    live: Live
    change: Change
    generation: bytes | None


def enrol(fleet: Fleet, poll: Poll, raw: RawPoll) -> Enrolment | None:
    """Take in a device; None if it is not to be talked to. AuthError, MalformedError as in polls.

    Repeating an enrolment succeeds: the first answer may have been lost.
    """
    public = poll.public
    if public is None or p256.device_id(public) != poll.device:
        raise MalformedError("enrolment: the id is not that of the public key")
    token = _check(fleet, public, raw)
    live = fleet.devices.get(poll.device)
    standing = Standing.PENDING if live is None else live.device.standing
    if token is not None or standing is Standing.EXPECTED:
        standing = Standing.ENROLLED
    if live is None:
        if standing is Standing.PENDING and len(fleet.waiting) >= PENDING_MAX:
            return None
        live = fleet.add(Device(id=poll.device, standing=standing, added_s=now_s()))
    pending = None
    if standing is Standing.ENROLLED:
        pending = live.device.pending or os.urandom(8)
    new = replace(
        live.device, standing=standing, public=public, pending=pending, status=status_of(poll)
    )
    events: tuple[str, ...] = ()
    if standing is not live.device.standing or live.device.public is None:
        events = (f"device {poll.device.hex()}: {_how(token, standing)}",)
    fleet.take_device(live, new)
    tokens: tuple[Token, ...] = ()
    if token is not None and not token.used:
        used = replace(token, used=True, device=poll.device)
        fleet.tokens[token.hash] = used
        tokens = (used,)
    return Enrolment(live, Change(devices=(new,), tokens=tokens, events=events), pending)


def _check(fleet: Fleet, public: bytes, raw: RawPoll) -> Token | None:
    """The token that the enrolment was made with; AuthError if its MAC is wrong with every one."""
    z = fleet.key.shared(public)
    for token, secret in [(None, b""), *_candidates(fleet, raw.device)]:
        try:
            raw.check(fleet.key.enrol_key(z, public, secret))
        except AuthError:
            continue
        return token
    log.info("enrolment of %s refused: its MAC fits no token that is known", raw.device.hex())
    raise AuthError("the enrolment's MAC is wrong")


def _candidates(fleet: Fleet, device: bytes) -> Iterator[tuple[Token | None, bytes]]:
    """Tokens of this device, used ones too since it may repeat itself, then those for any."""
    for token in sorted(fleet.tokens.values(), key=lambda t: t.device is None):
        mine = token.device == device or (token.device is None and not token.used)
        if token.wrapped is None or not mine:
            continue
        secret = fleet.key.unwrap(token.wrapped, token.hash)
        if secret is not None:
            yield token, secret


def _how(token: Token | None, standing: Standing) -> str:
    if token is not None:
        return "enrolled with a one-time token"
    return "enrolled" if standing is Standing.ENROLLED else "waits for approval"
