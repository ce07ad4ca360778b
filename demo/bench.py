# SPDX-License-Identifier: Apache-2.0
"""`make bench`: sizes, instruction counts and bytes, measured anew, into build/bench.json."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
from tqdm import tqdm
from unitool import build, emulating, output, paths, runners
from unitool.boards import Board
from unitool.build import Built
from unitool.runners import Place, Programmer, Segment

from demo import chosen, measure
from demo.scenario import Scenario

APPS = paths.checkout() / "firmware/apps"
OUT = paths.checkout() / "build/bench.json"


def main() -> int:
    """Measure every emulated board, or those that $BOARDS names."""
    found = chosen.emulated()
    figures: dict[str, float] = {}
    steps = [sizes, hello_start, webdemo_start_and_request, update_bytes, flash_throughput]
    with tqdm(total=len(found) * len(steps), disable=not output.is_terminal()) as bar:
        for board in found:
            folder = paths.checkout() / "build/bench" / board.name
            for step in steps:
                bar.set_description(f"{board.name} {step.__name__.replace('_', ' ')}")
                figures |= {
                    f"{subject}.{board.name}.{what}": value
                    for (subject, what), value in step(board, folder).items()
                }
                bar.update()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    output.table(
        ["figure", "value"], [(key, f"{value:,}") for key, value in sorted(figures.items())]
    )
    click.echo(f"written to {OUT}")
    return 0


Figures = dict[tuple[str, str], float]


def sizes(board: Board, _: Path) -> Figures:
    """Flash, RAM and relocation table of each image."""
    built = {name: build.build(APPS / name, board) for name in ("hello", "webdemo")}
    built["boot"] = build.build_boot(board)
    return {key: value for name, one in built.items() for key, value in _sizes(name, one).items()}


def _sizes(name: str, built: Built) -> Figures:
    return {
        (name, "flash_B"): built.sizes.flash_B,
        (name, "ram_B"): built.sizes.ram_B,
        (name, "reloc_percent"): round(built.sizes.reloc_percent, 2),
    }


def hello_start(board: Board, folder: Path) -> Figures:
    """From the image's entry to its first byte."""
    scenario = Scenario.fresh(board.name, folder / "hello", source=APPS / "hello")
    scenario.make_keys()
    release = scenario.release("1.0.0")
    scenario.prepare(release)
    counted = measure.start(board, scenario.state, release.elf, scenario.folder)
    return {("hello", "first_byte_instructions"): counted.first_byte}


def webdemo_start_and_request(board: Board, folder: Path) -> Figures:
    """From reset to the image's entry, and one request of the page."""
    scenario = Scenario.fresh(board.name, folder / "webdemo")
    scenario.make_keys()
    release = scenario.release("1.0.0")
    scenario.prepare(release)
    counted = measure.start(board, scenario.state, release.elf, scenario.folder)
    request = measure.per_request(board, scenario.state, release.elf, scenario.folder)
    return {
        ("boot", "cold_instructions"): counted.cold,
        ("boot", "cold_image_B"): release.image_bytes,
        ("webdemo", "request_instructions"): request,
    }


def update_bytes(board: Board, folder: Path) -> Figures:
    """What one full update moves over the network, from publishing to confirmation."""
    params = {"poll_s": 2, "retry_s": 1}
    with Scenario.fresh(board.name, folder / "update", params=params) as scenario:
        first, second = scenario.release("1.0.0"), scenario.release("2.0.0")
        scenario.prepare(first)
        scenario.operate("device", "add", scenario.device_id)
        scenario.device.power_on()
        scenario.wait_version("1.0.0")
        before = scenario.relay.carried
        scenario.wait_done(scenario.publish(second, confirm_after_s=0))
        return {
            ("update", "bytes"): scenario.relay.carried - before,
            ("update", "image_B"): second.image_bytes,
        }


def flash_throughput(board: Board, folder: Path) -> Figures:
    """256 KiB erased, programmed and read back by each runner, and the same a second time."""
    figures: Figures = {}
    shutil.rmtree(folder / "flash", ignore_errors=True)
    for name in dict.fromkeys((runners.FILE, "gdb", board.runner)):
        state = folder / "flash" / name
        place = Place(board=board, state=state)
        with nullcontext() if name == runners.FILE else _on(board, state):
            for round_ in ("first", "second"):
                with runners.connect(place, name) as runner:
                    to = Programmer(board, runner)
                    to.write([_flash_content(board)])
                figures[f"flash.{name}", f"{round_}_KB_per_s"] = round(
                    _FLASH_BYTES / 1000 / to.total.seconds
                )
    return figures


_FLASH_BYTES = 256 << 10


def _flash_content(board: Board) -> Segment:
    return Segment(board.slot_address(0), random.Random(1).randbytes(_FLASH_BYTES))


@contextmanager
def _on(board: Board, state: Path) -> Iterator[None]:
    emulating.detach(board.name, state, ["-b", board.name, "--state", str(state)])
    try:
        yield
    finally:
        emulating.ask(board.name, state, "off")


if __name__ == "__main__":
    sys.exit(main())
