# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests are made of: versions of an app, boards that run them, the real server."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from debugger import StoppingEmulator
from unitool import build, flashing, keys, packing, provisioning, signing
from unitool.boards import Board
from unitool.build import Built
from unitool.emulator import Debug, Emulator
from unitool.formats import image
from unitool.keys import KeyFolder
from unitool.provisioning import Options

from tests.ota_server.server_process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
WEBDEMO = ROOT / "firmware/apps/webdemo"
PARAMS = """
[params]
"update/agent.poll_s" = 1
"update/agent.retry_s" = 1
"update/agent.confirm_within_s" = {confirm_s}
"update/agent.timeout_ms" = 3000
"""
T = TypeVar("T")
CRASH = "*(volatile unsigned *)0xF0000000 = 1;"


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of the app for one board, built and signed."""

    built: Built
    signed: bytes
    bundle: bytes
    body: bytes
    elf: Path


@dataclass(kw_only=True)
class Versions:
    """Builds versions of webdemo in a temporary folder, each once."""

    folder: Path
    source: Path = WEBDEMO
    confirm_s: int = 60
    _made: dict[tuple[str, ...], Version] = field(default_factory=dict)

    @property
    def keys(self) -> KeyFolder:
        """Return the vendor's keys, made on first use."""
        from unitool import apps

        path = self.folder / "vendor" / "keys"
        if (path / "root.pem").is_file():
            return KeyFolder(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return keys.generate(path, apps.load(self.source).vid)

    def make(
        self,
        board: Board,
        version: str,
        *,
        start: str = "",
        also: str = "",
        net: tuple[str, ...] = (),
    ) -> Version:
        """Return a version; `start`: C that main begins with, `also`: C before it, `net`: more
        components of the network."""
        key = (board.name, version, start, also)
        if key not in self._made:
            app = self._sources(board, version, start, also)
            if net:
                toml = app / "app.toml"
                toml.write_text(
                    toml.read_text().replace(
                        "net = [", "net = [" + "".join(f'"{part}", ' for part in net)
                    )
                )
            built = build.build(app, board, out=self.folder / board.name / "out")  # shared: quick
            signed = signing.sign(built, self.keys)
            data = packing.pack([packing.load(signed)], self.keys.private(signing.IMAGE_KEY))
            elf = app / "webdemo.elf"
            shutil.copy(built.elf, elf)
            self._made[key] = Version(
                built=built,
                signed=signed.read_bytes(),
                bundle=data,
                body=built.bin.read_bytes(),
                elf=elf,
            )
        return self._made[key]

    def resign(self, board: Board, first: Version, version: str, *, counter: int = 0) -> Version:
        """Return the same program as another version: only its header says so."""
        app = first.built.app
        assert app is not None
        key = self.keys.p256(signing.IMAGE_KEY)
        data = image.build(
            first.body,
            version=image.Version.parse(version),
            counter=counter,
            vid=app.vid,
            cid=app.cid(board),
            key=key,
        )
        bundle = packing.pack([packing.Item(image=data)], key)
        return replace(first, signed=data, bundle=bundle)

    def _sources(self, board: Board, version: str, start: str, also: str) -> Path:
        target = self.folder / board.name / f"v{version}-{len(self._made)}" / "webdemo"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.source, target, ignore=shutil.ignore_patterns("build", "keys"))
        toml = target / "app.toml"
        text = re.sub(r'^version = ".*"', f'version = "{version}"', toml.read_text(), flags=re.M)
        if "update = " not in text:
            text = text.replace("\n[limits]", '\nupdate = "agent"\n\n[limits]', 1)
        text = re.sub(r"\[limits\][^\[]*", "", text)
        toml.write_text(text + PARAMS.format(confirm_s=self.confirm_s))
        main = target / "main.c"
        code = main.read_text()
        assert "int main(void) {" in code
        code = code.replace("int main(void) {", f"{also}\nint main(void) {{\n    {start}")
        main.write_text(code)
        return target


