# SPDX-License-Identifier: Apache-2.0
"""What bootloader and installer must refuse, each with its own reason, on host-built code."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unitool.formats import image, tlv
from unitool.formats.err import Err
from unitool.formats.tlv import Entry

from tests.sim import host

GEOMETRY = 0
TABLE = 0x100  # of host.body


class Refusals:
    """The program of refusals.c, asked one command at a time."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.folder = folder
        self._files = 0
        facts = subprocess.run(
            [program, str(GEOMETRY), folder], input="", capture_output=True, text=True
        )
        assert facts.returncode == 0, facts.stdout + facts.stderr
        self._command = [program, str(GEOMETRY), folder]

    def put(self, data: bytes) -> str:
        """Write a file for the next commands and return its name."""
        self._files += 1
        name = f"file{self._files}.bin"
        (self.folder / name).write_bytes(data)
        return name

    def ask(self, *lines: str) -> list[str]:
        """Return what the program prints."""
        done = subprocess.run(
            self._command, input="\n".join(lines) + "\n", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout.splitlines()

    def check(self, data: bytes, slot: int = 0, floor: int = 0, development: int = 0) -> int:
        """Return slot_check's error for these bytes in a slot."""
        return int(self.ask(f"check {self.put(data)} {slot} {floor} {development}")[0].split()[0])


@pytest.fixture(scope="module")
def place() -> host.Place:
    """Return where the slots lie in the first geometry."""
    return host.Place(0x21000000 + 64 * 1024, 0x21000000 + 128 * 1024)


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, place: host.Place) -> Refusals:
    """Return the program with a folder of its own."""
    program = host.build(
        tmp_path_factory.mktemp("refusals"), ["refusals.c", "device.c", "nor.c", "geometry.c"]
    )
    folder = tmp_path_factory.mktemp("images")
    host.write_images(folder, place, [good(place)])
    return Refusals(program, folder)


def good(place: host.Place, **how: object) -> bytes:
    """Return an image that is accepted."""
    return host.signed(host.body(place, 4096, seed=1), counter=3, **how)  # type: ignore[arg-type]


def raw(body: bytes, flags: int = 0, load_addr: int = 0) -> bytes:
    """Return a well-signed file with a body that no tool of ours would sign."""
    protected = tlv.build_area(
        [
            Entry(image.Tlv.SEC_CNT, (3).to_bytes(4, "little")),
            Entry(image.Tlv.UUID_VID, host.VID),
            Entry(image.Tlv.UUID_CID, host.CID),
        ],
        tlv.PROTECTED_MAGIC,
    )
    header = struct.pack(
        "<IIHHIIBBHII",
        image.MAGIC,
        load_addr,
        0x200,
        len(protected),
        len(body),
        flags,
        1,
        0,
        0,
        0,
        0,
    ).ljust(0x200, b"\0")
    covered = header + body + protected
    proof = image.proof(sha256(covered).digest(), host.key("image"))
    return covered + tlv.build_area(proof, tlv.PLAIN_MAGIC)


def test_good_image_is_accepted_in_both_slots(refusals: Refusals, place: host.Place) -> None:
    for slot in (0, 1):
        assert refusals.check(host.placed(good(place), place, slot), slot) == 0


@pytest.mark.parametrize("slot", [0, 1])
def test_every_flipped_bit_is_refused(
    slot: int, refusals: Refusals, place: host.Place, capsys: pytest.CaptureFixture[str]
) -> None:
    name = refusals.put(host.placed(good(place), place, slot))
    lines = refusals.ask(f"flips {name} {slot} {slot + 11} 1000")
    assert lines.pop() == "end"
    with capsys.disabled():
        print(f"\nflipped bits in slot {'AB'[slot]}:")
        print("\n".join(f"  {line}" for line in lines))
    assert all(int(line.split()[2]) < 0 for line in lines), lines
    assert {line.split()[0] for line in lines} == {"header", "tlvs", "body"}


def _patched(place: host.Place, at: int, data: bytes, granule: int = 2) -> bytes:
    body = bytearray(host.body(place, 4096, seed=1, granule=granule))
    body[at : at + len(data)] = data
    return raw(bytes(body))


def _table(place: host.Place, entries: bytes, **head: int) -> bytes:
    fields = {
        "version": 1,
        "granule": 2,
        "reserved": 0,
        "base": place.slot_a + 0x200,
        "count": 1,
        "length": len(entries),
    } | head
    body = bytearray(4096)
    body[0x20:0x2C] = b"RLOC" + struct.pack("<II", TABLE, 0x40)
    packed = struct.pack("<BBHIII", *fields.values()) + entries
    body[TABLE : TABLE + len(packed)] = packed
    return raw(bytes(body))


