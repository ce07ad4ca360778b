# SPDX-License-Identifier: Apache-2.0
"""What operators do: publish, roll out, approve. Each is stored before it is answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

from unitool.errors import ServerError
from unitool.formats.keyset import Keyset

from ota_server import rollout as decide
from ota_server.blobs import Blobs
from ota_server.crypto import TOKEN_BYTES, token_hash
from ota_server.enrol import OPEN_TOKENS_MAX
from ota_server.fleet import Fleet, Live
from ota_server.model import (
    Device,
    Member,
    Phase,
    Policy,
    Release,
    Rollout,
    Standing,
    Token,
)
from ota_server.publish import Part, Taken, check_keyset, take_apart
from ota_server.status import is_older
from ota_server.store import Change, add_keyset, add_release, now_s


class UnknownIdError(ServerError):
    """No release, rollout or device has this id, or several devices."""


class Operations:
    """The operators' verbs over a fleet and its blobs."""

    def __init__(self, fleet: Fleet, blobs: Blobs) -> None:
        """`blobs`: where artifacts go."""
        self.fleet = fleet
        self.blobs = blobs

    # ---- releases

    async def publish(self, data: bytes) -> list[Release]:
        """Check a bundle and store its parts; FormatError says why it is refused."""
        taken = await asyncio.to_thread(take_apart, data, dict(self.fleet.keysets))
        for part in taken.parts:
            self._refuse_same_version(part)
        await asyncio.to_thread(self._store_blobs, taken)
        return [await self._add(part) for part in taken.parts]

    def _refuse_same_version(self, part: Part) -> None:
        new = part.manifest
        for old in self.fleet.releases.values():
            same = (old.manifest.vid, old.manifest.cid, old.version) == (
                new.vid,
                new.cid,
                new.app.version,
            )
            if same and old.image_digest != new.app.image_digest:
                raise ServerError(
                    f"version {new.app.version} is already published with another image "
                    f"(release {old.id})",
                    hint="raise the version in app.toml, build and sign again",
                )

    def _store_blobs(self, taken: Taken) -> None:
        for content in taken.contents:
            self.blobs.put(content)

    async def _add(self, part: Part) -> Release:
        stored = await self.fleet.save(add_release(part.digest, part.signed, part.info))
        id_ = int(str(stored))
        known = self.fleet.releases.get(id_)
        release = known or Release(
            id=id_, signed=part.signed, manifest=part.manifest, info=part.info, added_s=now_s()
        )
        self.fleet.releases[id_] = release
        return release

    async def trust(self, statement: bytes) -> Keyset:
        """Use a keyset; an older epoch than the one in use is refused."""
        found = check_keyset(statement)
        old = self.fleet.keysets.get(found.vid)
        if old is not None and old.epoch > found.epoch:
            raise ServerError(
                f"keyset of epoch {found.epoch}, but epoch {old.epoch} is in use already",
                hint="take the latest one; unitool keygen --renew-keyset makes the next",
            )
        await self.fleet.save(add_keyset(found.vid, found.epoch, statement))
        return self.fleet.take_keyset(statement)

    # ---- rollouts

    def rollout(self, id_: int) -> Rollout:
        """UnknownIdError if there is no such rollout."""
        if id_ not in self.fleet.rollouts:
            raise UnknownIdError(f"no rollout {id_}", hint="unitool rollout status")
        return self.fleet.rollouts[id_]

    async def begin(self, release_id: int, policy: Policy) -> Rollout:
        """Start to roll out a release."""
        release = self.fleet.releases.get(release_id)
        if release is None:
            raise UnknownIdError(f"no release {release_id}", hint="unitool publish FILE.uota")
        for old in self.fleet.rollouts.values():
            if old.release.id == release_id and old.phase is not Phase.ABORTED:
                raise ServerError(
                    f"release {release_id} is being rolled out already (rollout {old.id}, "
                    f"{old.phase})",
                    hint=f"unitool rollout status {old.id}",
                )
        id_ = max(self.fleet.rollouts, default=0) + 1
        new = replace(decide.begun(id_, release, policy), added_s=now_s())
        self.fleet.take_rollout(new)
        text = f"rollout {id_} of {release.version} began, canary {policy.canary}"
        await self.fleet.save(Change(rollouts=(new,), events=(text,)))
        return new

    async def pause(self, id_: int) -> Rollout:
        """No more offers and no more `go`; devices that restarted already are confirmed."""
        return await self._change(id_, (Phase.RUNNING, Phase.PAUSED), Phase.PAUSED)

    async def abort(self, id_: int) -> Rollout:
        """End it; devices that try the image are not confirmed and go back."""
        every = (Phase.RUNNING, Phase.PAUSED, Phase.HALTED, Phase.ABORTED)
        return await self._change(id_, every, Phase.ABORTED)

    async def _change(self, id_: int, allowed: Sequence[Phase], to: Phase) -> Rollout:
        old = self.rollout(id_)
        if old.phase not in allowed:
            raise ServerError(f"rollout {id_} is {old.phase}", hint=_next_step(old))
        new = replace(old, phase=to)
        self.fleet.take_rollout(new)
        await self.fleet.save(Change(rollouts=(new,), events=(f"rollout {id_} {to}",)))
        return new

    async def resume(self, id_: int, retry: bool) -> Rollout:
        """Go on after a pause or a halt; `retry`: also with the devices that failed."""
        old = self.rollout(id_)
        if old.phase not in (Phase.PAUSED, Phase.HALTED):
            raise ServerError(f"rollout {id_} is {old.phase}", hint=_next_step(old))
        new, members = decide.resumed(old), []
        for live in self.fleet.devices.values():
            member = live.members.get(id_)
            if member is None:
                continue
            change = decide.Change(new, decide.forgiven(member))
            change = decide.retried(change) if retry else change
            new = change.rollout
            if change.member != member:
                live.members[id_] = change.member
                members.append((id_, live.device.id, change.member))
        self.fleet.take_rollout(new)
        self.fleet.forget_quiet()
        text = f"rollout {id_} resumed"
        await self.fleet.save(Change(rollouts=(new,), members=tuple(members), events=(text,)))
        return new

    def members(self, id_: int) -> list[tuple[Live, Member]]:
        """The devices in a rollout."""
        found = ((d, d.members.get(id_)) for d in self.fleet.devices.values())
        return [(d, m) for d, m in found if m is not None]

    def remaining(self, rollout: Rollout) -> int:
        """Devices that run an older version and are not in it yet."""
        found = rollout.release.manifest
        identity = (found.vid.hex(), found.cid.hex())
        return sum(
            (d.device.status.get("vid"), d.device.status.get("cid")) == identity
            and rollout.id not in d.members
            and is_older(d.device.status, found)
            for d in self.fleet.devices.values()
        )

    # ---- devices

    def device(self, prefix: str) -> Live:
        """The one device whose id starts so; UnknownIdError if none or several do."""
        found = [d for i, d in self.fleet.devices.items() if i.hex().startswith(prefix.lower())]
        if len(found) == 1 and prefix:
            return found[0]
        many = f"{len(found)} devices" if found else "no device"
        raise UnknownIdError(
            f"{many} with an id that starts with {prefix!r}", hint="unitool device list"
        )

    async def approve(self, prefix: str) -> Device:
        """Let a device that waits enrol; a whole id may also be approved before it knocks."""
        whole = len(prefix) == 32 and set(prefix.lower()) <= set("0123456789abcdef")
        if whole and bytes.fromhex(prefix) not in self.fleet.devices:
            await self.expect([bytes.fromhex(prefix)])
        live = self.device(prefix)
        if live.device.standing is Standing.PENDING:
            self.fleet.take_device(live, replace(live.device, standing=Standing.EXPECTED))
            text = f"device {live.device.id.hex()} approved"
            await self.fleet.save(Change(devices=(live.device,), events=(text,)))
        return live.device

    async def expect(self, ids: Sequence[bytes]) -> int:
        """Add a factory's list of ids; returns how many were new or waiting."""
        changed = []
        for id_ in ids:
            live = self.fleet.devices.get(id_)
            if live is None:
                new = Device(id=id_, standing=Standing.EXPECTED, added_s=now_s())
                changed.append(self.fleet.add(new).device)
            elif live.device.standing is Standing.PENDING:
                self.fleet.take_device(live, replace(live.device, standing=Standing.EXPECTED))
                changed.append(live.device)
        text = f"the factory list grew by {len(changed)}"
        await self.fleet.save(Change(devices=tuple(changed), events=(text,)))
        return len(changed)

    async def token(self, device: bytes | None, given: bytes | None) -> bytes:
        """Know a one-time token, for one device or for any; makes one unless it is given."""
        tokens = self.fleet.tokens
        open_ = sum(t.device is None and not t.used for t in tokens.values())
        if device is None and open_ >= OPEN_TOKENS_MAX:
            raise ServerError(
                f"{open_} tokens for any device are unused, and no more are given out",
                hint="make a token for one device: unitool device token ID",
            )
        secret = os.urandom(TOKEN_BYTES) if given is None else given
        hash_ = token_hash(secret)
        if hash_ in tokens:
            raise ServerError("this token is known already", hint="unitool device token makes one")
        wrapped = self.fleet.key.wrap(secret, hash_)
        token = Token(hash=hash_, wrapped=wrapped, device=device, added_s=now_s())
        tokens[hash_] = token
        await self.fleet.save(Change(tokens=(token,)))
        return secret


def _next_step(rollout: Rollout) -> str:
    if rollout.phase is Phase.ABORTED:
        return f"unitool rollout create {rollout.release.id}"
    return f"unitool rollout status {rollout.id}"
