# SPDX-License-Identifier: Apache-2.0
"""The operators' command line against the real server; every error is a sentence and a hint."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from unitool.formats.answer import Code

from .bundles import Vendor, release
from .conftest import DeviceMaker
from .server_process import ServerProcess

_MAIN = "from unitool.cli import main; main()"


def unitool(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _MAIN, *map(str, words)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("UNITOOL")}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


def facts(*words: object) -> Any:
    done = unitool(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*words: object, cwd: Path | None = None) -> str:
    done = unitool(*words, cwd=cwd)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert "\n  hint: " in done.stderr
    return done.stderr


@pytest.fixture
def bundle(tmp_path: Path, vendor: Vendor) -> Path:
    path = tmp_path / "webdemo.uota"
    path.write_bytes(release(vendor, "2.0.0"))
    return path


def test_operators_day(
    server: ServerProcess, bundle: Path, make_device: DeviceMaker, tmp_path: Path
) -> None:
    at = ("--data", server.data)
    device = make_device(listed=False)
    (tmp_path / "ids.txt").write_text(f"# factory\n{device.id.hex()}\n\n")
    assert facts("device", "add", tmp_path / "ids.txt", *at) == {"added": 1}
    device.step()
    device.step()
    published = unitool("publish", bundle, *at)
    assert "release 1: webdemo 2.0.0 for rev-a, 5" in published.stdout
    assert "next: unitool rollout create 1" in published.stdout
    assert facts("rollout", "create", 1, "--confirm-after-s", 0, *at)[0]["id"] == 1
    codes = [code for _ in range(6) for code in device.step()]
    assert codes == [Code.OFFER, Code.GO, Code.CONFIRM]
    shown = unitool("rollout", "status", 1, *at)
    assert "running, everybody (canary 1); complete: 1 device done" in shown.stdout
    assert "complete: 1 device done" in unitool("rollout", "status", *at).stdout
    listed = unitool("device", "list", *at)
    assert device.id.hex() in listed.stdout
    assert "2.0.0" in listed.stdout
    one = unitool("device", "show", device.id.hex()[:8], *at)
    assert "slot B: confirmed 2.0.0" in one.stdout
    assert "installed" in one.stdout
    for verb, phase in (("pause", "paused"), ("resume", "running"), ("abort", "aborted")):
        assert facts("rollout", verb, 1, *at)["phase"] == phase


def test_approval_and_tokens(server: ServerProcess, make_device: DeviceMaker) -> None:
    at = ("--data", server.data)
    device = make_device(3, listed=False)
    device.step()
    listed = unitool("device", "list", "--standing", "pending", *at)
    assert "pending approval" in listed.stdout
    assert "next: unitool device approve ID" in listed.stdout
    assert facts("device", "approve", device.id.hex()[:10], *at)["id"] == device.id.hex()
    device.step()
    assert facts("device", "list", *at)[0]["standing"] == "enrolled"
    token = facts("device", "token", *at)["token"]
    make_device(4, listed=False, token=bytes.fromhex(token)).join()
    unitool("device", "token", "--value", "5a" * 16, *at)
    make_device(5, listed=False, token=b"\x5a" * 16).join()
    assert "known already" in refused("device", "token", "--value", "5a" * 16, *at)


def test_approval_before_the_device_knocks(server: ServerProcess, make_device: DeviceMaker) -> None:
    device = make_device(3, listed=False)
    unitool("device", "approve", device.id.hex(), "--data", server.data)
    device.join()
    assert device.poll().actions == ()


def test_serve_prints_url_folder_and_next_step(server: ServerProcess) -> None:
    printed = server.log.read_text()
    assert server.devices in printed
    assert server.operators in printed
    assert str(server.data) in printed
    assert "next: unitool publish" in printed


def test_secrets_are_the_owners_only(server: ServerProcess) -> None:
    assert stat.S_IMODE((server.data / "operator.token").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_operators_listen_on_the_loopback_only(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", host="0.0.0.0") as server:
        assert server.operators.startswith("http://127.0.0.1:")
        assert stat.S_IMODE((server.data / "server.pem").stat().st_mode) == 0o600
        key = (server.data / "server.pem").read_bytes()
        server.stop()
        server.start()
        assert (server.data / "server.pem").read_bytes() == key


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic x", "Bearer \xe4"])
def test_without_the_token_nothing_is_told(server: ServerProcess, header: str | None) -> None:
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
    with httpx.Client(base_url=server.operators, trust_env=False) as http:
        for path in ("/status", "/devices", "/rollouts", "/releases", "/events", "/devices/ab"):
            found = http.get("/api/v1" + path, headers=headers)
            assert found.status_code == 401
            assert set(found.json()) == {"error", "hint"}
        assert http.post("/api/v1/rollouts", headers=headers).status_code == 401


def test_operators_requests_that_make_no_sense(server: ServerProcess) -> None:
    token = (server.data / "operator.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.operators + "/api/v1", headers=headers) as http:
        for body in ("{", "[]", '"x"', "[" * 100_000, '{"release": "1"}', '{"release": -1}'):
            assert http.post("/rollouts", content=body).status_code == 422, body[:20]
        nonsense: list[Any] = ["x", [["1.0.0"]], [["a", "b"]], [[[], {}]]]
        for current in nonsense:
            asked = {"release": 1, "current": current}
            assert http.post("/rollouts", json=asked).status_code == 422, current
        for ids in (None, "x", ["xy"], [1]):
            assert http.post("/devices", json={"ids": ids}).status_code == 422
        assert http.post("/rollouts", content=b" " * (5 << 20)).status_code == 413
        assert http.post("/keysets", content=b"\xa0" * 2000).status_code == 413
        assert http.get("/nothing").status_code == 404
        assert http.delete("/rollouts").status_code == 405
        assert http.get("/rollouts/99999999999999999999").status_code == 404


def test_no_server_here(tmp_path: Path) -> None:
    text = refused("rollout", "status", cwd=tmp_path)
    assert "no server has run in unitool-server" in text
    assert "unitool serve" in text


def test_server_not_reachable(server: ServerProcess) -> None:
    server.stop()
    text = refused("device", "list", "--data", server.data)
    assert f"no server answers at {server.operators}" in text
    assert "hint: start it: unitool serve" in text


def test_wrong_token(server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "operator.token").write_text("wrong\n")
    text = refused("device", "list", "--data", tmp_path / "other", "--server", server.operators)
    assert "does not accept this operator's token" in text
    assert "--data DIR" in text


def test_refused_bundle(server: ServerProcess, bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    content[-400] ^= 1
    bundle.write_bytes(content)
    assert "does not match its digest" in refused("publish", bundle, "--data", server.data)


def test_disk_that_takes_no_bundle(server: ServerProcess, bundle: Path) -> None:
    unfinished = server.data / "blobs" / "unfinished"
    unfinished.rmdir()
    text = refused("publish", bundle, "--data", server.data)
    assert "the server could not store this: No such file or directory" in text
    assert "the disk of its data folder" in text
    unfinished.mkdir()
    assert unitool("publish", bundle, "--data", server.data).returncode == 0


def test_vendor_without_keyset_then_with(tmp_path: Path, bundle: Path, vendor: Vendor) -> None:
    with ServerProcess(tmp_path / "bare") as server:
        assert "unitool publish FILE.uota --keyset" in server.log.read_text()
        text = refused("publish", bundle, "--data", server.data)
        assert "no keyset for vendor" in text
        assert "--keyset" in text
        (tmp_path / "keyset.cose").write_bytes(vendor.keyset())
        done = unitool(
            "publish", bundle, "--keyset", tmp_path / "keyset.cose", "--data", server.data
        )
        assert "keyset of epoch 1 is trusted" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("rollout", "create", 7), "no release 7"),
        (("rollout", "status", 7), "no rollout 7"),
        (("rollout", "pause", 7), "no rollout 7"),
        (("device", "show", "abcd"), "no device with an id that starts with 'abcd'"),
        (("device", "approve", "abcd"), "no device with an id that starts with 'abcd'"),
    ],
)
def test_errors_are_sentences(
    server: ServerProcess, words: tuple[object, ...], sentence: str
) -> None:
    assert sentence in refused(*words, "--data", server.data)


def test_second_server_on_one_folder(server: ServerProcess) -> None:
    text = refused("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert "another server runs on" in text


def test_port_in_use(server: ServerProcess, tmp_path: Path) -> None:
    listen = server.devices.removeprefix("http://")
    text = refused("serve", "--data", tmp_path / "second", "--listen", listen)
    assert f"cannot listen on {listen}: Address already in use" in text
    assert "--listen HOST:PORT" in text


def test_wrong_usage_is_2(server: ServerProcess) -> None:
    for words in (
        ("rollout", "create"),
        ("rollout", "status", "x"),
        ("serve", "--listen", "nowhere"),
        ("device", "token", "xyz", "--data", server.data),
        ("device", "add", "nothing.txt", "--data", server.data),
    ):
        assert unitool(*words).returncode == 2
