# SPDX-License-Identifier: Apache-2.0
"""Builds the real slots, boot and lib sources for the host, and images for a simulated geometry."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from unitool import third_party
from unitool.formats import image, p256, relocation
from unitool.formats.flash import BootParams, Identity
from unitool.formats.keyset import Key, Keyset, Role
from unitool.formats.version import Version

from tests.sim import sites

ROOT = Path(__file__).resolve().parents[2]
SIM = Path(__file__).resolve().parent

_SOURCES = (
    "firmware/slots/*.c",
    "firmware/boot/choose.c",
    "firmware/boot/report.c",
    "firmware/lib/crc/*.c",
    "firmware/lib/crypto/*.c",
    "firmware/lib/crypto/p256/*.c",
    "firmware/lib/cbor/*.c",
    "firmware/lib/image/*.c",
    "hal/flash.c",
    "hal/reset.c",
)
_INCLUDES = (
    "firmware/slots/include",
    "firmware/slots",
    "firmware/boot",
    "firmware/lib/*/include",
    "firmware/lib/*/*/include",
    "firmware/os/base/include",
    "firmware/os/random/include",
    "firmware/os/panic/include",
    "firmware/lib/crypto/p256/port",
    "hal/include",
    "hal/public",
    "tests/firmware/slots",
    "tests/sim",
)
_FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]
_SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

VID = image.vendor_id("example.com")
CID = image.class_id(VID, "simulated", "nor")
FLEET = bytes(range(16))


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return a key that is the same in every run."""
    seed = random.Random(name).randbytes(32)
    return p256.private_key(
        (int.from_bytes(seed, "big") % (p256.ORDER - 1) + 1).to_bytes(32, "big")
    )


def build(out: Path, mains: list[str]) -> Path:
    """Compile the firmware's sources with `mains` of this folder into one program."""
    out.mkdir(parents=True, exist_ok=True)
    sources = [path for pattern in _SOURCES for path in sorted(ROOT.glob(pattern))]
    sources += [SIM / name for name in mains]
    includes = [f"-I{folder}" for pattern in _INCLUDES for folder in sorted(ROOT.glob(pattern))]
    includes.append(f"-I{third_party.source_dir('mbedtls') / '3rdparty/p256-m/p256-m'}")
    headers = sites.Headers(out)
    objects = []
    jobs = []
    for source in sources:
        object_file = out / f"{source.parent.name}-{source.stem}.o"
        # Hashing is most of a campaign; lib/crypto has its own tests under the sanitizers.
        checks = () if "crypto" in source.parts else _SANITIZE
        objects.append(object_file)
        flags = [*_FLAGS, *checks, *includes, *headers.flags(source)]
        jobs.append(["gcc", *flags, "-c", str(source), "-o", str(object_file)])
    for job in jobs:
        subprocess.run(job, check=True)
    program = out / "program"
    subprocess.run(["gcc", *_SANITIZE, *map(str, objects), "-o", str(program)], check=True)
    return program


@dataclass(frozen=True, slots=True)
class Place:
    """CPU addresses of the slots' headers."""

    slot_a: int
    slot_b: int


def body(place: Place, size: int, seed: int, granule: int = 2, table_at: int = 0x100) -> bytes:
    """Return a body of random bytes with a relocation table that covers a good part of it."""
    rng = random.Random(seed)
    data = bytearray(rng.randbytes(size))
    data[0x20:0x2C] = b"RLOC" + table_at.to_bytes(4, "little") + (0x40).to_bytes(4, "little")
    base = place.slot_a + image.HEADER_BYTES_OURS
    words = _words(rng, size, table_at, granule)
    table = relocation.encode(
        relocation.Table(
            granule=granule,
            base=base,
            plus=tuple(sorted(words[::3] + words[1::3])),
            minus=tuple(words[2::3]),
        )
    )
    padded = table.ljust(-(-len(table) // 4) * 4, b"\0")
    data[table_at : table_at + len(padded)] = padded
    return bytes(data)


def _words(rng: random.Random, size: int, table_at: int, granule: int) -> list[int]:
    """Return offsets of words outside the table, for which an eighth of the body is enough."""
    words = []
    at = 0
    table_end = table_at + 64 + size // 8
    while True:
        at += 4 + granule * rng.randrange(40)
        if at + 4 > size:
            return words
        if at + 4 <= 0x20 or (at >= 0x2C and at + 4 <= table_at) or at >= table_end:
            words.append(at)


def signed(
    content: bytes,
    *,
    counter: int,
    signer: str = "image",
    cid: bytes = CID,
    minor: int = 0,
    rom_fixed: int | None = None,
) -> bytes:
    """Return the image file."""
    return image.build(
        content,
        version=Version(1, minor, 0, 0),
        counter=counter,
        vid=VID,
        cid=cid,
        key=key(signer),
        rom_fixed=rom_fixed,
    )


def placed(file: bytes, place: Place, slot: int) -> bytes:
    """Return the file's bytes as they must lie in `slot`."""
    parsed = image.parse(file)
    delta = place.slot_b - place.slot_a if slot else 0
    start = len(parsed.header)
    moved = relocation.apply(parsed.body, delta)
    return file[:start] + moved + file[start + len(moved) :]


def boot_params(floor: int = 0, floors: dict[bytes, int] | None = None) -> bytes:
    """Return the block of a bootloader for our product."""
    keys = tuple(
        Key(role=role, key=p256.public(key(name)))
        for role, name in (
            (Role.IMAGE, "image"),
            (Role.IMAGE_DEV, "development"),
            (Role.SERVER, "server"),
        )
    )
    keyset = Keyset(vid=VID, fleet=FLEET, epoch=1, keys=keys, floors=floors or {})
    return BootParams(
        floor=floor,
        vid=VID,
        cid=CID,
        fleet=FLEET,
        root=p256.public(key("root")),
        spare=p256.public(key("spare")),
        keyset=keyset.sign(key("root")),
    ).encode()


def identity(development: bool = False) -> bytes:
    """Return the identity record of a device."""
    device = key("device")
    return Identity(
        private=p256.scalar(device),
        public=p256.public(device),
        seed=bytes(32),
        url="http://10.0.2.2:8080",
        development=development,
    ).encode()


def write_images(folder: Path, place: Place, files: list[bytes]) -> None:
    """Write what the programs load: files, digests, and each file as it lies in either slot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "boot_params.bin").write_bytes(boot_params())
    (folder / "identity.bin").write_bytes(identity())
    for n, file in enumerate(files):
        (folder / f"image{n}.bin").write_bytes(file)
        (folder / f"image{n}.digest").write_bytes(image.parse(file).digest)
        for slot in (0, 1):
            (folder / f"image{n}.slot{slot}").write_bytes(placed(file, place, slot))
