# SPDX-License-Identifier: Apache-2.0
"""Polls, enrolments and answers of docs/protocol.md as data; their keys. Both ends use this."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum

from unitool.formats import cbor, cose, p256
from unitool.formats.manifest import version_item
from unitool.formats.reasons import MalformedError
from unitool.formats.version import Version

REPORTS_MAX = 16
COMPONENTS_MAX = 8
REPORT_TEXT_BYTES_MAX = 64
RELOCATES, DELTAS = 1, 2  # capabilities


class Purpose(IntEnum):
    """What a derived key is for; its name in lower case stands in the derivation."""

    ENROL = 0
    POLL = 1
    ANSWER = 2
    CRASH = 3


def derive_key(
    z: bytes, purpose: Purpose, device: bytes, server: bytes, token: bytes = b""
) -> bytes:
    """Return K_purpose from Z = ECDH(device key, server key). `token`: only for ENROL, 16 bytes."""
    label = ["unitool1", purpose.name.lower(), device, server, p256.device_id(device)]
    salt = token if purpose == Purpose.ENROL and token else bytes(32)
    extracted = hmac.digest(salt, z, "sha256")
    return hmac.digest(extracted, cbor.encode(label) + b"\1", "sha256")


class ReportKind(IntEnum):
    """What a report tells the server."""

    REFUSED = 1
    DOWNLOAD_FAILED = 2
    INSTALLED = 3
    REJECTED = 4
    CONFIRMED = 5
    REVERTED = 6
    BAD = 7
    CRASH = 8
    ANSWERS_REFUSED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStatus:
    """What a device says about one of its slots."""

    slot: int
    state: int
    version: Version | None = None
    digest: bytes | None = None
    counter: int | None = None
    offset_or_tries: int | None = None
    reason: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """What a device says about one component."""

    component: int = 0
    vid: bytes
    cid: bytes
    running: int
    slots: tuple[SlotStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BootStatus:
    """How the device came up."""

    count: int
    reset_reason: int
    crashes: int = 0
    mode: int = 0
    phases: tuple[int, ...] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Something that happened to an image."""

    kind: int
    digest: bytes
    code: int = 0
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The last crash record."""

    build_id: bytes
    slot_base: int
    reason: int
    pc: int
    lr: int
    sp: int
    fault: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A poll, or with `public` an enrolment."""

    device: bytes
    generation: bytes
    seq: int
    components: tuple[ComponentStatus, ...]
    boot: BootStatus
    capabilities: int = RELOCATES
    slot_bytes: int
    chunk_bytes: int
    reports: tuple[Report, ...] = ()
    agent: int = 1
    bootloader: int = 1
    epoch: int
    public: bytes | None = None
    crash: Crash | None = None

    @property
    def app(self) -> ComponentStatus:
        """Return component 0."""
        return next(c for c in self.components if c.component == 0)

    def encode(self) -> bytes:
        """Return the payload."""
        items: dict[int, cbor.Item] = {
            1: self.device,
            2: self.generation,
            3: self.seq,
            4: [_encode_component(c) for c in self.components],
            5: {
                1: self.boot.count,
                2: self.boot.reset_reason,
                3: self.boot.crashes,
                4: self.boot.mode,
                5: list(self.boot.phases),
            },
            6: self.capabilities,
            7: [self.slot_bytes, self.chunk_bytes],
            8: [_encode_report(r) for r in self.reports],
            9: self.agent,
            10: self.bootloader,
            11: self.epoch,
        }
        if self.public is not None:
            items[12] = self.public
        if self.crash is not None:
            items[13] = _encode_crash(self.crash)
        return cbor.encode(items)

    def seal(self, key: bytes, kid: bytes) -> bytes:
        """Return the message: with K_poll, or with K_enrol if it carries the public key."""
        typ = cose.Type.POLL if self.public is None else cose.Type.ENROL
        return cose.mac0(typ, kid, key, self.encode())


def _some(items: dict[int, cbor.Item | None]) -> dict[int, cbor.Item]:
    return {key: value for key, value in items.items() if value is not None}


def _encode_component(c: ComponentStatus) -> cbor.Item:
    slots: list[cbor.Item] = []
    for s in c.slots:
        version = list(s.version.numbers) if s.version else None
        numbers = {4: s.digest, 5: s.counter, 6: s.offset_or_tries, 7: s.reason}
        slots.append(_some({1: s.slot, 2: s.state, 3: version, **numbers}))
    return {1: c.component, 2: c.vid, 3: c.cid, 4: c.running, 5: slots}


