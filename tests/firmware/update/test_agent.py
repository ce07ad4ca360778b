# SPDX-License-Identifier: Apache-2.0
"""The whole agent, compiled for the host, against a server in miniature."""

from __future__ import annotations

from host_agent import Device, make_image
from peer import Peer, Product, release
from unitool.formats.messages import ReportKind


def running(peer: Peer) -> str:
    """Return the version that the last poll ran."""
    app = peer.polls[-1].app
    return str(app.slots[app.running].version)


def test_a_new_device_enrols_updates_and_confirms(
    device: Device, peer: Peer, product: Product
) -> None:
    peer.publish(release(product, make_image(product, "1.1.0")))
    device.live(lambda: ReportKind.CONFIRMED in [r.kind for r in peer.reports])
    assert running(peer) == "1.1.0"
    assert device.boots == 2
    kinds = [r.kind for r in peer.reports]
    assert ReportKind.INSTALLED in kinds
    assert peer.sent_bytes == len(peer.offer.data)
