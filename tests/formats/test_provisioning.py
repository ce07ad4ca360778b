# SPDX-License-Identifier: Apache-2.0
"""What provisioning writes to an emulated board, and above all what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from unitool import apps, boards, build, keys, provisioning
from unitool.errors import FlashError
from unitool.formats import flash, keyset
from unitool.keys import KeyFolder
from unitool.provisioning import Options, Provisioned
from unitool.state import State

ROOT = Path(__file__).parents[2]
APP = apps.load(ROOT / "firmware/apps/hello")
BOARD = boards.load("mps2-an385")
BOOT = b"code".ljust(64, b"\x90") + flash.UNFILLED_PARAMS + b"more"
URL = "http://10.0.2.2:8080"


class Factory:
    """A state folder and the keys that go into it."""

    def __init__(self, path: Path) -> None:
        self.folder: KeyFolder = keys.generate(path / "keys", APP.vid)
        self.path = path / "mps2-an385" / "state"
        self.state = State(BOARD, self.path)

    def provision(self, **options: object) -> Provisioned:
        wanted = Options(**options)  # type: ignore[arg-type]
        return provisioning.provision(BOARD, self.path, self.folder, APP, wanted)

    def area(self, name: str) -> bytes:
        area = BOARD.layout[name]
        return self.state.read(area.offset, area.size)


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Factory:
    """Nothing is compiled here: the bootloader is BOOT."""
    file = tmp_path / "boot.bin"
    file.write_bytes(BOOT)
    monkeypatch.setattr(build, "build_boot", lambda board: SimpleNamespace(bin=file))
    return Factory(tmp_path)


def test_device_is_new_once_and_keeps_its_key(factory: Factory) -> None:
    first = factory.provision(url=URL)
    again = factory.provision()
    assert first.new
    assert not again.new
    assert again.identity == first.identity
    assert flash.read_identity(factory.area("identity")) == first.identity
    assert factory.area("identity").count(b"UTID") == 1


def test_change_of_url_is_appended_and_the_key_stays(factory: Factory) -> None:
    first = factory.provision(url=URL, token=bytes(range(16)))
    second = factory.provision(url="http://other:1", development=True)
    assert second.identity.device_id == first.identity.device_id
    assert second.identity.token == first.identity.token
    assert (second.identity.url, second.identity.development) == ("http://other:1", True)
    assert factory.area("identity")[:512] == first.identity.encode()
    assert flash.read_identity(factory.area("identity")) == second.identity


def test_full_identity_area_is_an_error_and_new_identity_clears_it(factory: Factory) -> None:
    for n in range(BOARD.layout["identity"].size // flash.IDENTITY_BYTES):
        last = factory.provision(url=f"http://server:{n}")
    with pytest.raises(FlashError, match="full"):
        factory.provision(url="http://one-more")
    other = factory.provision(url=URL, new_identity=True)
    assert other.new
    assert other.identity.device_id != last.identity.device_id


def test_two_devices_share_nothing(factory: Factory) -> None:
    one = factory.provision(url=URL)
    two = factory.provision(url=URL, new_identity=True)
    assert one.identity.private != two.identity.private
    assert one.identity.seed != two.identity.seed


def test_journal_trust_and_slots_are_left_alone(factory: Factory) -> None:
    names = ("trust_a", "trust_b", "journal_a", "journal_b", "slot_a", "slot_b")
    for name in names:
        factory.state.write(BOARD.layout[name].offset, name.encode())
    factory.provision(url=URL, new_identity=True)
    for name in names:
        assert factory.area(name).startswith(name.encode())


def test_bootloader_is_filled_for_this_product(factory: Factory) -> None:
    factory.provision(url=URL, floor=9)
    boot = factory.state.read_boot()
    assert boot.startswith(BOOT[:64])
    found = flash.BootParams.decode(boot[flash.find_boot_params(boot) :])
    assert (found.vid, found.cid, found.floor) == (APP.vid, APP.cid(BOARD), 9)
    assert (found.root, found.spare) == (
        factory.folder.public("root"),
        factory.folder.public("spare"),
    )
    assert keyset.verify(found.keyset, found.root, found.spare).keyset == factory.folder.keyset()


def test_root_keys_may_be_offline(factory: Factory) -> None:
    for name in ("root", "spare"):
        (factory.folder.path / f"{name}.pem").unlink()
    assert factory.provision(url=URL).new


def test_inspect_shows_the_state_and_no_secret(factory: Factory) -> None:
    done = factory.provision(url=URL, token=bytes(range(16)))
    shown = subprocess.run(
        [Path(sys.executable).with_name("unitool"), "inspect", factory.path, "--json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    facts = json.loads(shown)
    assert facts["identity"]["device"] == done.identity.device_id.hex()
    assert facts["boot_params"]["keyset"]["epoch"] == 1
    for secret in (done.identity.private, done.identity.seed, done.identity.token):
        assert secret.hex() not in shown
