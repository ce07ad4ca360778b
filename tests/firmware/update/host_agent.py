# SPDX-License-Identifier: Apache-2.0
"""The agent as a host process (host/host.c): builds it, gives it a device, plays the network."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from peer import Peer, Product
from unitool.formats import image, p256, relocation
from unitool.formats.err import Err
from unitool.formats.flash import BootParams, Identity
from unitool.formats.relocation import Table
from unitool.formats.retained import ResetReason
from unitool.formats.version import Version

BASE, SLOT_A, SLOT_B, SLOT_BYTES, PARAMS, FLASH_BYTES = (
    0x2100_0000,
    0x1_0000,
    0x2_0000,
    0x1_0000,
    0x3_0000,
    0x3_1000,
)
POWER_ON, PANIC, UPDATE = ResetReason.POWER_ON, ResetReason.PANIC, ResetReason.UPDATE
POWER_LOST = 99
CUT_BEFORE, CUT_INSIDE, CUT_AFTER = range(3)


def make_image(
    product: Product,
    version: str,
    *,
    counter: int = 0,
    size: int = 20_000,
    key: p256.PrivateKey | None = None,
    cid: bytes | None = None,
    patch: dict[int, bytes] | None = None,
    bound_to: int | None = None,
) -> bytes:
    """Return a signed image with words that move between the slots. `patch`: bytes of the body by
    offset, signed as they are; `bound_to`: without a table, for this address."""
    base = BASE + SLOT_A + image.HEADER_BYTES_OURS
    plus = tuple(range(0x200, size - 8, 164))
    table = relocation.encode(Table(granule=4, base=base, plus=plus, minus=()))
    noise = b"".join(sha256(f"{version} {i}".encode()).digest() for i in range(size // 32 + 1))
    body = bytearray(noise[:size])
    body[0x40 : 0x40 + len(table)] = table
    end = 0x40 + (len(table) + 3 & ~3)
    body[0x40 + len(table) : end] = bytes(end - 0x40 - len(table))
    assert end + 20 < 0x200
    struct.pack_into("<III", body, 0x20, relocation.MAGIC, 0x40, end)
    for at, content in (patch or {}).items():
        body[at : at + len(content)] = content
    if bound_to is not None:
        body[0x20:0x2C] = bytes(12)
    return image.build(
        bytes(body),
        version=Version.parse(version),
        counter=counter,
        vid=product.vid,
        cid=cid or product.cid,
        key=key or product.image,
        rom_fixed=bound_to,
    )


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the network brings back for one request; `err` is a negative enum err."""

    status: int | None = None
    length: int = -1
    start: int = -1
    total: int = -1
    body: bytes = b""
    err: int = 0
    pace_ms: int = 0  # between pieces of the body
    piece: int = 1460


