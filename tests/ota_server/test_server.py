# SPDX-License-Identifier: Apache-2.0
"""The whole course against the real server: publish, roll out, update, fail, halt."""

from __future__ import annotations

import time
from typing import Any

from unitool.formats.answer import Code
from unitool.formats.messages import ReportKind
from unitool.formats.version import Version

from .bundles import Vendor, release
from .conftest import DeviceMaker
from .device import Device
from .server_process import ServerProcess


def publish(server: ServerProcess, bundle: bytes) -> int:
    releases = server.client.send("/releases", [bundle], len(bundle))
    return int(releases[0]["id"])


def roll_out(server: ServerProcess, bundle: bytes, **policy: Any) -> int:
    asked = {"release": publish(server, bundle), "confirm_after_s": 0} | policy
    return int(server.client.post("/rollouts", asked)["id"])


def settle(device: Device, steps: int = 8) -> list[Code]:
    return [code for _ in range(steps) for code in device.step()]


def show(server: ServerProcess, id_: int) -> Any:
    return server.client.get(f"/rollouts/{id_}")


def test_update_course_of_one_device(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    device.step()
    id_ = roll_out(server, release(vendor, "2.0.0"))
    codes = settle(device)
    assert [c for c in codes if c is not Code.RESYNC] == [Code.OFFER, Code.GO, Code.CONFIRM]
    assert device.runs == Version(2)
    facts = show(server, id_)
    assert facts["counts"] == {"done": 1}
    assert facts["complete"]
    assert facts["stage"] == "everybody"
    told = server.client.get(f"/devices/{device.id.hex()}")
    assert [r["kind"] for r in told["reports"]] == ["confirmed", "installed"]
    assert told["version"] == "2.0.0"


def test_crashing_release_halts_at_the_canary_and_says_why(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    devices = [make_device(seed) for seed in range(4)]
    for device in devices:
        settle(device, 2)
    bundle = release(vendor, "3.0.0")
    id_ = roll_out(server, bundle, canary=1)
    image = bytes.fromhex(show(server, id_)["image"])
    for device in devices:
        device.broken.add(image)
    for _ in range(6):
        for device in devices:
            device.step()
    facts = show(server, id_)
    assert facts["phase"] == "halted"
    assert facts["counts"] == {"failed": 1}
    assert (facts["remaining"], facts["complete"]) == (3, False)
    canary = facts["devices"][0]["id"][:8]
    assert facts["reason"] == (
        f"device {canary} rolled back from 3.0.0 to 1.0.0: "
        "it crashed until its tries were used up; assert main.c:12"
    )
    assert all(d.runs == Version(1) for d in devices)
    assert any(e["text"].startswith(f"rollout {id_} halted") for e in server.client.get("/events"))


def test_silence_after_go_halts(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 2)
    id_ = roll_out(server, release(vendor, "2.0.0"), silence_s=1)
    device.step()
    assert device.step() == [Code.GO]
    deadline = time.monotonic() + 10
    while show(server, id_)["phase"] == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    facts = show(server, id_)
    assert facts["phase"] == "halted"
    assert "fell silent after go for 2.0.0: not heard for" in facts["reason"]


def test_pause_resume_abort(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 2)
    id_ = roll_out(server, release(vendor, "2.0.0"))
    device.step()
    server.client.post(f"/rollouts/{id_}/pause")
    assert settle(device, 3) == []
    server.client.post(f"/rollouts/{id_}/resume")
    assert device.step() == [Code.GO]
    server.client.post(f"/rollouts/{id_}/abort")
    assert settle(device, 3) == [], "no confirmation from an aborted rollout"
    device.revert()
    assert settle(device, 3) == []
    assert device.runs == Version(1)
    assert show(server, id_)["phase"] == "aborted"


def test_reverted_device_is_retried_only_when_told(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 2)
    id_ = roll_out(server, release(vendor, "2.0.0"))
    device.step()
    device.step()
    device.revert()
    assert settle(device, 3) == []
    assert "no confirmation in time" in show(server, id_)["reason"]
    server.client.post(f"/rollouts/{id_}/resume")
    assert settle(device, 3) == []
    server.client.post(f"/rollouts/{id_}/pause")
    server.client.post(f"/rollouts/{id_}/resume", {"retry": True})
    device.slots[1 - device.running] = type(device.slots[0])(state=device.slots[0].state.EMPTY)
    assert settle(device, 5) == [Code.OFFER, Code.GO, Code.CONFIRM]


def test_stepping_stones(server: ServerProcess, vendor: Vendor, make_device: DeviceMaker) -> None:
    device = make_device()
    settle(device, 2)
    only = ((Version(2), Version(2, 255)),)
    roll_out(server, release(vendor, "3.0.0", follows=only), canary=0)
    assert settle(device, 2) == []
    roll_out(server, release(vendor, "2.0.0"), canary=0)
    codes = settle(device, 10)
    assert codes == [Code.OFFER, Code.GO, Code.CONFIRM] * 2
    assert device.runs == Version(3)


def test_everything_survives_a_restart_in_the_middle_of_an_update(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 2)
    id_ = roll_out(server, release(vendor, "2.0.0"))
    codes = []
    for _ in range(6):
        codes += device.step()
        server.kill()
        server.start()
    assert codes == [Code.OFFER, Code.GO, Code.CONFIRM]
    assert show(server, id_)["counts"] == {"done": 1}


def test_image_that_crashes_soon_after_its_first_poll_is_not_kept(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 2)
    id_ = roll_out(server, release(vendor, "2.0.0"), confirm_after_s=60)
    settle(device, 2)
    assert device.runs == Version(2)
    assert settle(device, 5) == [], "it has not run for long"
    device.boot, device.polls = device.boot + 1, 0
    device.report(ReportKind.CRASH, device.slots[device.running].digest or b"", code=1)
    assert settle(device, 2) == []
    assert show(server, id_)["phase"] == "halted"
    device.revert()
    assert settle(device, 3) == []


def test_image_is_kept_once_it_ran_long_enough(
    server: ServerProcess, vendor: Vendor, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 2)
    roll_out(server, release(vendor, "2.0.0"), confirm_after_s=1)
    assert settle(device, 4) == [Code.OFFER, Code.GO]
    assert device.poll().next_poll_s == 1
    time.sleep(1.1)
    assert device.step() == [Code.CONFIRM]


def test_stop_is_clean_with_open_connections(
    server: ServerProcess, make_device: DeviceMaker
) -> None:
    device = make_device()
    settle(device, 3)
    assert server.stop() == 0
    server.start()
    assert device.step() == []
