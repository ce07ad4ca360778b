# SPDX-License-Identifier: Apache-2.0
"""One product's whole loop on an emulated board: what the demo shows and the tests prove.

Everything goes through the real command line, the real server and the real board; nothing here
knows a format.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from unitool import boards, paths
from unitool.boards import Board
from unitool.emulator import Emulator
from unitool.errors import UnitoolError

UNITOOL = [sys.executable, "-c", "from unitool.cli import main; main()"]
WEBDEMO = paths.checkout() / "firmware/apps/webdemo"
GUEST_SEES_HOST = "10.0.2.2"
HTTP = 80
_MAIN = "int main(void) {\n"
_CRASH = """\
#include "os/sched.h"

// What a bad release looks like: it starts well, then follows a pointer from nowhere.
static struct os_timer fault_timer;
static volatile uint32_t *volatile nowhere;

static void read_the_sensor(struct os_timer *timer) {
    (void)timer;
    *nowhere = 1;
}

"""
_START_CRASH = "    os_timer_start(&fault_timer, 1500, read_the_sensor);\n"


def cli(*words: object, cwd: Path | None = None, timeout_s: float = 300) -> Any:
    """Run a unitool command and return its --json facts; UnitoolError when it fails."""
    done = subprocess.run(
        [*UNITOOL, "--json", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise UnitoolError(
            f"unitool {' '.join(map(str, words))} failed: {done.stderr.strip()}",
            "the command's own hint stands above, if it gave one",
        )
    return json.loads(done.stdout) if done.stdout.strip() else None


class Server:
    """`unitool serve` as a process of its own."""

    def __init__(self, folder: Path, keys: Path, *, poll_s: int = 2) -> None:
        """`folder`: its data. `keys`: server.pem and keyset.cose."""
        self.data = folder
        self._keys = keys
        self._poll_s = poll_s
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Start it, on the ports it had before, and wait until it listens."""
        self.data.mkdir(parents=True, exist_ok=True)
        address = self.data / "address.json"
        address.unlink(missing_ok=True)
        words = ["serve", "--data", self.data, "--keys", self._keys, "--poll-s", self._poll_s]
        words += ["--listen", f"127.0.0.1:{self.port}", "--operator-port", 0]
        with (self.data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*UNITOOL, *map(str, words)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait_for(address.exists, 20, "the server to start")
        self.port = int(json.loads(address.read_text())["devices"].rpartition(":")[2])

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Relay:
    """A TCP relay on the loopback that counts what it carries, both ways."""

    def __init__(self, to_port: Callable[[], int]) -> None:
        """`to_port`: asked at each connection, since a server may come back elsewhere."""
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.carried = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to_port()), 5)
            except OSError:
                client.close()
                continue
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.carried += len(data)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that was built, signed and packed."""

    version: str
    app_dir: Path
    signed: Path
    elf: Path
    bundle: Path
    build_s: float

    @property
    def image_bytes(self) -> int:
        """Size of the signed image."""
        return self.signed.stat().st_size


@dataclass(kw_only=True)
class Scenario:
    """A product with its keys, its server and one device in `folder`."""

    board: Board
    folder: Path
    params: Mapping[str, int] = field(default_factory=dict)  # of update/agent
    poll_s: int = 2
    source: Path = WEBDEMO
    server: Server = field(init=False)
    relay: Relay = field(init=False)
    device: Emulator = field(init=False)
    device_id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = Server(self.folder / "server", self.keys, poll_s=self.poll_s)
        self.relay = Relay(lambda: self.server.port)
        self.device = Emulator(self.board, self.folder / "state", forward=(HTTP,))

    @classmethod
    def fresh(cls, board: str, folder: Path, **how: Any) -> Self:
        """Return a scenario in an emptied `folder`."""
        if folder.exists():
            shutil.rmtree(folder)
        return cls(board=boards.load(board), folder=folder, **how)

    @property
    def keys(self) -> Path:
        """The vendor's keys, shared by all versions."""
        return self.folder / "keys"

    def make_keys(self) -> None:
        """Make the vendor's keys."""
        cli("keygen", "--vendor", "example.com", cwd=self.folder)

    def release(
        self,
        version: str,
        *,
        crashes: bool = False,
        counter: int = 0,
        edit: Callable[[str], str] | None = None,
    ) -> Release:
        """Build, sign and pack a version; `edit` changes its main.c."""
        app_dir = self._variant(version, crashes=crashes, edit=edit)
        start = time.monotonic()
        cli("build", app_dir, "-b", self.board.name)
        built = time.monotonic()
        cli("sign", app_dir, "-b", self.board.name, "--counter", counter)
        bundle = self.folder / f"{app_dir.name}.uota"
        cli("pack", "-C", app_dir, "-b", self.board.name, "-o", bundle)
        built_dir = app_dir / "build" / self.board.name
        return Release(
            version=version,
            app_dir=app_dir,
            signed=built_dir / f"{self.source.name}.signed.bin",
            elf=built_dir / f"{self.source.name}.elf",
            bundle=bundle,
            build_s=built - start,
        )

    def _variant(self, version: str, *, crashes: bool, edit: Callable[[str], str] | None) -> Path:
        app_dir = self.folder / f"v{version}"
        if app_dir.exists():
            shutil.rmtree(app_dir)
        shutil.copytree(self.source, app_dir, ignore=shutil.ignore_patterns("build", "keys"))
        (app_dir / "keys").symlink_to(self.keys, target_is_directory=True)
        toml = app_dir / "app.toml"
        text = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', toml.read_text())
        assert "[params]" not in text
        lines = "".join(f'"update/agent.{name}" = {value}\n' for name, value in self.params.items())
        toml.write_text(f"{text}\n[params]\n{lines}" if lines else text)
        main = app_dir / "main.c"
        code = main.read_text()
        assert _MAIN in code
        if crashes:
            code = code.replace(_MAIN, _CRASH + _MAIN + _START_CRASH)
        main.write_text(edit(code) if edit else code)
        return app_dir

    def prepare(self, release: Release) -> None:
        """Make the board this product's device and flash `release`."""
        facts = cli(
            "provision", release.app_dir, "-b", self.board.name, "--state", self.state,
            "--server", f"http://{GUEST_SEES_HOST}:{self.relay.port}", "--production",
        )  # fmt: skip
        self.device_id = facts["device"]
        self.flash(release)

    def flash(self, release: Release) -> None:
        """Write a signed image into the slot that runs."""
        cli("flash", release.app_dir, "-b", self.board.name, "--state", self.state)

    @property
    def state(self) -> Path:
        """The board's flash files."""
        return self.folder / "state"

    def publish(
        self, release: Release, *, canary: int = 1, silence_s: int = 60, confirm_after_s: int = 2
    ) -> int:
        """Publish `release` and begin its rollout; return the rollout's number."""
        published = self.operate("publish", release.bundle)
        begun = self.operate(
            "rollout", "create", published[0]["id"],
            "--canary", canary, "--silence-s", silence_s, "--confirm-after-s", confirm_after_s,
        )  # fmt: skip
        return int((begun[0] if isinstance(begun, list) else begun)["id"])

    def operate(self, *words: object) -> Any:
        """Run an operator's command against this scenario's server."""
        return cli(*words, "--data", self.server.data)

    def status(self) -> dict[str, Any]:
        """What the device's own page says. httpx.HTTPError while it does not answer."""
        url = f"http://127.0.0.1:{self.device.port(HTTP)}/status"
        return dict(httpx.get(url, timeout=1.5).raise_for_status().json())

    def version(self) -> str | None:
        """The version that answers, or None while the device does not."""
        try:
            return str(self.status()["version"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None

    def wait_version(self, version: str, timeout_s: float = 60) -> float:
        """Wait until the device answers as `version`; return the seconds it took."""
        return self.wait_for(lambda: self.version() == version, timeout_s, f"version {version}")

    def rollout(self, number: int) -> dict[str, Any]:
        """What the server says of a rollout."""
        facts = self.operate("rollout", "status", number)
        return dict(facts[0] if isinstance(facts, list) else facts)

    def wait_phase(self, number: int, phase: str, timeout_s: float = 60) -> dict[str, Any]:
        """Wait until a rollout is running, halted …; return what the server says of it."""
        return self._wait_rollout(number, timeout_s, phase, lambda r: bool(r["phase"] == phase))

    def wait_done(self, number: int, timeout_s: float = 60) -> dict[str, Any]:
        """Wait until the rollout's device has confirmed the release and reported it."""
        return self._wait_rollout(number, timeout_s, "done", lambda r: "done" in r["counts"])

    def _wait_rollout(
        self, number: int, timeout_s: float, what: str, happened: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        self.wait_for(
            lambda: happened(self.rollout(number)), timeout_s, f"rollout {number} to be {what}"
        )
        return self.rollout(number)

    def wait_for(self, happened: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Wait; UnitoolError with the end of the console's log when it does not happen."""
        try:
            return wait_for(happened, timeout_s, what)
        except UnitoolError as error:
            tail = self.device.console.log[-1500:]
            raise UnitoolError(
                f"{error.message}; the board's console ends:\n{tail}", error.hint
            ) from None

    def __enter__(self) -> Self:
        """Make keys and start the server."""
        if not self.keys.exists():
            self.make_keys()
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Switch the board off and stop the server."""
        try:
            self.device.cut()
        finally:
            self.server.stop()
            self.relay.close()


def wait_for(happened: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait until `happened()`; return the seconds it took, or UnitoolError."""
    start = time.monotonic()
    while not happened():
        if time.monotonic() - start > timeout_s:
            raise UnitoolError(
                f"waited {timeout_s:g} s for {what}",
                "a machine under load may need longer: try it with nothing else running",
            )
        time.sleep(0.05)
    return time.monotonic() - start