def _word(at: int, before: int = 0) -> bytes:
    value = (at - before) // 2 << 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


HOSTILE: dict[str, Callable[[host.Place], bytes]] = {
    "unsorted: a gap of 0": lambda p: _table(p, _word(0x800) + b"\0", count=2),
    "overlapping words": lambda p: _table(p, _word(0x800) + _word(2), count=2),
    "beyond the body": lambda p: _table(p, _word(0x2000)),
    "half beyond the body": lambda p: _table(p, _word(4094)),
    "wraps around": lambda p: _table(p, _word(0x800) + b"\xff\xff\xff\xff\x0f", count=2),
    "endless varint": lambda p: _table(p, b"\x80" * 64),
    "varint of 6 bytes": lambda p: _table(p, b"\x80\x80\x80\x80\x80\x01"),
    "varint above 32 bits": lambda p: _table(p, b"\xff\xff\xff\xff\x1f"),
    "varint longer than needed": lambda p: _table(p, b"\x80\x00"),
    "entry inside the table": lambda p: _table(p, _word(TABLE + 8)),
    "entry into the table's padding": lambda p: _table(p, _word(TABLE + 18)),
    "entry over the table's start": lambda p: _table(p, _word(TABLE - 2)),
    "entry over the magic": lambda p: _table(p, _word(0x1E)),
    "entry over the build id's offset": lambda p: _table(p, _word(0x2A)),
    "wrong base": lambda p: _table(p, _word(0x800), base=p.slot_b + 0x200),
    "base off by a granule": lambda p: _table(p, _word(0x800), base=p.slot_a + 0x204),
    "version 2": lambda p: _table(p, _word(0x800), version=2),
    "reserved bits": lambda p: _table(p, _word(0x800), reserved=1),
    "granule 3": lambda p: _table(p, _word(0x800), granule=3),
    "granule 0": lambda p: _table(p, _word(0x800), granule=0),
    "more entries than bytes": lambda p: _table(p, _word(0x800), count=2),
    "more bytes than entries": lambda p: _table(p, _word(0x800) + b"\x20", count=1),
    "endless length": lambda p: _table(p, _word(0x800), length=0xFFFFFFF0),
    "length beyond the body": lambda p: _table(p, _word(0x800), length=4096),
    "endless count": lambda p: _table(p, _word(0x800), count=0xFFFFFFFF),
    "table beyond 1,024": lambda p: _patched(p, 0x24, struct.pack("<I", 1028)),
    "table before 0x2C": lambda p: _patched(p, 0x24, struct.pack("<I", 0x28)),
    "table off by one": lambda p: _patched(p, 0x24, struct.pack("<I", 0x101)),
    "table beyond everything": lambda p: _patched(p, 0x24, b"\xff\xff\xff\xfc"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_relocation_table_is_refused(
    case: str, refusals: Refusals, place: host.Place
) -> None:
    name = refusals.put(HOSTILE[case](place))
    answers = refusals.ask(
        f"check {name} 0 0 0",
        f"check {name} 1 0 0",
        *(f"write {name} {i % 2} {i + 1}" for i in range(6)),
    )
    assert [int(answer.split()[0]) for answer in answers] == [Err.RELOCATION] * 8


def _slot_bound(place: host.Place, address: int) -> bytes:
    body = bytearray(host.body(place, 4096, seed=2))
    body[0x20:0x24] = bytes(4)
    return raw(bytes(body), flags=0x100, load_addr=address)


def _ed25519(place: host.Place) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return image.build(
        host.body(place, 4096, seed=1),
        version=image.Version(1),
        counter=3,
        vid=host.VID,
        cid=host.CID,
        key=key,
    )


REASONS: dict[str, tuple[Callable[[host.Place], bytes], Err]] = {
    "nothing": (lambda p: b"", Err.FORMAT),
    "foreign key": (lambda p: good(p, signer="stranger"), Err.SIGNATURE),
    "development key": (lambda p: good(p, signer="development"), Err.SIGNATURE),
    "another product": (
        lambda p: good(p, cid=image.class_id(host.VID, "another", "nor")),
        Err.IDENTITY,
    ),
    "truncated": (lambda p: good(p)[:3000], Err.FORMAT),
    "truncated by a byte": (lambda p: good(p)[:-1], Err.SIGNATURE),  # its last byte reads as erased
    "unknown flag": (lambda p: raw(host.body(p, 4096, seed=1), flags=0x4), Err.UNSUPPORTED),
    "longer than its slot": (lambda p: raw(host.body(p, 70000, seed=1)), Err.NO_SPACE),
    "Ed25519": (_ed25519, Err.UNSUPPORTED),
    "linked for slot B": (lambda p: _slot_bound(p, p.slot_b), Err.SLOT_BOUND),
    "linked for nowhere": (
        lambda p: raw(host.body(p, 4096, seed=2).replace(b"RLOC", b"\0\0\0\0")),
        Err.SLOT_BOUND,
    ),
    "body changed": (lambda p: good(p)[:3000] + b"?" + good(p)[3001:], Err.DIGEST),
}


@pytest.mark.parametrize("case", REASONS)
def test_each_reason_is_told_apart(case: str, refusals: Refusals, place: host.Place) -> None:
    make, reason = REASONS[case]
    assert refusals.check(make(place)) == reason


def test_floor_and_development_key(refusals: Refusals, place: host.Place) -> None:
    assert refusals.check(good(place), floor=3) == 0
    assert refusals.check(good(place), floor=4) == Err.ROLLBACK
    assert refusals.check(good(place, signer="development"), development=1) == 0


def test_slot_bound_image_runs_only_at_its_address(refusals: Refusals, place: host.Place) -> None:
    for slot, address in enumerate((place.slot_a, place.slot_b)):
        data = _slot_bound(place, address)
        assert refusals.check(data, slot) == 0
        assert refusals.check(data, 1 - slot) == Err.SLOT_BOUND
        name = refusals.put(data)
        answers = refusals.ask(f"write {name} {slot} 5", f"write {name} {1 - slot} 5")
        assert [int(a.split()[0]) for a in answers] == [0, Err.SLOT_BOUND]


@pytest.mark.parametrize("header_bytes", [32, 36, 512, 2048, 4096])
@pytest.mark.parametrize("size", [84, 1200, 2048, 5001, 20000])
def test_installer_takes_any_header_and_size(
    header_bytes: int, size: int, refusals: Refusals, place: host.Place
) -> None:
    """The table stands as late as it may, or the image has none of its own words."""
    base = host.Place(place.slot_a + header_bytes - 0x200, place.slot_b + header_bytes - 0x200)
    table_at = 1024 if size > 2048 else 0x2C
    data = image.build(
        host.body(base, size, seed=size, table_at=table_at),
        version=image.Version(1),
        counter=0,
        vid=host.VID,
        cid=host.CID,
        key=host.key("image"),
        header_bytes=header_bytes,
    )
    name = refusals.put(data)
    commands = [f"write {name} {seed % 2} {seed}" for seed in range(1, 9)]
    assert refusals.ask(*commands) == ["0 accepted"] * len(commands)


def test_bootloader_says_why_each_slot_is_refused(refusals: Refusals, place: host.Place) -> None:
    foreign = refusals.put(host.placed(good(place, signer="stranger"), place, 0))
    other = refusals.put(
        host.placed(good(place, cid=image.class_id(host.VID, "another", "nor")), place, 1)
    )
    lines = refusals.ask(f"boot {foreign} {other}", "boot - -")
    assert lines == [
        "boot: slot A: not signed by a key of ours",
        "boot: slot B: for another product or hardware",
        "boot: slot A: unknown, not signed by a key of ours",
        "boot: slot B: unknown, for another product or hardware",
        "boot: no slot can be started",
        "end -1",
        "boot: slot A: empty",
        "boot: slot B: empty",
        "boot: slot A: unknown, empty",
        "boot: slot B: unknown, empty",
        "boot: no slot can be started",
        "end -1",
    ]


def test_new_device_starts_the_higher_counter_then_version(
    refusals: Refusals, place: host.Place
) -> None:
    def put(slot: int, counter: int, minor: int) -> str:
        file = host.signed(host.body(place, 4096, seed=1), counter=counter, minor=minor)
        return refusals.put(host.placed(file, place, slot))

    cases = [((1, 0), (2, 0), 1), ((2, 0), (1, 9), 0), ((1, 1), (1, 2), 1), ((1, 1), (1, 1), 0)]
    for a, b, slot in cases:
        assert refusals.ask(f"boot {put(0, *a)} {put(1, *b)}")[-1] == f"end {slot}"
    assert refusals.ask(f"boot - {put(1, 0, 0)}")[-1] == "end 1"