SILENCE = Reply(err=Err.TIMED_OUT)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the agent sent."""

    method: str
    url: str
    start: int | None
    body: bytes


Network = Callable[[Request], Reply]


def network_of(peer: Peer) -> Network:
    """Return an honest network that ends at `peer`."""

    def carry(request: Request) -> Reply:
        if request.method == "POST":
            status, body = peer.handle(request.body)
            return Reply(status=status, length=len(body), body=body)
        name = request.url.rsplit("/", 1)[1]
        status, head, body = peer.blob(name, request.start)
        return Reply(
            status=status,
            length=head.get("length", -1),
            start=head.get("from", -1),
            total=head.get("total", -1),
            body=body,
        )

    return carry


@dataclass(kw_only=True)
class Ended:
    """How a run ended: a reset with its reason, power lost, or stopped by the test."""

    reset: int | None = None
    power_lost: bool = False
    status: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Device:
    """One device: its flash file and what is done to it."""

    program: Path
    flash: Path
    product: Product
    network: Network
    private: p256.PrivateKey
    token: bytes = bytes(16)
    log: list[str] = field(default_factory=list)
    boots: int = 0
    operations: int = 0  # on flash, in all runs that were not cut
    cut_at: tuple[int, int] | None = None  # of operations so counted, and how; once
    cut_places: tuple[str, ...] = ()  # the calls that were cut, if flash_site() is told

    @property
    def id(self) -> bytes:
        """Return the device id."""
        return p256.device_id(p256.public(self.private))

    def provision(self, first: bytes, *, floor: int = 0, development: bool = False) -> None:
        """Write identity, boot_params and the first image, as flash and provision do."""
        from unitool.formats.journal import Journal
        from unitool.formats.records import Slot

        data = bytearray(b"\xff" * FLASH_BYTES)
        params = BootParams(
            floor=floor,
            vid=self.product.vid,
            cid=self.product.cid,
            fleet=self.product.fleet,
            root=p256.public(self.product.root),
            spare=p256.public(self.product.spare),
            keyset=self.product.keyset(),
        ).encode()
        identity = Identity(
            private=p256.scalar(self.private),
            public=p256.public(self.private),
            seed=bytes(range(32)),
            url="http://server",
            token=self.token,
            development=development,
        ).encode()
        parsed = image.parse(first)
        journal = Journal.open(bytes(data[0x3000:0x4000]), bytes(data[0x4000:0x5000]), 8)
        journal.append(Slot(state=4, flags=1, digest=parsed.digest, counter=parsed.counter), key=0)
        data[0x3000:0x5000] = b"".join(journal.sectors)
        data[: len(identity)] = identity
        data[PARAMS : PARAMS + len(params)] = params
        data[SLOT_A : SLOT_A + len(first)] = first
        self.flash.write_bytes(data)

    def start(self, reason: int, cut: tuple[int, int] | None = None) -> subprocess.Popen[str]:
        """Power it on."""
        self.boots += 1
        args = [str(self.program), str(self.flash), str(reason)]
        args += [str(x) for x in cut or ()]
        return subprocess.Popen(
            args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(
        self,
        reason: int = POWER_ON,
        *,
        idle: Callable[[int], str] = lambda ms: "GO",
        cut: tuple[int, int] | None = None,
    ) -> Ended:
        """Run one boot. `idle` decides, when the agent waits for `ms`: GO, QUIT, HOLD …"""
        if self.cut_at is not None:
            cut = (self.cut_at[0] - self.operations, self.cut_at[1])
        process = self.start(reason, cut)
        assert process.stdin and process.stdout
        ended = Ended()
        for line in process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "LOG":
                self.log.append(rest)
            elif word == "STATUS":
                ended.status = json.loads(rest)
            elif word == "RESET":
                ended.reset = int(rest)
            elif word == "OPERATIONS":
                self.operations += int(rest)
            elif word == "CUT":
                self.cut_places = tuple(rest.split())
                self.cut_at = None
            elif word == "REQUEST":
                self._reply(process, rest)
            elif word == "IDLE":
                self._write(process, idle(int(rest)))
        code = process.wait(timeout=60)
        ended.power_lost = code == POWER_LOST
        assert code in (0, POWER_LOST), f"exit {code}: {self.log[-5:]}"
        return ended

    def _write(self, process: subprocess.Popen[str], text: str) -> None:
        assert process.stdin
        try:
            process.stdin.write(text + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return  # the power went meanwhile

    def _reply(self, process: subprocess.Popen[str], rest: str) -> None:
        method, url, start, body = rest.split(" ")
        reply = self.network(
            Request(
                method=method,
                url=url,
                start=None if start == "-" else int(start),
                body=b"" if body == "-" else bytes.fromhex(body),
            )
        )
        lines = []
        if reply.status is not None:
            lines.append(f"HEAD {reply.status} {reply.length} {reply.start} {reply.total}")
            for at in range(0, len(reply.body), reply.piece):
                lines.append(f"BODY {reply.body[at : at + reply.piece].hex()}")
                lines += [f"LATER {reply.pace_ms}"] if reply.pace_ms else []
        lines.append(f"DONE {reply.err}")
        self._write(process, "\n".join(lines))

    def live(
        self,
        done: Callable[[], bool],
        *,
        reason: int = POWER_ON,
        cut: tuple[int, int] | None = None,
        boots: int = 12,
        idles: int = 400,
    ) -> int:
        """Run boot after boot until `done`; return the reason of the reset that would be next."""
        left = idles

        def idle(ms: int) -> str:
            nonlocal left
            left -= 1
            assert left > 0, f"not done: {self.log[-8:]}"
            return "QUIT" if done() else "GO"

        for _ in range(boots):
            ended = self.run(reason, idle=idle, cut=cut)
            cut = None
            if ended.power_lost:
                reason = POWER_ON
            elif ended.reset is not None:
                reason = ended.reset
            else:
                return reason
        raise AssertionError(f"not done after {boots} boots: {self.log[-8:]}")

    def status(self, after: int = 0) -> dict[str, Any]:
        """Return what update_status says after some turns of the loop of a new boot."""
        commands = ["GO"] * after + ["STATUS", "QUIT"]
        return self.run(idle=lambda ms: commands.pop(0)).status
