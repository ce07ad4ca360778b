# SPDX-License-Identifier: Apache-2.0
"""Group commit, and what happens when the disk says no."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from unitool.formats.answer import Code, open_answer
from unitool.formats.messages import ReportKind

from ota_server.crypto import ServerKey
from ota_server.fleet import Fleet
from ota_server.model import Device, Standing
from ota_server.polls import Intervals, Polls
from ota_server.store import Change, Store
from ota_server.writer import WriteError, Writer

from .bundles import CID, VID, Vendor
from .device import Device as Simulated


class Disk:
    """Takes numbers, a batch at a time, while `good`; waits in between while `held`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.good = True
        self.free = threading.Event()
        self.free.set()

    def commit(self, batch: Sequence[int]) -> list[object]:
        self.free.wait(5)
        if not self.good:
            raise OSError("disk full")
        self.batches.append(list(batch))
        return [n * 10 for n in batch]


def test_what_waits_shares_a_commit_and_keeps_its_order() -> None:
    async def run() -> None:
        disk = Disk()
        writer = Writer(disk.commit, lambda: None)
        disk.free.clear()
        futures = [writer.submit(n) for n in range(100)]
        disk.free.set()
        assert await asyncio.gather(*futures) == [n * 10 for n in range(100)]
        await writer.close()
        assert [n for batch in disk.batches for n in batch] == list(range(100))
        assert len(disk.batches) <= 3

    asyncio.run(run())


def test_after_a_failure_all_that_was_decided_on_it_fails_until_resumed() -> None:
    async def run() -> None:
        disk, failures = Disk(), []
        writer = Writer(disk.commit, lambda: failures.append(1))
        disk.good = False
        with pytest.raises(WriteError):
            await writer.submit(1)
        disk.good = True
        with pytest.raises(WriteError):
            await writer.submit(2)
        writer.resume()
        assert await writer.submit(3) == 30
        await writer.close()
        assert disk.batches == [[3]]
        assert failures == [1]

    asyncio.run(run())


def test_close_writes_what_is_queued() -> None:
    async def run() -> None:
        disk = Disk()
        writer = Writer(disk.commit, lambda: None)
        futures = [writer.submit(n) for n in range(50)]
        await writer.close()
        assert await asyncio.gather(*futures) == [n * 10 for n in range(50)]

    asyncio.run(run())


def test_one_bad_write_stores_nothing_of_its_batch(tmp_path: Path) -> None:
    store = Store(tmp_path / "server.db")
    good = Device(id=b"g" * 16, standing=Standing.EXPECTED)
    with pytest.raises(ZeroDivisionError):
        store.commit([Change(devices=(good,)), lambda _: 1 // 0])
    assert store.load().devices == []
    store.commit([Change(devices=(good,))])
    assert store.load().devices == [good]
    store.close()


def test_report_that_cannot_be_stored_is_not_acknowledged(tmp_path: Path) -> None:
    """503, and afterwards memory says what the disk says."""
    vendor = Vendor()

    async def run() -> None:
        store = Store(tmp_path / "server.db")
        fleet = Fleet(store, ServerKey(vendor.server))
        polls = Polls(fleet, Intervals())
        device = Simulated("", vendor.server_public, VID, CID)
        fleet.add(Device(id=device.id, standing=Standing.EXPECTED))

        async def send(message: bytes) -> tuple[int, list[Code]]:
            status, body = await polls(message)
            if status != 200:
                return status, []
            found = open_answer(body, device.k_answer, message[-32:])
            for action in found.actions:
                if action.code is Code.RESYNC:
                    device.generation = action.argument
            return status, [a.code for a in found.actions]

        assert await send(device.enrol_message()) == (200, [Code.RESYNC])
        assert await send(device.poll_message()) == (200, [])
        with store.engine.begin() as c:
            c.execute(text("alter table report rename to away"))
        device.report(ReportKind.CRASH, bytes(32), text="kept by the device")
        assert await send(device.poll_message()) == (503, [])
        with store.engine.begin() as c:
            c.execute(text("alter table away rename to report"))
        assert await send(device.poll_message()) == (200, [])
        assert [r.report.text for r in store.reports_of(device.id, 9)] == ["kept by the device"]
        await fleet.close()

    asyncio.run(run())
