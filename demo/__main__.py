# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the whole loop on emulated boards, told as it happens."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from unitool import crash, output, paths
from unitool.errors import UnitoolError

from demo import chosen, measure
from demo.scenario import Release, Scenario

PARAMS = {"poll_s": 2, "retry_s": 1, "confirm_within_s": 30, "reverted_pause_s": 0}
CONFIRM_AFTER_S = 3


@dataclass(kw_only=True)
class Story:
    """One board's part, and what its row in the table says."""

    scenario: Scenario
    began: float = field(default_factory=time.monotonic)
    update_s: list[float] = field(default_factory=list)
    update_bytes: list[int] = field(default_factory=list)
    image: str = ""
    boot_instructions: int = 0
    end: str = ""
    crash: str = ""

    def say(self, text: str) -> None:
        """Print a line with the seconds since the board's story began."""
        click.echo(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def tell(self) -> None:
        """Everything, in order."""
        scenario = self.scenario
        scenario.make_keys()
        self.say("keys made: image and root keys sign offline, the server holds only its own")
        with scenario:
            self.first_version()
            self.update("2.0.0")
            self.crash_and_return("3.0.0", back_to="2.0.0")
            self.update("4.0.0")
            self.update("5.0.0")
            status = scenario.status()
            self.end = f"{status['version']} in {status['slot']}"

    def build(self, version: str, *, crashes: bool = False) -> Release:
        """Build, sign and pack a version."""
        release = self.scenario.release(version, crashes=crashes)
        self.say(
            f"built, signed and packed webdemo {version}: {release.image_bytes:,} bytes "
            f"in {release.build_s:.1f} s"
        )
        return release

    def first_version(self) -> None:
        """Build 1.0.0, count its start, switch the board on, ask its page."""
        scenario = self.scenario
        release = self.build("1.0.0")
        self.image = f"{release.image_bytes:,}"
        scenario.prepare(release)
        scenario.operate("device", "add", scenario.device_id)
        self.say(f"provisioned device {scenario.device_id[:8]} and flashed 1.0.0 into slot A")
        counted = measure.start(
            scenario.board, scenario.state, release.elf, scenario.folder / "measure"
        )
        self.boot_instructions = counted.cold
        self.say(
            f"power-on: {counted.cold:,} instructions verify the signature and reach the image, "
            f"{counted.first_byte:,} more its first console byte"
        )
        scenario.device.power_on()
        took = scenario.wait_version("1.0.0")
        status = scenario.status()
        self.say(
            f"http://127.0.0.1:{scenario.device.port(80)}/ answers after {took:.2f} s: "
            f"version {status['version']}, slot {status['slot']}"
        )

    def update(self, version: str) -> None:
        """Publish a version and watch the device take it."""
        scenario = self.scenario
        release = self.build(version)
        before = scenario.relay.carried
        start = time.monotonic()
        number = scenario.publish(release, confirm_after_s=CONFIRM_AFTER_S)
        self.say(f"published {version}; rollout {number}: a canary first, then everybody")
        scenario.wait_version(version)
        self.update_s.append(time.monotonic() - start)
        self.update_bytes.append(scenario.relay.carried - before)
        status = scenario.status()
        self.say(
            f"running {version} from slot {status['slot']} after {self.update_s[-1]:.1f} s, "
            f"{self.update_bytes[-1]:,} bytes over the network"
        )
        scenario.wait_done(number)
        self.say(f"{version} confirmed by the server's authenticated answer")

    def crash_and_return(self, version: str, *, back_to: str) -> None:
        """Publish a version that crashes; nobody touches the device."""
        scenario = self.scenario
        release = self.build(version, crashes=True)
        number = scenario.publish(release, confirm_after_s=CONFIRM_AFTER_S)
        self.say(f"published {version}, which crashes shortly after its start; rollout {number}")
        rollout = scenario.wait_phase(number, "halted")
        scenario.wait_version(back_to)
        status = scenario.status()
        self.say(
            f"back on {back_to} in slot {status['slot']} without a hand on it "
            f"(last reset: {status['boot']['reason']})"
        )
        self.say(f"rollout {number} halted: {rollout['reason']}")
        report = next(filter(None, map(crash.parse_line, scenario.device.console.log.splitlines())))
        frames = crash.decode(report, release.elf)
        self.crash = f"{frames[0].function} at {frames[0].place}" if frames else "not decoded"
        self.say(f"the crash of {version}, by build id: {self.crash}")


def main() -> int:
    """Run the story on one board of each family, or on those that $BOARDS names."""
    start = time.monotonic()
    stories = []
    for board in chosen.shown():
        folder = paths.checkout() / "build/demo" / board.name
        story = Story(scenario=Scenario.fresh(board.name, folder, params=PARAMS))
        click.secho(f"\n{board.name}: {board.summary}", bold=True)
        with _explained(folder):
            story.tell()
        stories.append(story)
    click.echo()
    output.table(
        [
            "board",
            "image B",
            "boot instr.",
            "update s",
            "update B",
            "ends with",
            "3.0.0 crashed in",
        ],
        [
            (
                story.scenario.board.name,
                story.image,
                f"{story.boot_instructions:,}",
                f"{sum(story.update_s) / len(story.update_s):.1f}",
                f"{sum(story.update_bytes) // len(story.update_bytes):,}",
                story.end,
                story.crash,
            )
            for story in stories
        ],
    )
    click.echo(f"\ndone in {time.monotonic() - start:.0f} s; everything is in build/demo/")
    return 0


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except UnitoolError as error:
        click.secho(f"the demo stopped: {error.message}", fg="red", err=True)
        click.echo(f"  hint: {error.hint or f'see {folder}/server/server.log'}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
