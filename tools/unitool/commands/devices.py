# SPDX-License-Identifier: Apache-2.0
"""unitool devices."""

from __future__ import annotations

from dataclasses import asdict

import click

from unitool import devices, output


@click.command()
def command() -> None:
    """List what can be flashed or talked to: emulated boards that are on, probes, serial ports."""
    found = devices.found()
    output.emit([asdict(device) for device in found])
    if output.is_json():
        return
    if found:
        output.table(
            ["kind", "id", "board", "what"], [(d.kind, d.id, d.board, d.what) for d in found]
        )
    else:
        output.say("nothing is connected, and no emulated board is on")
        output.say("next: plug a board in, or unitool emulate -b BOARD --detach")
