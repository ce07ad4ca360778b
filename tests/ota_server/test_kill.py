# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at seeded moments, with reports, updates and publications in flight."""

from __future__ import annotations

import random
import sqlite3
import threading
import time

import httpx
from unitool.errors import ServerError
from unitool.formats.answer import Code
from unitool.formats.messages import ReportKind
from unitool.formats.version import Version

from ota_server.blobs import Blobs

from .bundles import Vendor, release
from .conftest import DeviceMaker
from .device import Device, Refused
from .server_process import ServerProcess

KILLS = 20
SEED = 20261124


class Reporter(threading.Thread):
    """A device that reports all the time, and remembers what the server accepted."""

    def __init__(self, device: Device, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.device, self.stop = device, stop
        self.accepted: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failure = error

    def _run(self) -> None:
        serial = 0
        while not self.stop.is_set():
            serial += 1
            text = f"{self.device.seed}/{serial}"
            self.device.reports.clear()
            self.device.report(ReportKind.ANSWERS_REFUSED, bytes(32), code=serial, text=text)
            try:
                found = self.device.poll()
            except (httpx.HTTPError, Refused) as error:
                assert not isinstance(error, Refused) or error.status == 503, error
                time.sleep(0.02)
                continue
            if Code.RESYNC not in [a.code for a in found.actions]:
                self.accepted.append(text)


def test_no_accepted_report_is_lost(server: ServerProcess, make_device: DeviceMaker) -> None:
    chance = random.Random(SEED)
    devices = [make_device(seed) for seed in range(6)]
    for device in devices:
        device.join()
    stop = threading.Event()
    reporters = [Reporter(device, stop) for device in devices]
    for reporter in reporters:
        reporter.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0, 0.15))
        server.kill()
        server.start()
    time.sleep(0.2)
    stop.set()
    for reporter in reporters:
        reporter.join(20)
        assert reporter.failure is None
    server.kill()
    with sqlite3.connect(server.data / "server.db") as database:
        stored = {row[0] for row in database.execute("select text from report")}
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    accepted = {text for reporter in reporters for text in reporter.accepted}
    assert len(accepted) > KILLS
    assert accepted <= stored, f"lost: {sorted(accepted - stored)[:5]}"


def test_updates_go_on_through_kills(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    """No canary rule is broken by a kill either: the counts are made anew from what is stored."""
    chance = random.Random(SEED + 1)
    devices = [make_device(seed) for seed in range(5)]
    for device in devices:
        device.join()
    data = release(vendor, "2.0.0")
    server.client.send("/releases", [data], len(data))
    id_ = server.client.post("/rollouts", {"release": 1, "canary": 2, "confirm_after_s": 0})["id"]
    done = threading.Event()

    def kill() -> None:
        for _ in range(8):
            time.sleep(chance.uniform(0.01, 0.2))
            server.kill()
            server.start()
        done.set()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    deadline = time.monotonic() + 200
    went: set[int] = set()
    while time.monotonic() < deadline:
        for device in devices:
            try:
                codes = device.step()
            except (httpx.HTTPError, Refused):
                continue
            if Code.GO in codes:
                went.add(device.seed)
            confirmed = sum(d.runs == Version(2) and not d.broken for d in devices)
            assert len(went) <= 2 or confirmed >= 2
        if done.is_set() and all(d.runs == Version(2) and not d.reports for d in devices):
            break
    killer.join(20)
    assert done.is_set()
    assert server.client.get(f"/rollouts/{id_}")["counts"] == {"done": 5}


def test_publication_is_whole_or_absent(server: ServerProcess, vendor: Vendor) -> None:
    chance = random.Random(SEED + 2)
    published = 0
    for number in range(2, 10):
        data = release(vendor, f"{number}.0.0", size=300_000)
        timer = threading.Timer(chance.uniform(0, 0.04), server.kill)
        timer.start()
        try:
            server.client.send("/releases", [data], len(data))
            published += 1
        except ServerError:
            pass
        timer.join()
        server.start()
    releases = server.client.get("/releases")
    assert len(releases) >= published
    blobs = Blobs(server.data / "blobs")
    for facts in releases:
        digest = bytes.fromhex(facts["blob"])
        assert blobs.path(digest).stat().st_size == facts["bytes"]
        assert blobs.put(blobs.path(digest).read_bytes()) == digest