@dataclass(kw_only=True)
class Unit:
    """One emulated board that belongs to a fleet."""

    board: Board
    state: Path
    versions: Versions
    emulator: Emulator
    id: str

    @classmethod
    def make(
        cls,
        board: Board,
        state: Path,
        versions: Versions,
        first: Version,
        *,
        url: str,
        token: str | None = None,
        gdb: bool = False,
        floor: int = 0,
        development: bool = False,
    ) -> Unit:
        """Provision a board and put its first version into slot A."""
        assert first.built.app is not None
        options = Options(
            url=url,
            token=bytes.fromhex(token) if token else None,
            floor=floor,
            development=development,
        )
        done = provisioning.provision(board, state, versions.keys, first.built.app, options)
        flashing.flash(board, state, first.signed)
        return cls(
            board=board,
            state=state,
            versions=versions,
            emulator=StoppingEmulator(board, state, debug=Debug() if gdb else None),
            id=done.identity.device_id.hex(),
        )

    def status(self, timeout_s: float = 2) -> dict[str, Any]:
        """Return what /status of the app says."""
        url = f"http://127.0.0.1:{self.emulator.port(80)}/status"
        with urllib.request.urlopen(url, timeout=timeout_s) as reply:
            found: dict[str, Any] = json.load(reply)
            return found

    def wait_version(self, version: str, timeout_s: float = 60) -> dict[str, Any]:
        """Return the status once the app runs this version."""

        def runs() -> dict[str, Any] | None:
            try:
                found = self.status()
            except (OSError, urllib.error.URLError, ValueError):
                return None
            return found if found["version"] == version else None

        return wait_for(runs, f"{version} on {self.board.name}", timeout_s, self.log)

    def running_slot(self) -> int:
        """Return the slot that the app says it runs from."""
        return "AB".index(wait_for(self._slot, "status", 30, self.log))

    def _slot(self) -> str | None:
        try:
            return str(self.status()["slot"])
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def log(self) -> str:
        """Return the end of the console's log."""
        return self.emulator.console.log[-3000:]


UnitMaker = Callable[..., Unit]


def wait_for(
    ask: Callable[[], T | None],
    what: str,
    timeout_s: float = 60,
    log: Callable[[], str] = lambda: "",
) -> T:
    """Return what `ask` says once it is true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout_s:g} s: {what}\n{log()}")


@dataclass(kw_only=True)
class Backend:
    """The server and what an operator does with it."""

    process: ServerProcess

    @property
    def guest_url(self) -> str:
        """Return the server's address as emulated boards see it."""
        return "http://10.0.2.2:" + self.process.devices.rpartition(":")[2]

    def token(self) -> str:
        """Return a new one-time token."""
        return str(self.process.client.post("/tokens", {})["token"])

    def roll_out(self, version: Version, **policy: int) -> int:
        """Publish a version and begin its rollout; returns the rollout's id."""
        releases = self.process.client.send("/releases", [version.bundle], len(version.bundle))
        asked = {"release": releases[0]["id"], "confirm_after_s": 0} | policy
        return int(self.process.client.post("/rollouts", asked)["id"])

    def rollout(self, id_: int) -> dict[str, Any]:
        """Return how a rollout stands."""
        found: dict[str, Any] = self.process.client.get(f"/rollouts/{id_}")
        return found

    def device(self, id_: str) -> dict[str, Any]:
        """Return what the server knows of a device."""
        found: dict[str, Any] = self.process.client.get(f"/devices/{id_}")
        return found

    def wait_done(self, id_: int, unit: Unit, timeout_s: float = 90) -> dict[str, Any]:
        """Return the rollout once it is done on every device."""

        def done() -> dict[str, Any] | None:
            found = self.rollout(id_)
            counts = found["counts"]
            assert "failed" not in counts, f"{found}\n{unit.log()}"
            return found if set(counts) == {"done"} else None

        return wait_for(done, f"rollout {id_}", timeout_s, unit.log)

    def wait_halted(self, id_: int, unit: Unit, timeout_s: float = 90) -> dict[str, Any]:
        """Return the rollout once it has halted."""

        def halted() -> dict[str, Any] | None:
            found = self.rollout(id_)
            return found if found["phase"] == "halted" else None

        return wait_for(halted, f"halt of rollout {id_}", timeout_s, unit.log)
