# SPDX-License-Identifier: Apache-2.0
"""What a device's last poll said, in words and JSON, for operators."""

from __future__ import annotations

from typing import Any

from unitool.formats.manifest import Manifest
from unitool.formats.messages import Crash, Poll, SlotStatus
from unitool.formats.records import SlotState
from unitool.formats.version import Version

from ota_server.words import fault_words, reset_words


def status_of(poll: Poll) -> dict[str, Any]:
    """The facts of a poll that are shown; equal for polls that say the same."""
    app = poll.app
    status: dict[str, Any] = {
        "vid": app.vid.hex(),
        "cid": app.cid.hex(),
        "running": app.running,
        "slots": [_slot(s) for s in app.slots],
        "boot": {
            "count": poll.boot.count,
            "reset_reason": reset_words(poll.boot.reset_reason),
            "crashes": poll.boot.crashes,
            "safe_mode": poll.boot.mode == 1,
        },
        "slot_bytes": poll.slot_bytes,
        "agent": poll.agent,
        "bootloader": poll.bootloader,
        "keyset_epoch": poll.epoch,
    }
    if poll.crash is not None:
        status["crash"] = _crash(poll.crash)
    return status


def running_version(status: dict[str, Any]) -> str:
    """The version that runs, empty if the device has not said."""
    for slot in status.get("slots", ()):
        if slot["slot"] == status["running"]:
            return str(slot.get("version", ""))
    return ""


def is_older(status: dict[str, Any], release: Manifest) -> bool:
    """Whether a device of this status runs a version that the release may follow."""
    text = running_version(status)
    if not text:
        return False
    version = Version.parse(text)
    return version < release.app.version and release.may_follow(version)


def _slot(slot: SlotStatus) -> dict[str, Any]:
    known = slot.state in set(SlotState)
    facts: dict[str, Any] = {
        "slot": slot.slot,
        "state": SlotState(slot.state).name.lower() if known else f"state {slot.state}",
    }
    if slot.version is not None:
        facts["version"] = str(slot.version)
    if slot.digest is not None:
        facts["image"] = slot.digest.hex()
    for name, value in (("counter", slot.counter), ("reason", slot.reason)):
        if value:
            facts[name] = value
    if slot.offset_or_tries is not None:
        facts["offset" if slot.state == SlotState.INSTALLING else "tries"] = slot.offset_or_tries
    return facts


def _crash(crash: Crash) -> dict[str, Any]:
    return {
        "build_id": crash.build_id.hex(),
        "slot_base": crash.slot_base,
        "reason": fault_words(crash.reason),
        "pc": crash.pc,
        "lr": crash.lr,
        "sp": crash.sp,
        "fault": list(crash.fault),
    }
