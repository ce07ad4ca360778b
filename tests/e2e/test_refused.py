# SPDX-License-Identifier: Apache-2.0
"""Wrong images under right manifests, offered to real boards: refused, each for its reason."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from fleet import Unit, Versions, wait_for
from unitool.boards import Board
from unitool.formats import image, p256
from unitool.formats.err import Err
from unitool.formats.messages import ReportKind

sys.path.insert(0, str(Path(__file__).parents[1] / "firmware/update"))
from peer import Peer, Product, release

SEEDED = 20
FLOOR = 3


@pytest.fixture
def peer(versions: Versions, board: Board) -> Peer:
    """Return a server in miniature, which offers whatever it is told, under good manifests."""
    app = versions.make(board, "1.0.0").built.app
    assert app is not None
    keys = versions.keys
    root, spare, img, server = (keys.p256(n) for n in ("root", "spare", "image", "server"))
    product = Product(
        root=root,
        spare=spare,
        image=img,
        server=server,
        vid=app.vid,
        cid=app.cid(board),
        fleet=keys.keyset().fleet,
    )
    return Peer(product=product, next_poll_s=1)


@pytest.fixture
def url(peer: Peer) -> Iterator[str]:
    """Serve the peer; return its address as boards see it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            message = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(*peer.handle(message))

        def do_GET(self) -> None:
            status, _, body = peer.blob(self.path.rsplit("/", 1)[1], None)
            self._send(status, body)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://10.0.2.2:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass(kw_only=True)
class Forge:
    """Makes right and wrong images of ever new versions, so that each has its own digest."""

    body: bytes
    product: Product
    floor: int
    made: int = 0

    def image(self, body: bytes | None = None, **changes: object) -> bytes:
        """Return a signed image of the version at hand."""
        values: dict[str, object] = {
            "version": image.Version.parse(f"1.1.{self.made}"),
            "counter": self.floor,
            "vid": self.product.vid,
            "cid": self.product.cid,
            "key": self.product.image,
        }
        return image.build(body or self.body, **(values | changes))  # type: ignore[arg-type]

    def patched(self, changes: dict[int, bytes]) -> bytes:
        """Return an image whose relocation table is changed at these offsets, and signed so."""
        table = int.from_bytes(self.body[0x24:0x28], "little")
        body = bytearray(self.body)
        for at, content in changes.items():
            body[table + at : table + at + len(content)] = content
        return self.image(bytes(body))

    def flipped(self, chance: random.Random) -> bytes:
        """Return an image with one wrong bit."""
        data = bytearray(self.image())
        bit = chance.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        return bytes(data)


def refused_with(peer: Peer, unit: Unit, forge: Forge, wrong: bytes) -> int:
    """Offer `wrong` under the manifest of the right image; return the code that is reported."""
    made = release(
        peer.product, forge.image(), blob_digest=sha256(wrong).digest(), blob_size=len(wrong)
    )
    forge.made += 1
    peer.publish(replace(made, data=wrong))
    kinds = (ReportKind.REJECTED, ReportKind.DOWNLOAD_FAILED)

    def told() -> int | None:
        found = [r.code for r in peer.reports if r.kind in kinds and r.digest == made.digest]
        return found[0] if found else None

    code = wait_for(told, "refusal", 60, unit.log)
    assert peer.polls[-1].app.running == 0
    return code


@pytest.mark.timeout(600)
def test_wrong_images_are_refused(
    board: Board, versions: Versions, peer: Peer, url: str, tmp_path: Path
) -> None:
    first = versions.make(board, "1.0.0")
    forge = Forge(body=first.body, product=peer.product, floor=FLOOR)
    start = replace(first, signed=forge.image())
    forge.made += 1
    one = Unit.make(
        board, tmp_path / "state", versions, start, url=url, floor=FLOOR, development=True
    )
    base = (board.slot_address(0) + 0x1200).to_bytes(4, "little")
    foreign = p256.private_key(bytes([5]) * 32)
    cases: dict[str, tuple[set[Err], Callable[[], bytes]]] = {
        "foreign key": ({Err.SIGNATURE}, lambda: forge.image(key=foreign)),
        "other product": ({Err.IDENTITY}, lambda: forge.image(cid=bytes(16))),
        "below the floor": ({Err.ROLLBACK}, lambda: forge.image(counter=FLOOR - 1)),
        "endless varint": ({Err.RELOCATION}, lambda: forge.patched({16: b"\x80" * 10})),
        "wrong base": ({Err.RELOCATION}, lambda: forge.patched({4: base})),
        "cut off": ({Err.FORMAT, Err.SIGNATURE}, lambda: forge.image()[:-40]),
    }
    chance = random.Random(board.name)
    with one.emulator:
        one.wait_version("1.0.0")
        for name, (codes, make) in cases.items():
            assert refused_with(peer, one, forge, make()) in {-code for code in codes}, name
        for _ in range(SEEDED):
            assert refused_with(peer, one, forge, forge.flipped(chance)) > 0
        peer.publish(release(peer.product, forge.image()))  # and the right one is taken
        wait_for(
            lambda: any(r.kind == ReportKind.CONFIRMED for r in peer.reports),
            "update",
            60,
            one.log,
        )
