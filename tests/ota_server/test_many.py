# SPDX-License-Identifier: Apache-2.0
"""Some hundred devices at once: the canary rule holds, and nobody is left over."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
from unitool.formats import answer
from unitool.formats.answer import Answer, Code
from unitool.formats.records import SlotState
from unitool.formats.version import Version

from .bundles import CID, VID, Vendor, release
from .device import Device, Slot
from .server_process import ServerProcess

DEVICES = 300
CANARY = 10


class Crowd:
    """Devices that poll concurrently over a few connections."""

    def __init__(self, server: ServerProcess, vendor: Vendor) -> None:
        self.server = server
        none = httpx.Client()
        self.devices = [
            Device(
                server=server.devices,
                server_public=vendor.server_public,
                vid=VID,
                cid=CID,
                image_keys=[vendor.image_public],
                seed=seed,
                http=none,
            )
            for seed in range(DEVICES)
        ]
        self.told: Counter[Code] = Counter()
        self.confirmed = 0

    async def post(self, http: httpx.AsyncClient, device: Device, message: bytes) -> Answer:
        response = await http.post("/v1/poll", content=message)
        assert response.status_code == 200
        return answer.open_answer(response.content, device.k_answer, message[-32:])

    async def join(self, http: httpx.AsyncClient, device: Device) -> None:
        found = await self.post(http, device, device.enrol_message())
        device.generation = found.actions[0].argument
        await self.post(http, device, device.poll_message())

    async def step(self, http: httpx.AsyncClient, device: Device) -> None:
        found = await self.post(http, device, device.poll_message())
        for action in found.actions:
            self.told[action.code] += 1
            if action.code is Code.OFFER:
                app = answer_app(device, action.argument)
                device.slots[1 - device.running] = Slot(SlotState.READY, *app)
            elif action.code is Code.GO:
                assert self.confirmed >= CANARY or self.told[Code.GO] <= CANARY
                device._restart(action.argument)
            elif action.code is Code.CONFIRM:
                device._confirm(action.argument)
                device.reports.clear()
                self.confirmed += 1

    async def everybody(self, what: str) -> None:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(
            base_url=self.server.devices, limits=limits, timeout=60, trust_env=False
        ) as http:
            await asyncio.gather(*(getattr(self, what)(http, d) for d in self.devices))


def answer_app(device: Device, offer: bytes) -> tuple[Version, bytes]:
    from unitool.formats import manifest

    app = manifest.verify(offer, device.image_keys).app
    return app.version, app.image_digest


def test_canary_then_everybody(tmp_path: Path, vendor: Vendor) -> None:
    keys = vendor.write_keys(tmp_path / "keys")
    with ServerProcess(tmp_path / "server", keys=keys) as server:
        crowd = Crowd(server, vendor)
        ids = [d.id.hex() for d in crowd.devices]
        assert server.client.post("/devices", {"ids": ids})["added"] == DEVICES
        asyncio.run(crowd.everybody("join"))
        data = release(vendor, "2.0.0")
        server.client.send("/releases", [data], len(data))
        server.client.post("/rollouts", {"release": 1, "canary": CANARY, "confirm_after_s": 0})
        asyncio.run(crowd.everybody("step"))
        assert crowd.told == {Code.OFFER: CANARY}, "everybody asked at once, ten were told"
        for _ in range(12):
            asyncio.run(crowd.everybody("step"))
            if server.client.get("/rollouts/1")["counts"] == {"done": DEVICES}:
                break
        assert all(d.runs == Version(2) for d in crowd.devices)
        assert crowd.told[Code.CONFIRM] == DEVICES
