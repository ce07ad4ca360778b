# SPDX-License-Identifier: Apache-2.0
"""unitool boards."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import boards, options, output


@click.command()
@options.boards_dirs
def command(boards_dirs: tuple[Path, ...]) -> None:
    """List the boards that images can be built for."""
    found = boards.all_boards((Path("boards").resolve(), *boards_dirs))
    output.emit(
        [
            {
                "name": b.name,
                "summary": b.summary,
                "arch": b.arch,
                "cpu": b.cpu,
                "emulated": b.emulator is not None,
                "slot_bytes": b.slots[0].size,
                "ram_bytes": b.memory.ram.size,
            }
            for b in found
        ]
    )
    if not output.is_json():
        output.table(
            ["board", "cpu", "slot", "RAM", "what"],
            [
                (
                    b.name,
                    b.cpu,
                    f"{b.slots[0].size >> 10}K",
                    f"{b.memory.ram.size >> 10}K",
                    b.summary,
                )
                for b in found
            ],
        )
        output.say("next: unitool build -b BOARD")
