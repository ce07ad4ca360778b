# SPDX-License-Identifier: Apache-2.0
"""A vendor and a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bundles import CID, VID, Vendor
from .device import Device
from .server_process import ServerProcess

DeviceMaker = Callable[..., Device]


@pytest.fixture(scope="session")
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def server(tmp_path: Path, vendor: Vendor) -> Iterator[ServerProcess]:
    keys = vendor.write_keys(tmp_path / "keys")
    with ServerProcess(tmp_path / "server", keys=keys) as process:
        yield process


@pytest.fixture
def make_device(server: ServerProcess, vendor: Vendor) -> Iterator[DeviceMaker]:
    """Make devices of the vendor's product; `listed`: the factory told their ids."""
    made: list[Device] = []

    def make(seed: int = 1, *, listed: bool = True, **facts: object) -> Device:
        device = Device(
            server=server.devices,
            server_public=vendor.server_public,
            vid=VID,
            cid=CID,
            image_keys=[vendor.image_public],
            seed=seed,
            **facts,  # type: ignore[arg-type]
        )
        if listed:
            server.client.post("/devices", {"ids": [device.id.hex()]})
        made.append(device)
        return device

    yield make
    for device in made:
        device.http.close()
