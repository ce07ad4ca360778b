# SPDX-License-Identifier: Apache-2.0
"""What every vector shares: fixed keys, one product, one device, two slots, the files' form."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from unitool.formats import image, p256

VECTORS = Path(__file__).parents[1]
BYTES_MAX = 4096


def key(name: str) -> p256.PrivateKey:
    """Return a key that everybody knows: for vectors only."""
    return p256.private_key(sha256(f"unitool vector key {name}".encode()).digest())


ROOT, SPARE, IMAGE, IMAGE_DEV = (key(n) for n in ("root", "spare", "image", "image-dev"))
SERVER, DEVICE, FOREIGN = (key(n) for n in ("server", "device", "foreign"))
VID = image.vendor_id("example.com")
CID = image.class_id(VID, "thermostat", "rev-b")
OTHER_CID = image.class_id(VID, "thermostat", "rev-c")
FLEET = sha256(b"unitool vector fleet").digest()[:16]
TOKEN = sha256(b"unitool vector token").digest()[:16]
GENERATION = sha256(b"unitool vector generation").digest()[:8]
FLOOR = 3
SLOT_A, SLOT_B, SLOT_BYTES = 0x2140_0000, 0x2150_0000, 0x10_0000

Value = "bytes | str | int | list[str]"


class Writer:
    """Collects cases as files; a value that is a list makes one line per item."""

    def __init__(self) -> None:
        """Start with none."""
        self.files: dict[str, str] = {}

    def add(self, topic: str, name: str, **values: object) -> None:
        """Add tests/vectors/<topic>/<name>.txt."""
        lines = []
        for field, value in values.items():
            for item in value if isinstance(value, list) else [value]:
                lines.append(f"{field} {_text(item)}\n")
        content = "".join(lines)
        path = f"{topic}/{name}.txt"
        if path in self.files or len(content) > BYTES_MAX:
            raise ValueError(f"{path}: twice, or {len(content)} bytes")
        self.files[path] = content


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex() or "-"
    if isinstance(value, int):
        return hex(value) if value > 0xFFFF else str(value)
    return str(value)
