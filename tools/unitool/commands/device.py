# SPDX-License-Identifier: Apache-2.0
"""unitool device: who belongs to the fleet, and how they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from unitool import output
from unitool.errors import UsageError
from unitool.operator_client import connect, server_options

ID = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


@click.group()
def command() -> None:
    """Show, approve and add devices of the fleet."""


@command.command(name="list")
@click.option(
    "--standing",
    type=click.Choice(["expected", "pending", "enrolled"]),
    help="Only devices of this standing.",
)
@server_options
def list_(standing: str | None, data: Path, url: str | None) -> None:
    """List the devices that the server knows."""
    query = {"standing": standing} if standing else {}
    devices = connect(data, url).get("/devices", **query)
    output.emit(devices)
    if not devices:
        output.say("no devices; a device that polls this server appears here")
        return
    output.table(
        ("device", "standing", "runs", "last heard", "rollouts"),
        [
            (d["id"], d["standing"], d["version"] or "-", _ago(d["heard_s_ago"]), _rollouts(d))
            for d in devices
        ],
    )
    if any(d["standing"] == "pending approval" for d in devices):
        output.say("next: unitool device approve ID")


@command.command()
@click.argument("device")
@server_options
def show(device: str, data: Path, url: str | None) -> None:
    """Show all about DEVICE (its id, or the first digits)."""
    facts = connect(data, url).get(f"/devices/{device}")
    output.emit(facts)
    output.say(f"device {facts['id']}: {facts['standing']}")
    output.say(f"last heard {_ago(facts['heard_s_ago'])}; starts {facts['boot_count'] or 0}")
    status = facts["status"]
    for slot in status.get("slots", ()):
        _show_slot(slot, runs=slot["slot"] == status["running"])
    if status:
        _show_boot(status)
    if facts["perhaps_copied"]:
        output.warn(f"{facts['resyncs']} resyncs: perhaps two devices have this identity")
    for member in facts["members"]:
        output.say(f"rollout {member['rollout']}: {member['stage']} {member['detail'] or ''}")
    if facts["reports"]:
        output.table(
            ("reported", "start", "what", "image", ""),
            [
                (r["at"], r["boot"], r["kind"], r["image"][:16], r["words"] or "")
                for r in facts["reports"]
            ],
        )


def _show_slot(slot: dict[str, Any], runs: bool) -> None:
    name = "AB"[slot["slot"] & 1]
    words = [slot["state"], slot.get("version", ""), slot.get("image", "")[:16]]
    output.say(f"slot {name}: {' '.join(w for w in words if w)}{', runs' if runs else ''}")


def _show_boot(status: dict[str, Any]) -> None:
    boot, crash = status["boot"], status.get("crash")
    safe = ", in safe mode" if boot["safe_mode"] else ""
    crashes = output.count(boot["crashes"], "crash", "crashes")
    output.say(f"last reset: {boot['reset_reason']}, {crashes} in a row{safe}")
    if crash is not None:
        output.say(
            f"last crash: {crash['reason']} at pc {crash['pc']:08x}, lr {crash['lr']:08x}, "
            f"slot base {crash['slot_base']:08x}, build {crash['build_id']}"
        )


@command.command()
@click.argument("device")
@server_options
def approve(device: str, data: Path, url: str | None) -> None:
    """Let DEVICE, which waits for approval, join the fleet."""
    facts = connect(data, url).post(f"/devices/{device}/approve")
    output.emit(facts)
    output.say(f"device {facts['id']} may enrol; it does so at its next poll")


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="FILE|ID...")
@server_options
def add(ids: tuple[str, ...], data: Path, url: str | None) -> None:
    """Add a factory list: ids, or files with one id in each line."""
    found = [id_ for text in ids for id_ in _ids(text)]
    facts = connect(data, url).post("/devices", {"ids": found})
    output.emit(facts)
    listed = output.count(len(found), "device")
    output.say(f"{facts['added']} of {listed} added; they enrol when they first poll")


@command.command()
@click.argument("device", required=False)
@click.option("--value", metavar="HEX", help="Take this token, which provision made, into use.")
@server_options
def token(device: str | None, value: str | None, data: Path, url: str | None) -> None:
    """Make a one-time enrolment token, for DEVICE or for any one device."""
    for what, text in (("device id", device), ("token", value)):
        if text is not None and not ID.fullmatch(text):
            raise UsageError(
                f"{text!r} is not a {what} (32 hexadecimal digits)", "unitool provision prints both"
            )
    facts = connect(data, url).post("/tokens", {"device": device, "token": value})
    output.emit(facts)
    if value is not None:
        output.say("the device that has this token enrols when it first polls")
        return
    output.say(facts["token"])
    output.say(f"next: unitool provision -b BOARD --token {facts['token']}")


def _ids(text: str) -> list[str]:
    if ID.fullmatch(text):
        return [text]
    try:
        lines = Path(text).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"{text!r} is neither a device id nor a readable file",
            "an id has 32 hexadecimal digits; unitool provision --list FILE writes a file of them",
        ) from None
    found = []
    for number, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if word and not ID.fullmatch(word):
            raise UsageError(
                f"{text}:{number}: {word!r} is not a device id",
                "each line takes 32 hexadecimal digits, or a comment behind #",
            )
        found += [word] if word else []
    return found


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name} ago"
    return f"{seconds} s ago"


def _rollouts(device: dict[str, Any]) -> str:
    return ", ".join(f"{i} {stage}" for i, stage in device["rollouts"].items())
