# SPDX-License-Identifier: Apache-2.0
"""What the bootloader starts and what it refuses: imgtool's images, slot-bound and spoiled ones."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from unitool import apps, development, flashing, signing
from unitool.boards import BODY_OFFSET, Board
from unitool.development import Wishes
from unitool.emulator import Emulator
from unitool.formats import image, p256, relocation
from unitool.formats.image import Image
from unitool.formats.version import Version
from unitool.keys import KeyFolder
from unitool.provisioning import Options

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "firmware/apps/hello"
FLOOR, COUNTER = 3, 5
SPOILED_CASES = 20


class Bench:
    """A provisioned board and everything to make images for it."""

    def __init__(self, board: Board, keys: KeyFolder, tmp: Path, out: Path) -> None:
        self.board, self.keys, self.tmp = board, keys, tmp
        made = development.prepare(
            APP,
            board,
            tmp / "state",
            Wishes(options=Options(floor=FLOOR), counter=COUNTER, keys=keys, out=out),
        )
        self.app = apps.load(APP)
        self.body = made.built.bin.read_bytes()
        self.signed = signing.make(made.built, keys, COUNTER)
        self.emulator = Emulator(board, tmp / "state", forward=())

    def sign(self, body: bytes | None = None, **changes: object) -> bytes:
        values: dict[str, object] = {
            "version": Version(1),
            "counter": COUNTER,
            "vid": self.app.vid,
            "cid": self.app.cid(self.board),
            "key": self.keys.private("image"),
        }
        return image.build(body or self.body, **(values | changes))  # type: ignore[arg-type]

    def imgtool(self, body: bytes, *more: str) -> bytes:
        source, target = self.tmp / "body.bin", self.tmp / "imgtool.bin"
        source.write_bytes(body)
        subprocess.run(
            [
                Path(sys.executable).with_name("imgtool"),
                *("sign", "-k", self.keys.path / "image.pem", "--vid", self.app.vendor),
                *("--cid", f"{self.app.product}/{self.app.hw_for(self.board)}"),
                *("-v", "1.0.0", "-s", str(COUNTER), "-H", "0x200", "--pad-header"),
                *("--align", "4", "-S", hex(self.board.slots[0].size), *more, source, target),
            ],
            check=True,
            capture_output=True,
        )
        return target.read_bytes()

    def put(self, data: bytes, slot: int) -> None:
        """Confirm a good image in the journal, then put these bytes in its place."""
        flashing.flash(self.board, self.tmp / "state", self.signed, slot=slot, check=False)
        area = self.board.slots[slot]
        erased = bytes([self.board.flash.erased_value])
        self.emulator.state.write(area.offset, data.ljust(area.size, erased))
        other = self.board.slots[1 - slot]
        self.emulator.state.write(other.offset, erased * other.size)

    def starts(self, data: bytes, slot: int) -> None:
        self.put(data, slot)
        with self.emulator:
            self.emulator.console.expect(f"hello from {self.board.name}", 20)

    def refuses(self, data: bytes, reason: str, slot: int = 0) -> None:
        self.put(data, slot)
        with self.emulator:
            self.emulator.console.expect(f"slot {'AB'[slot]}: {reason}\r", 20)
            self.emulator.console.expect("no slot can be started", 20)


@pytest.fixture
def bench(board: Board, key_folder: KeyFolder, builds: Path, tmp_path: Path) -> Bench:
    return Bench(board, key_folder, tmp_path, builds / board.name / "hello")


def moved(board: Board, data: bytes, slot: int) -> bytes:
    """The file as it lies in a slot."""
    found = image.parse(data)
    delta = board.slot_address(slot) - board.slot_address(0)
    end = len(found.header) + len(found.body)
    return data[: len(found.header)] + relocation.apply(found.body, delta) + data[end:]


def test_image_signed_by_imgtool_starts_from_both_slots(bench: Bench) -> None:
    data = bench.imgtool(bench.body)
    for slot in (0, 1):
        bench.starts(moved(bench.board, data, slot), slot)


def test_slot_bound_image_of_imgtool_starts_only_at_its_address(bench: Bench) -> None:
    delta = bench.board.slot_address(1) - bench.board.slot_address(0)
    linked_for_b = bytearray(relocation.apply(bench.body, delta))
    linked_for_b[relocation.MAGIC_OFFSET : relocation.TABLE_POINTER_OFFSET] = bytes(4)
    address = hex(bench.board.slot_address(1))
    bound = bench.imgtool(bytes(linked_for_b), "--rom-fixed", address)
    unbound = bench.imgtool(bytes(linked_for_b))
    reason = "linked for another address, without a relocation table"
    bench.starts(bound, 1)
    bench.refuses(bound, reason, 0)
    bench.refuses(unbound, reason, 1)


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit inverted."""
    spoiled = bytearray(data)
    spoiled[bit // 8] ^= 1 << bit % 8
    return bytes(spoiled)


def hostile_body(body: bytes) -> bytes:
    """A body whose table claims a word outside it."""
    at = relocation.offset_of(body)
    spoiled = bytearray(body)
    count, length = struct.unpack_from("<II", spoiled, at + 8)
    entry = b"\xfe\xff\xff\x7f".ljust(length, b"\0")[:length]
    spoiled[at + 16 : at + 16 + length] = entry
    struct.pack_into("<I", spoiled, at + 8, count)
    return bytes(spoiled)


Make = Callable[[Bench], bytes]
REASONS: dict[str, Make] = {
    "not signed by a key of ours": lambda b: b.sign(key=b.keys.private("server")),
    "for another product or hardware": lambda b: b.sign(cid=bytes(16)),
    "security counter below the floor": lambda b: b.sign(counter=FLOOR - 1),
    "relocation table breaks the rules": lambda b: b.sign(hostile_body(b.body)),
    "not a whole image": lambda b: b.signed[: len(b.signed) // 2],
    "content does not have its digest": lambda b: flipped(b.signed, 8 * (BODY_OFFSET + 8)),
    "of a form that this bootloader does not know": lambda b: b.signed[:16] + b"\4" + b.signed[17:],
    "longer than its slot": lambda b: b.signed[:12] + b"\xff\xff\xff\x7f" + b.signed[16:],
    "empty": lambda b: b"",
}


def test_each_reason_to_refuse_has_its_own_message(bench: Bench) -> None:
    for reason, make in REASONS.items():
        bench.refuses(make(bench), reason)


def test_spoiled_bits_are_refused_in_both_slots(bench: Bench) -> None:
    """A sample of what the host-compiled code is tested with exhaustively."""
    chosen = random.Random(bench.board.name)
    for case in range(SPOILED_CASES):
        slot = case % 2
        data = moved(bench.board, bench.signed, slot)
        bench.refuses(flipped(data, chosen.randrange(8 * len(data))), "[^\r]+", slot)


def test_signatures_of_every_key_but_ours_are_refused(bench: Bench) -> None:
    """Also by a key that claims our key's name."""
    forged = bench.sign(key=p256.private_key(bytes([7]) * 32))
    found: Image = image.parse(forged)
    ours = image.keyhash(bench.keys.public("image"))
    bench.refuses(forged.replace(found.keyhash, ours), "not signed by a key of ours")
