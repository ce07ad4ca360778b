# SPDX-License-Identifier: Apache-2.0
"""A device in Python, built on the formats alone: two slots, polls, downloads, restarts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from hashlib import sha256

import httpx
from unitool.formats import answer, manifest, p256
from unitool.formats.answer import Answer, Code
from unitool.formats.messages import (
    BootStatus,
    ComponentStatus,
    Poll,
    Purpose,
    Report,
    ReportKind,
    SlotStatus,
    derive_key,
)
from unitool.formats.records import SlotState
from unitool.formats.version import Version


class Refused(Exception):
    """The server's response is no answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class Slot:
    """What lies in a slot."""

    state: SlotState
    version: Version | None = None
    digest: bytes | None = None
    reason: int | None = None


@dataclass
class Device:
    """`step` does what an update agent does between two polls."""

    server: str
    server_public: bytes
    vid: bytes
    cid: bytes
    image_keys: list[bytes] = field(default_factory=list)
    seed: int = 1
    token: bytes = b""
    version: Version = field(default_factory=lambda: Version(1))
    image: bytes = b"\1" * 32
    broken: set[bytes] = field(default_factory=set)  # images that crash on this device
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20, trust_env=False))

    def __post_init__(self) -> None:
        self.private = p256.private_key(random.Random(self.seed).randbytes(31).rjust(32, b"\1"))
        self.public = p256.public(self.private)
        self.id = p256.device_id(self.public)
        z = p256.ecdh(self.private, self.server_public)
        args = (self.public, self.server_public)
        self.k_poll = derive_key(z, Purpose.POLL, *args)
        self.k_answer = derive_key(z, Purpose.ANSWER, *args)
        self.k_enrol = derive_key(z, Purpose.ENROL, *args, self.token)
        self.kid = p256.kid(self.server_public)
        self.generation = b""
        self.boot, self.polls = 1, 0
        self.running = 0
        self.slots = [Slot(SlotState.CONFIRMED, self.version, self.image), Slot(SlotState.EMPTY)]
        self.reports: list[Report] = []
        self.bytes_downloaded = 0

    # ---- messages

    def poll_facts(self) -> Poll:
        """What the next poll says; takes a new seq."""
        self.polls += 1
        return Poll(
            device=self.id,
            generation=self.generation,
            seq=self.boot << 32 | self.polls,
            components=(
                ComponentStatus(
                    vid=self.vid,
                    cid=self.cid,
                    running=self.running,
                    slots=tuple(
                        SlotStatus(
                            slot=i,
                            state=s.state,
                            version=s.version,
                            digest=s.digest,
                            reason=s.reason,
                        )
                        for i, s in enumerate(self.slots)
                    ),
                ),
            ),
            boot=BootStatus(count=self.boot, reset_reason=1),
            slot_bytes=1 << 20,
            chunk_bytes=16384,
            reports=tuple(self.reports[:16]),
            epoch=1,
        )

    def poll_message(self) -> bytes:
        """A poll as it goes over the wire."""
        return self.poll_facts().seal(self.k_poll, self.kid)

    def enrol_message(self) -> bytes:
        """An enrolment as it goes over the wire."""
        return replace(self.poll_facts(), public=self.public).seal(self.k_enrol, self.kid)

    def post(self, message: bytes) -> Answer:
        """Send a message; Refused unless an authentic answer to it comes back."""
        response = self.http.post(f"{self.server}/v1/poll", content=message)
        if response.status_code != 200:
            raise Refused(response.status_code)
        return answer.open_answer(response.content, self.k_answer, message[-32:])

    def poll(self) -> Answer:
        """Poll; acknowledged reports are dropped, a new generation is taken."""
        told = len(self.reports[:16])
        found = self.post(self.poll_message())
        if not self._take_generation(found):
            del self.reports[:told]
        return found

    def enrol(self) -> Answer:
        """Enrol; the device has no generation afterwards if it waits for approval."""
        found = self.post(self.enrol_message())
        self._take_generation(found)
        return found

    def _take_generation(self, found: Answer) -> bool:
        told = [a.argument for a in found.actions if a.code is Code.RESYNC]
        if told:
            self.generation = told[0]
        return bool(told)

    def join(self) -> None:
        """Enrol and use the generation."""
        self.enrol()
        self.poll()

    # ---- the course of an update

    def step(self) -> list[Code]:
        """Poll once, enrolling if need be, and do what the answer says."""
        try:
            found = self.poll()
        except Refused as refused:
            if refused.status != 403:
                raise
            found = self.enrol()
        for action in found.actions:
            if action.code is Code.OFFER:
                self._install(action.argument)
            elif action.code is Code.GO:
                self._restart(action.argument)
            elif action.code is Code.CONFIRM:
                self._confirm(action.argument)
        return [action.code for action in found.actions]

    def _install(self, offer: bytes) -> None:
        app = manifest.verify(offer, self.image_keys).app
        other = 1 - self.running
        if self.slots[other].digest == app.image_digest:
            return
        blob = self.download(app.blob_digest, app.blob_size)
        self.slots[other] = Slot(SlotState.READY, app.version, app.image_digest)
        self.bytes_downloaded += len(blob)
        self.report(ReportKind.INSTALLED, app.image_digest)

    def download(self, digest: bytes, size: int) -> bytes:
        """Fetch a blob in two ranges."""
        url = f"{self.server}/v1/blobs/{digest.hex()}"
        half = size // 2
        first = self.http.get(url, headers={"Range": f"bytes=0-{half - 1}"})
        second = self.http.get(url, headers={"Range": f"bytes={half}-"})
        assert (first.status_code, second.status_code) == (206, 206)
        assert second.headers["content-range"] == f"bytes {half}-{size - 1}/{size}"
        blob = first.content + second.content
        assert sha256(blob).digest() == digest
        return blob

    def _restart(self, digest: bytes) -> None:
        other = 1 - self.running
        assert self.slots[other].digest == digest
        assert self.slots[other].state is SlotState.READY
        self.boot, self.polls = self.boot + 1, 0
        if digest in self.broken:
            self.boot += 3
            self.slots[other] = replace(self.slots[other], state=SlotState.BAD, reason=1)
            self.report(ReportKind.CRASH, digest, text="assert main.c:12")
            self.report(ReportKind.BAD, digest, code=1)
            return
        self.running = other
        self.slots[other] = replace(self.slots[other], state=SlotState.TRYING)

    def _confirm(self, digest: bytes) -> None:
        slot = self.slots[self.running]
        assert slot.digest == digest
        assert slot.state is SlotState.TRYING
        self.slots[self.running] = replace(slot, state=SlotState.CONFIRMED)
        self.report(ReportKind.CONFIRMED, digest)

    def revert(self) -> None:
        """Give up the image that is tried: no confirmation in time."""
        tried = self.slots[self.running]
        assert tried.state is SlotState.TRYING
        self.slots[self.running] = replace(tried, state=SlotState.REVERTED, reason=2)
        self.running = 1 - self.running
        self.boot, self.polls = self.boot + 1, 0
        self.report(ReportKind.REVERTED, tried.digest or b"", code=2)

    def report(
        self, kind: ReportKind, digest: bytes, code: int = 0, text: str | None = None
    ) -> None:
        """Have the next poll tell this."""
        self.reports.append(Report(kind=kind, digest=digest, code=code, text=text))

    @property
    def runs(self) -> Version | None:
        """The version that runs."""
        return self.slots[self.running].version
