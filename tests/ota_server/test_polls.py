# SPDX-License-Identifier: Apache-2.0
"""The wire between device and server: what is refused, what changes nothing, what is told again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from unitool.formats import cbor, cose
from unitool.formats.answer import Code, open_answer
from unitool.formats.messages import ReportKind
from unitool.formats.reasons import AuthError

from .conftest import DeviceMaker
from .device import Device, Refused
from .server_process import ServerProcess


def status_of(device: Device, message: bytes) -> int:
    response = device.http.post(f"{device.server}/v1/poll", content=message)
    if response.status_code != 200:
        assert response.content == b"", "a refusal says nothing"
    return response.status_code


def resync_of(device: Device, message: bytes) -> bytes | None:
    actions = device.post(message).actions
    return next((a.argument for a in actions if a.code is Code.RESYNC), None)


@pytest.fixture
def device(make_device: DeviceMaker) -> Device:
    device = make_device()
    device.join()
    return device


def test_nothing_to_do_is_an_authentic_answer(device: Device) -> None:
    for _ in range(3):
        found = device.poll()
        assert found.actions == ()
        assert found.next_poll_s == 1


def test_answer_is_bound_to_its_poll(device: Device) -> None:
    first, second = device.poll_message(), device.poll_message()
    response = device.http.post(f"{device.server}/v1/poll", content=first)
    with pytest.raises(AuthError):
        open_answer(response.content, device.k_answer, second[-32:])


def test_replayed_poll_changes_nothing_and_is_told_the_same_generation(device: Device) -> None:
    old = device.poll_message()
    assert resync_of(device, old) is None
    told = {resync_of(device, old) for _ in range(3)}
    assert len(told) == 1
    assert told != {None}
    assert device.poll().actions == (), "the device itself goes on with its generation"


def test_replayed_report_is_not_stored(server: ServerProcess, device: Device) -> None:
    device.report(ReportKind.CRASH, b"x" * 32)
    message = device.poll_message()
    device.post(message)
    for _ in range(3):
        device.post(message)
    told = server.client.get(f"/devices/{device.id.hex()}")
    assert len(told["reports"]) == 1
    assert told["stale_polls"] == 3


def test_lost_journal_resyncs(server: ServerProcess, device: Device) -> None:
    device.generation, device.boot, device.polls = b"", 1, 0
    found = device.poll()
    assert [a.code for a in found.actions] == [Code.RESYNC]
    assert device.poll().actions == ()
    assert server.client.get(f"/devices/{device.id.hex()}")["resyncs"] == 1


def test_two_devices_of_one_identity_are_noticed(
    server: ServerProcess, make_device: DeviceMaker
) -> None:
    one, other = make_device(9), make_device(9)
    one.join()
    for _ in range(3):
        other.step()
        other.step()
        one.step()
        one.step()
    assert server.client.get(f"/devices/{one.id.hex()}")["perhaps_copied"]


def test_seq_must_grow_but_may_jump(device: Device) -> None:
    device.polls += 100
    assert device.poll().actions == ()
    device.polls -= 50
    assert [a.code for a in device.poll().actions] == [Code.RESYNC]


def test_seq_uses_all_64_bits(device: Device) -> None:
    device.boot = (1 << 32) - 1
    assert device.poll().actions == ()
    assert device.poll().actions == ()


def test_seq_survives_a_clean_stop(server: ServerProcess, device: Device) -> None:
    message = device.poll_message()
    device.post(message)
    server.stop()
    server.start()
    assert resync_of(device, message) is not None


def test_wrong_mac_is_403(device: Device) -> None:
    message = bytearray(device.poll_message())
    message[-1] ^= 1
    assert status_of(device, bytes(message)) == 403


def test_every_flipped_bit_of_a_poll_is_refused(device: Device) -> None:
    message = device.poll_message()
    for bit in range(0, len(message) * 8, 7):
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        assert status_of(device, bytes(changed)) in (400, 403)
    assert device.post(message).actions == ()


def test_unknown_device_is_403(make_device: DeviceMaker) -> None:
    stranger = make_device(77, listed=False)
    with pytest.raises(Refused) as refused:
        stranger.poll()
    assert refused.value.status == 403


def test_poll_reflected_as_another_type_is_refused(device: Device) -> None:
    facts = device.poll_facts()
    for typ in (cose.Type.ANSWER, cose.Type.ENROL, cose.Type.MANIFEST):
        message = cose.mac0(typ, device.kid, device.k_poll, facts.encode())
        assert status_of(device, message) in (400, 403)


def test_poll_to_another_server_key_is_400(device: Device) -> None:
    assert status_of(device, device.poll_facts().seal(device.k_poll, b"\0" * 8)) == 400


def test_malformed_bodies(device: Device) -> None:
    facts = device.poll_facts()
    sealed: Callable[[bytes], bytes] = lambda payload: cose.mac0(  # noqa: E731
        cose.Type.POLL, device.kid, device.k_poll, payload
    )
    payload = facts.encode()
    fields = cbor.decode(payload)
    assert isinstance(fields, dict)
    for body in (
        b"",
        b"\x84",
        b"{}",
        bytes(2048),
        device.poll_message() + b"\0",
        sealed(payload + b"\0"),
        sealed(cbor.encode({k: v for k, v in fields.items() if k != 4})),
        sealed(cbor.encode(fields | {63: 0})),
        sealed(cbor.encode(fields | {4: []})),
        sealed(cbor.encode(fields | {12: device.public})),
        sealed(replace(facts, components=(replace(facts.app, running=7),)).encode()),
    ):
        assert status_of(device, body) == 400, body.hex()
    assert status_of(device, bytes(2049)) == 413
    assert status_of(device, bytes(1 << 20)) == 413
    assert device.poll().actions == ()


def test_unknown_fields_from_64_up_are_skipped(device: Device) -> None:
    fields = cbor.decode(device.poll_facts().encode())
    assert isinstance(fields, dict)
    payload = cbor.encode(fields | {64: "later"})
    message = cose.mac0(cose.Type.POLL, device.kid, device.k_poll, payload)
    assert device.post(message).actions == ()


def test_other_methods_and_paths(server: ServerProcess) -> None:
    with httpx.Client(base_url=server.devices, trust_env=False) as http:
        assert http.get("/v1/poll").status_code in (404, 405)
        assert http.post("/v1/nothing").status_code == 404
        assert http.get("/api/v1/status").status_code == 404, "operators have their own port"


def test_traceback_never_reaches_a_client(server: ServerProcess, device: Device) -> None:
    for body in (b"\xff" * 200, b"\x9f" * 200, b"\x84" * 2048):
        response = device.http.post(f"{device.server}/v1/poll", content=body)
        assert b"Traceback" not in response.content


# ---- enrolment


def test_unlisted_device_waits_for_approval(
    server: ServerProcess, make_device: DeviceMaker
) -> None:
    device = make_device(5, listed=False)
    for _ in range(2):
        assert device.enrol().actions == ()
    assert device.generation == b""
    waiting = server.client.get("/devices", standing="pending")
    assert [d["id"] for d in waiting] == [device.id.hex()]
    server.client.post(f"/devices/{device.id.hex()[:6]}/approve")
    device.join()
    assert device.poll().actions == ()


def test_enrolment_may_be_repeated(device: Device) -> None:
    for _ in range(3):
        device.enrol()
    assert device.poll().actions == ()


def test_token_enrols_once(server: ServerProcess, make_device: DeviceMaker) -> None:
    token = bytes.fromhex(server.client.post("/tokens")["token"])
    device = make_device(6, listed=False, token=token)
    device.enrol()
    device.enrol()
    device.poll()
    thief = make_device(7, listed=False, token=token)
    with pytest.raises(Refused) as refused:
        thief.enrol()
    assert refused.value.status == 403


def test_token_for_a_device_is_of_no_use_to_another(
    server: ServerProcess, make_device: DeviceMaker
) -> None:
    mine = make_device(8, listed=False)
    facts = server.client.post("/tokens", {"device": mine.id.hex()})
    token = bytes.fromhex(facts["token"])
    other = make_device(10, listed=False, token=token)
    with pytest.raises(Refused):
        other.enrol()
    again = make_device(8, listed=False, token=token)
    again.join()
    assert again.poll().actions == ()


def test_token_survives_a_restart_and_is_not_stored_readable(
    server: ServerProcess, make_device: DeviceMaker
) -> None:
    token = bytes.fromhex(server.client.post("/tokens")["token"])
    server.kill()
    for file in server.data.glob("server.db*"):
        assert token not in file.read_bytes()
    server.start()
    make_device(11, listed=False, token=token).join()


def test_device_keys_are_not_stored(server: ServerProcess, device: Device) -> None:
    device.poll()
    server.stop()
    for file in server.data.glob("server.db*"):
        content = file.read_bytes()
        assert device.k_poll not in content
        assert device.k_answer not in content


def test_enrolment_with_a_foreign_id_is_malformed(device: Device) -> None:
    facts = replace(device.poll_facts(), device=b"\1" * 16, public=device.public)
    assert status_of(device, facts.seal(device.k_enrol, device.kid)) == 400


def test_enrolment_with_no_point_of_the_curve_is_malformed(device: Device) -> None:
    from unitool.formats import p256

    public = b"\1" * 64
    facts = replace(device.poll_facts(), device=p256.device_id(public), public=public)
    assert status_of(device, facts.seal(device.k_enrol, device.kid)) == 400


def test_enrolment_under_the_wrong_key_is_403(device: Device) -> None:
    facts = replace(device.poll_facts(), public=device.public)
    assert status_of(device, facts.seal(device.k_poll, device.kid)) == 403
