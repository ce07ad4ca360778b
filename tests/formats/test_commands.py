# SPDX-License-Identifier: Apache-2.0
"""keygen, verify, pack and inspect as a user meets them: what they print, and how they end."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from unitool import keys, packing
from unitool.errors import SigningError, UsageError
from unitool.formats import image
from unitool.formats.version import Version

from .samples import CID, VENDOR, VID, flipped, make_body

UNITOOL = Path(sys.executable).with_name("unitool")


class Desk:
    """A folder with keys and a signed image, and the command line in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        assert self.run("keygen", "--vendor", VENDOR).returncode == 0
        self.keys = keys.KeyFolder(path / "keys")
        self.image = self.sign()
        self.write("good.signed.bin", self.image)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [UNITOOL, *words], cwd=self.path, capture_output=True, text=True, check=False
        )

    def write(self, name: str, data: bytes) -> str:
        (self.path / name).write_bytes(data)
        return name

    def sign(self, counter: int = 5, cid: bytes = CID, key: str = "image") -> bytes:
        return image.build(
            make_body(),
            version=Version(1, 4),
            counter=counter,
            vid=VID,
            cid=cid,
            key=self.keys.private(key),
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_private_keys_are_private_and_git_ignores_them(desk: Desk) -> None:
    for name in keys.NAMES:
        assert stat.S_IMODE((desk.keys.path / f"{name}.pem").stat().st_mode) == 0o600
    assert (desk.keys.path / ".gitignore").read_text() == "*\n"


def test_keygen_never_overwrites(desk: Desk) -> None:
    before = (desk.keys.path / "root.pem").read_bytes()
    done = desk.run("keygen", "--vendor", VENDOR)
    assert done.returncode == 1
    assert "never overwritten" in done.stderr
    assert (desk.keys.path / "root.pem").read_bytes() == before


def test_keys_made_by_many_at_once_are_those_of_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.ensure(tmp_path, VID), range(8)))
    assert sum(was_made for _, was_made in made) == 1
    assert len({folder.public(name) for folder, _ in made for name in keys.NAMES}) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_keygen_says_what_must_go_offline(tmp_path: Path) -> None:
    done = Desk(tmp_path).run("keygen", "--help")
    assert done.returncode == 0
    made = subprocess.run(
        [UNITOOL, "keygen", "--vendor", VENDOR],
        cwd=(tmp_path / "x").mkdir() or tmp_path / "x",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OFFLINE" in made.stdout
    assert "back it up" in made.stdout


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = keys.generate(tmp_path / "keys", VID)
    path = folder.path / "image.pem"
    path.chmod(0o644)
    with pytest.raises(SigningError, match="read by others") as caught:
        keys.load(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_public_halves_suffice_without_the_private_ones(tmp_path: Path) -> None:
    folder = keys.generate(tmp_path / "keys", VID)
    expected = [folder.public(name) for name in keys.NAMES]
    for name in keys.NAMES:
        (folder.path / f"{name}.pem").unlink()
    assert [folder.public(name) for name in keys.NAMES] == expected
    assert folder.keyset().vid == VID


def test_renewed_keyset_has_the_next_epoch_and_floors(tmp_path: Path) -> None:
    folder = keys.generate(tmp_path / "keys", VID)
    renewed = folder.renew({CID: 7})
    assert (renewed.epoch, renewed.floor(CID)) == (2, 7)
    assert renewed.fleet == folder.keyset().fleet
    assert folder.keyset() == renewed


def test_verify_accepts_by_keys_at_hand_by_key_and_by_keyset(desk: Desk) -> None:
    for words in (
        (),
        ("--key", "keys/image.pub.pem"),
        ("--keyset", "keys/keyset.cose"),
        ("--keyset", "keys/keyset.cose", "--root", "keys/root.pub.pem"),
        ("--vendor", VENDOR, "--product", "thermostat", "--hw", "rev-b"),
        ("--floor", "5"),
        ("-b", "mps2-an385"),
    ):
        done = desk.run("verify", "good.signed.bin", *words)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("ok: 1.4.0, counter 5, for either slot")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--vendor", "example.org"), "another vendor"),
        (("--vendor", VENDOR, "--product", "thermostat", "--hw", "x"), "another product"),
        (("--floor", "6"), "security counter 5 is below the floor 6"),
        (("--key", "keys/server.pub.pem"), "unknown key"),
        (("--keyset", "keys/keyset.cose", "--root", "keys/image.pub.pem"), "signed by another key"),
        (("-b", "virt-rv32"), "linked for 0x21400200"),
    ],
)
def test_verify_refuses_each_with_its_reason(desk: Desk, words: tuple[str, ...], says: str) -> None:
    done = desk.run("verify", "good.signed.bin", *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_says_why_a_spoiled_file_is_refused(desk: Desk) -> None:
    for name, data, code in (
        ("cut", desk.image[:-1], "ERR_NO_SPACE"),
        ("long", desk.image + b"\0", "ERR_FORMAT"),
        ("digest", flipped(desk.image, 8 * 0x2F0), "ERR_DIGEST"),
        ("magic", flipped(desk.image, 0), "ERR_FORMAT"),
        ("foreign", desk.sign(key="server"), "ERR_SIGNATURE"),
        ("empty", b"", "ERR_NO_SPACE"),
    ):
        done = desk.run("--json", "verify", desk.write(f"{name}.bin", data))
        assert done.returncode == 1
        facts = json.loads(done.stdout)
        assert (facts["ok"], facts["code"]) == (False, code)
        assert facts["reason"] in done.stderr


def test_verify_honours_the_keysets_floor(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.keys.renew({CID: 6})
    done = desk.run("verify", "good.signed.bin")
    assert done.returncode == 1
    assert "below the floor 6" in done.stderr


def test_verify_without_anybody_to_trust_is_an_error(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(desk.image)
    done = subprocess.run(
        [UNITOOL, "verify", "x.bin"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "--key" in done.stderr


def test_packed_bundle_is_verified_and_shown(desk: Desk) -> None:
    other = image.class_id(VID, "thermostat", "rev-c")
    desk.write("other.signed.bin", desk.sign(cid=other))
    done = desk.run(
        *("pack", "good.signed.bin", "other.signed.bin", "-o", "two.uota"),
        *("--follows", "1.0:1.3", "--name", "spring", "--with-keyset"),
    )
    assert done.returncode == 0, done.stderr
    assert desk.run("verify", "two.uota").returncode == 0
    shown = desk.run("inspect", "two.uota")
    assert "follows: ['1.0.0 to 1.3.0']" in shown.stdout or "1.0.0 to 1.3.0" in shown.stdout
    facts = json.loads(desk.run("inspect", "two.uota", "--json").stdout)
    assert [e["holds"] for e in facts["entries"]] == [*["manifest", "image"] * 2, "keyset"]
    assert facts["entries"][0]["name"] == "spring"
    done = desk.run("verify", "two.uota", "--floor", "6")
    assert done.returncode == 1
    assert "below the floor" in done.stderr


def test_bundle_whose_manifest_tells_otherwise_is_refused(desk: Desk) -> None:
    item = packing.Item(image=desk.image)
    data = packing.pack([item], desk.keys.private("server"))
    assert "unknown key" in desk.run("verify", desk.write("foreign.uota", data)).stderr
    with pytest.raises(UsageError, match="two images for the identity"):
        packing.pack([item, item], desk.keys.private("image"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("good.signed.bin", "image"), ("keys/keyset.cose", "keyset")],
)
def test_inspect_tells_what_a_file_is(desk: Desk, name: str, kind: str) -> None:
    assert json.loads(desk.run("inspect", name, "--json").stdout)["kind"] == kind
    assert desk.run("inspect", name).stdout.startswith(f"kind: {kind}")


def test_inspect_refuses_what_is_none_of_ours(desk: Desk) -> None:
    done = desk.run("inspect", desk.write("text", b"hello"))
    assert done.returncode == 1
    assert "is no image, bundle" in done.stderr