def _encode_report(r: Report) -> cbor.Item:
    return _some({1: int(r.kind), 2: r.digest, 3: r.code, 4: r.text})


def _encode_crash(c: Crash) -> cbor.Item:
    fault = list(c.fault)
    return {1: c.build_id, 2: c.slot_base, 3: c.reason, 4: c.pc, 5: c.lr, 6: c.sp, 7: fault}


def decode_poll(payload: bytes) -> Poll:
    """Read a payload of either type; every rule of docs/protocol.md is checked."""
    fields = cbor.Fields(cbor.decode(payload), "poll")
    sizes = fields.take(7, cbor.array(cbor.uint, 2, 2))
    poll = Poll(
        device=fields.take(1, cbor.bstr(16)),
        generation=fields.take(2, cbor.bstr(0, 8)),
        seq=fields.take(3, cbor.uint64),
        components=fields.take(4, cbor.array(_component, 1, COMPONENTS_MAX)),
        boot=fields.take(5, _boot),
        capabilities=fields.take(6, cbor.uint),
        slot_bytes=sizes[0],
        chunk_bytes=sizes[1],
        reports=fields.take(8, cbor.array(_report, 0, REPORTS_MAX)),
        agent=fields.take(9, cbor.uint),
        bootloader=fields.take(10, cbor.uint),
        epoch=fields.take(11, cbor.uint),
        public=fields.maybe(12, cbor.bstr(64)),
        crash=fields.maybe(13, _crash),
    )
    fields.done()
    if poll.components[0].component != 0:
        raise MalformedError("poll: the first component is not 0")
    return poll


def _component(item: cbor.Item, what: str) -> ComponentStatus:
    fields = cbor.Fields(item, what)
    status = ComponentStatus(
        component=fields.take(1, cbor.uint8),
        vid=fields.take(2, cbor.bstr(16)),
        cid=fields.take(3, cbor.bstr(16)),
        running=fields.take(4, cbor.uint8),
        slots=fields.take(5, cbor.array(_slot, 1, 2)),
    )
    fields.done()
    return status


def _slot(item: cbor.Item, what: str) -> SlotStatus:
    fields = cbor.Fields(item, what)
    slot = SlotStatus(
        slot=fields.take(1, cbor.uint8),
        state=fields.take(2, cbor.uint8),
        version=fields.maybe(3, version_item),
        digest=fields.maybe(4, cbor.bstr(32)),
        counter=fields.maybe(5, cbor.uint),
        offset_or_tries=fields.maybe(6, cbor.uint),
        reason=fields.maybe(7, cbor.uint),
    )
    fields.done()
    return slot


def _boot(item: cbor.Item, what: str) -> BootStatus:
    fields = cbor.Fields(item, what)
    boot = BootStatus(
        count=fields.take(1, cbor.uint),
        reset_reason=fields.take(2, cbor.uint8),
        crashes=fields.take(3, cbor.uint8),
        mode=fields.take(4, cbor.uint8),
        phases=fields.take(5, cbor.array(cbor.uint, 4, 4)),
    )
    fields.done()
    return boot


def _report(item: cbor.Item, what: str) -> Report:
    fields = cbor.Fields(item, what)
    report = Report(
        kind=fields.take(1, cbor.uint8),
        digest=fields.take(2, cbor.bstr(32)),
        code=fields.take(3, _code),
        text=fields.maybe(4, cbor.text(REPORT_TEXT_BYTES_MAX)),
    )
    fields.done()
    return report


def _code(item: cbor.Item, what: str) -> int:
    if not isinstance(item, int) or not -(1 << 31) <= item < 1 << 32:
        raise MalformedError(f"{what} is not an integer of 32 bits")
    return item


def _crash(item: cbor.Item, what: str) -> Crash:
    fields = cbor.Fields(item, what)
    crash = Crash(
        build_id=fields.take(1, cbor.bstr(20)),
        slot_base=fields.take(2, cbor.uint),
        reason=fields.take(3, cbor.uint),
        pc=fields.take(4, cbor.uint),
        lr=fields.take(5, cbor.uint),
        sp=fields.take(6, cbor.uint),
        fault=fields.take(7, cbor.array(cbor.uint, 0, 8)),
    )
    fields.done()
    return crash
