# SPDX-License-Identifier: Apache-2.0
"""unitool rollout: bring a release to devices, carefully."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from unitool import output
from unitool.operator_client import Client, connect, server_options

STAGES = ("offered", "ready", "go", "trying", "done", "failed", "left")


@click.group()
def command() -> None:
    """Bring a release to devices: first canaries, then everybody; halts by itself."""


@command.command()
@click.argument("release", type=int, nargs=-1, required=True)
@click.option(
    "--canary",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Devices that go first; 0: everybody at once.",
)
@click.option(
    "--silence-s",
    type=click.IntRange(1),
    default=3600,
    show_default=True,
    help="A device not heard for so long after it was told to restart has failed.",
)
@click.option(
    "--confirm-after-s",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="How long an image must have run on a device before it is kept.",
)
@click.option(
    "--max-failures",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Failed devices that do not halt the rollout.",
)
@click.option(
    "--current",
    metavar="LOW:HIGH",
    multiple=True,
    help="Only devices that run such a version; may be given several times.",
)
@server_options
def create(
    release: tuple[int, ...],
    canary: int,
    silence_s: int,
    confirm_after_s: int,
    max_failures: int,
    current: tuple[str, ...],
    data: Path,
    url: str | None,
) -> None:
    """Roll out RELEASE (a number that publish printed)."""
    client = connect(data, url)
    asked: dict[str, Any] = {
        "canary": canary,
        "silence_s": silence_s,
        "confirm_after_s": confirm_after_s,
        "max_failures": max_failures,
        "current": [_range(text) for text in current] or None,
    }
    made = [client.post("/rollouts", asked | {"release": number}) for number in release]
    output.emit(made)
    for rollout in made:
        first = f"first {output.count(canary, 'device')}" if canary else "everybody at once"
        output.say(f"rollout {rollout['id']} of {rollout['version']}: {first}")
    output.say(f"next: unitool rollout status {made[0]['id']} --watch")


@command.command()
@click.argument("rollout", type=int, required=False)
@click.option("--watch", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@server_options
def status(rollout: int | None, watch: bool, data: Path, url: str | None) -> None:
    """Show all rollouts, or ROLLOUT with its devices."""
    client = connect(data, url)
    before = None
    while True:
        facts = client.get("/rollouts" if rollout is None else f"/rollouts/{rollout}")
        shown = _without_times(facts)
        if shown != before:
            output.emit(facts)
            _show_all(facts) if isinstance(facts, list) else _show(facts)
        before = shown
        if not watch:
            return
        time.sleep(1)


@command.command()
@click.argument("rollout", type=int)
@server_options
def pause(rollout: int, data: Path, url: str | None) -> None:
    """Offer nothing more and restart nobody, until resumed."""
    _order(connect(data, url), rollout, "pause")


@command.command()
@click.argument("rollout", type=int)
@click.option("--retry", is_flag=True, help="Try again with devices on which it failed.")
@server_options
def resume(rollout: int, retry: bool, data: Path, url: str | None) -> None:
    """Go on after a pause or a halt; failures so far no longer count."""
    _order(connect(data, url), rollout, "resume", {"retry": retry})


@command.command()
@click.argument("rollout", type=int)
@server_options
def abort(rollout: int, data: Path, url: str | None) -> None:
    """End it for good; devices that are trying the image go back to the old one."""
    _order(connect(data, url), rollout, "abort")


def _order(client: Client, rollout: int, verb: str, facts: dict[str, Any] | None = None) -> None:
    found = client.post(f"/rollouts/{rollout}/{verb}", facts)
    output.emit(found)
    output.say(f"rollout {rollout} of {found['version']} is {found['phase']}")


def _range(text: str) -> list[str]:
    low, found, high = text.partition(":")
    return [low, high if found else low]


def _without_times(facts: Any) -> Any:
    if isinstance(facts, list):
        return [_without_times(each) for each in facts]
    if isinstance(facts, dict):
        return {key: _without_times(value) for key, value in facts.items() if key != "heard"}
    return facts


def _counts(rollout: dict[str, Any]) -> str:
    counts = rollout["counts"]
    if rollout["complete"]:
        return f"complete: {output.count(counts['done'], 'device')} done"
    parts = [f"{counts[s]} {s}" for s in STAGES if counts.get(s)]
    if rollout["remaining"]:
        parts.append(f"{rollout['remaining']} to follow")
    return ", ".join(parts) or "no device yet"


def _show_all(rollouts: list[dict[str, Any]]) -> None:
    if not rollouts:
        output.say("no rollouts; next: unitool publish FILE.uota")
        return
    output.table(
        ("rollout", "release", "version", "phase", "stage", "devices"),
        [
            (r["id"], r["release"], r["version"], r["phase"], r["stage"], _counts(r))
            for r in rollouts
        ],
    )
    for r in rollouts:
        if r["reason"]:
            output.say(f"rollout {r['id']} {r['phase']}: {r['reason']}")


def _show(rollout: dict[str, Any]) -> None:
    output.say(
        f"rollout {rollout['id']} of {rollout['version']} (release {rollout['release']}): "
        f"{rollout['phase']}, {rollout['stage']} (canary {rollout['canary']}); "
        f"{_counts(rollout)}"
    )
    if rollout["reason"]:
        output.say(f"{rollout['phase']}: {rollout['reason']}")
    if rollout["devices"]:
        output.table(
            ("device", "stage", "runs", "heard", ""),
            [
                (d["id"][:16], d["stage"], d["version"], d["heard"] or "-", d["detail"] or "")
                for d in rollout["devices"]
            ],
        )
    if rollout["phase"] == "halted":
        output.say(f"next: unitool rollout abort|resume {rollout['id']}")
