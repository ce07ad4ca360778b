# SPDX-License-Identifier: Apache-2.0
"""A server in miniature for the agent's tests: one fleet, offers what it is told, no store, no I/O.

Independent of ota_server on purpose: it knows the protocol only from unitool.formats.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256

from unitool.formats import cose, image, keyset, p256
from unitool.formats.answer import Action, Answer, Code
from unitool.formats.manifest import Component, Manifest
from unitool.formats.messages import Poll, Purpose, Report, decode_poll, derive_key
from unitool.formats.reasons import AuthError, FormatError
from unitool.formats.records import SlotState
from unitool.formats.version import Version


@dataclass(frozen=True, kw_only=True)
class Product:
    """Keys and identity of the devices under test."""

    root: p256.PrivateKey
    spare: p256.PrivateKey
    image: p256.PrivateKey
    server: p256.PrivateKey
    vid: bytes
    cid: bytes
    fleet: bytes

    @classmethod
    def make(cls, name: str = "thermostat") -> Product:
        """Return a product whose keys follow from its name."""
        root, spare, img, server = (
            p256.private_key(sha256(f"{name} {role}".encode()).digest())
            for role in ("root", "spare", "image", "server")
        )
        vid = image.vendor_id("example.com")
        return cls(
            root=root,
            spare=spare,
            image=img,
            server=server,
            vid=vid,
            cid=image.class_id(vid, name, "host"),
            fleet=sha256(name.encode()).digest()[:16],
        )

    def keyset(self) -> bytes:
        """Return the signed keyset that devices start with."""
        keys = (
            keyset.Key(role=keyset.Role.IMAGE, key=p256.public(self.image)),
            keyset.Key(role=keyset.Role.SERVER, key=p256.public(self.server)),
        )
        made = keyset.Keyset(vid=self.vid, fleet=self.fleet, epoch=1, keys=keys, floors={})
        return made.sign(self.root)


@dataclass(frozen=True, kw_only=True)
class Release:
    """A signed image and its manifest."""

    version: Version
    data: bytes
    digest: bytes
    manifest: bytes

    @property
    def blob(self) -> str:
        """Return the name under which the blob is served."""
        return sha256(self.data).hexdigest()


def release(
    product: Product,
    data: bytes,
    *,
    key: p256.PrivateKey | None = None,
    follows: tuple[tuple[Version, Version], ...] | None = None,
    **changes: object,
) -> Release:
    """Return a release of a signed image; `changes` replace fields of its component."""
    parsed = image.parse(data)
    fields: dict[str, object] = {
        "version": parsed.version,
        "counter": parsed.counter,
        "image_digest": parsed.digest,
        "blob_digest": sha256(data).digest(),
        "blob_size": len(data),
    }
    fields.update(changes)
    component = Component(**fields)  # type: ignore[arg-type]
    manifest = Manifest(vid=parsed.vid, cid=parsed.cid, components=(component,), follows=follows)
    return Release(
        version=parsed.version,
        data=data,
        digest=component.image_digest,
        manifest=manifest.sign(key or product.image),
    )


@dataclass(kw_only=True)
class Known:
    """What the server knows about one device."""

    public: bytes
    generation: bytes | None = None
    pending: bytes | None = None
    seq: int = 0


@dataclass(kw_only=True)
class Peer:
    """The server."""

    product: Product
    token: bytes = b""
    next_poll_s: int = 60
    offer: Release | None = None
    go: bool = True
    confirm: bool = True
    blobs: dict[str, bytes] = field(default_factory=dict)
    devices: dict[bytes, Known] = field(default_factory=dict)
    polls: list[Poll] = field(default_factory=list)
    extra: list[Action] = field(default_factory=list)  # put into every answer
    sent_bytes: int = 0

    def publish(self, new: Release) -> None:
        """Offer this from now on."""
        self.blobs[new.blob] = new.data
        self.offer = new

    @property
    def reports(self) -> list[Report]:
        """Return every report, in order, repetitions included."""
        return [r for poll in self.polls for r in poll.reports]

    def keys(self, public: bytes) -> tuple[bytes, bytes, bytes]:
        """Return K_enrol, K_poll and K_answer."""
        z = p256.ecdh(self.product.server, public)
        server = p256.public(self.product.server)
        enrol = derive_key(z, Purpose.ENROL, public, server, self.token)
        poll = derive_key(z, Purpose.POLL, public, server)
        return enrol, poll, derive_key(z, Purpose.ANSWER, public, server)

    def handle(self, message: bytes) -> tuple[int, bytes]:
        """Return status and body for a POST to /v1/poll."""
        try:
            return self._enrol(message)
        except FormatError:
            pass
        try:
            return self._poll(message)
        except AuthError:
            return 403, b""
        except FormatError:
            return 400, b""

    def _enrol(self, message: bytes) -> tuple[int, bytes]:
        envelope = cose.parse_mac0(message, cose.Type.ENROL)
        poll = decode_poll(envelope.payload)
        assert poll.public is not None
        enrol, _, answer = self.keys(poll.public)
        envelope.check(enrol)
        assert p256.device_id(poll.public) == poll.device
        known = self.devices.setdefault(poll.device, Known(public=poll.public))
        self.polls.append(poll)
        return self._resync(known, envelope, answer)

    def _resync(self, known: Known, envelope: cose.Envelope, key: bytes) -> tuple[int, bytes]:
        known.pending = known.pending or os.urandom(8)
        return self._answer(envelope, key, [Action(Code.RESYNC, known.pending)])

    def _answer(
        self, envelope: cose.Envelope, key: bytes, actions: list[Action]
    ) -> tuple[int, bytes]:
        answer = Answer(self.next_poll_s, tuple(actions + self.extra))
        kid = p256.kid(p256.public(self.product.server))
        return 200, answer.seal(key, kid, envelope.tag)

    def _poll(self, message: bytes) -> tuple[int, bytes]:
        envelope = cose.parse_mac0(message, cose.Type.POLL)
        poll = decode_poll(envelope.payload)
        known = self.devices.get(poll.device)
        if known is None:
            return 403, b""
        _, key, answer = self.keys(known.public)
        envelope.check(key)
        if known.pending and poll.generation == known.pending:
            known.generation, known.pending, known.seq = known.pending, None, 0
        if poll.generation != known.generation or poll.seq <= known.seq:
            return self._resync(known, envelope, answer)
        known.seq = poll.seq
        self.polls.append(poll)
        return self._answer(envelope, answer, self._actions(poll))

    def _actions(self, poll: Poll) -> list[Action]:
        running = poll.app.slots[poll.app.running]
        other = poll.app.slots[1 - poll.app.running]
        assert running.digest is not None
        if running.state == SlotState.TRYING:
            return [Action(Code.CONFIRM, running.digest)] if self.confirm else []
        new = self.offer
        if new is None or running.digest == new.digest:
            return []
        if other.state == SlotState.READY and other.digest == new.digest:
            return [Action(Code.GO, new.digest)] if self.go else []
        return [Action(Code.OFFER, new.manifest)]

    def blob(self, name: str, start: int | None) -> tuple[int, dict[str, int], bytes]:
        """Return status, {length, from, total} and body for a GET of a blob."""
        data = self.blobs.get(name)
        if data is None:
            return 404, {"length": 0}, b""
        if start is None:
            self.sent_bytes += len(data)
            return 200, {"length": len(data)}, data
        if start >= len(data):
            return 416, {"length": 0, "total": len(data)}, b""
        part = data[start:]
        self.sent_bytes += len(part)
        return 206, {"length": len(part), "from": start, "total": len(data)}, part
