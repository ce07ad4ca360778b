# SPDX-License-Identifier: Apache-2.0
"""What operators are told, as JSON."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from ota_server.fleet import Live
from ota_server.model import Release, Rollout, Stage, StoredReport
from ota_server.operations import Operations
from ota_server.rows import ranges_json
from ota_server.status import running_version
from ota_server.words import kind_words, report_words


def when(at_s: int) -> str | None:
    """A time as JSON has it; None for never."""
    return datetime.fromtimestamp(at_s, UTC).isoformat() if at_s else None


def release_facts(release: Release) -> dict[str, Any]:
    """A published release."""
    found = release.manifest
    return {
        "id": release.id,
        "version": str(release.version),
        "counter": found.app.counter,
        "vid": found.vid.hex(),
        "cid": found.cid.hex(),
        "image": found.app.image_digest.hex(),
        "blob": found.app.blob_digest.hex(),
        "bytes": found.app.blob_size,
        "from": ranges_json(found.follows),
        "name": found.name,
        "info": release.info,
        "published": when(release.added_s),
    }


def rollout_facts(operations: Operations, rollout: Rollout) -> dict[str, Any]:
    """A rollout and the devices in it."""
    policy, members = rollout.policy, operations.members(rollout.id)
    remaining = operations.remaining(rollout)
    done = sum(m.stage is Stage.DONE for _, m in members)
    here = sum(m.stage is not Stage.LEFT for _, m in members)
    return {
        "id": rollout.id,
        "release": rollout.release.id,
        "version": str(rollout.release.version),
        "image": rollout.release.image_digest.hex(),
        "info": rollout.release.info,
        "phase": rollout.phase.value,
        "stage": "everybody" if rollout.opened else "canary",
        "reason": rollout.reason or None,
        "canary": policy.canary,
        "silence_s": policy.silence_s,
        "confirm_after_s": policy.confirm_after_s,
        "max_failures": policy.max_failures,
        "current": ranges_json(policy.current),
        "created": when(rollout.added_s),
        "remaining": remaining,
        "complete": rollout.opened and done == here > 0 and remaining == 0,
        "counts": Counter(m.stage.value for _, m in members),
        "devices": [
            {
                "id": live.device.id.hex(),
                "stage": member.stage.value,
                "failure": member.failure.value or None,
                "detail": member.detail or None,
                "version": running_version(live.device.status),
                "heard": when(live.seen_s),
            }
            for live, member in members
        ],
    }


def device_facts(live: Live) -> dict[str, Any]:
    """A device, one line of a list."""
    device = live.device
    return {
        "id": device.id.hex(),
        "standing": device.standing.value,
        "version": running_version(device.status) or None,
        "heard": when(live.seen_s),
        "heard_s_ago": max(0, int(time.time()) - live.seen_s) if live.seen_s else None,
        "rollouts": {str(i): m.stage.value for i, m in live.members.items()},
    }


def device_details(live: Live, reports: list[StoredReport]) -> dict[str, Any]:
    """All that is known of a device."""
    device = live.device
    return device_facts(live) | {
        "status": device.status,
        "added": when(device.added_s),
        "boot_count": live.seq >> 32 if live.seq >= 0 else None,
        "resyncs": device.resyncs,
        "stale_polls": live.stale_polls,
        "perhaps_copied": device.resyncs >= 3,
        "members": [
            {"rollout": i, "stage": m.stage.value, "detail": m.detail or None}
            for i, m in live.members.items()
        ],
        "reports": [
            {
                "at": when(r.at_s),
                "boot": r.boot,
                "kind": kind_words(r.report.kind),
                "image": r.report.digest.hex(),
                "code": r.report.code,
                "words": report_words(r.report) or None,
            }
            for r in reports
        ],
    }
