# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the agent compiled for the host, a product, a device with version 1.0.0."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import host_c
from host_agent import Device, make_image, network_of
from peer import Peer, Product
from unitool.formats import p256


@pytest.fixture(scope="session")
def host_program() -> Path:
    return host_c.build(Path(__file__).parent / "host" / "host.c")


@pytest.fixture(scope="session")
def product() -> Product:
    return Product.make()


@pytest.fixture
def peer(product: Product) -> Peer:
    return Peer(product=product)


@pytest.fixture
def device(host_program: Path, product: Product, peer: Peer, tmp_path: Path) -> Device:
    made = Device(
        program=host_program,
        flash=tmp_path / "flash.bin",
        product=product,
        network=network_of(peer),
        private=p256.private_key(bytes([7]) * 32),
    )
    made.provision(make_image(product, "1.0.0"))
    return made
