# SPDX-License-Identifier: Apache-2.0
"""Polls and answers: both ends agree, the fast path equals the slow one, nothing else passes."""

from __future__ import annotations

import hmac
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from unitool.errors import FormatError
from unitool.formats import answer, cbor, cose, messages, p256, reasons
from unitool.formats.answer import Action, Answer, Code
from unitool.formats.fastpath import Envelopes
from unitool.formats.messages import Poll, Purpose

from .samples import CID, VID, digests, flipped, key, points, u8, u32, u64, uuids, versions

DEVICE, SERVER = key("device"), key("server")
DEVICE_XY, SERVER_XY = p256.public(DEVICE), p256.public(SERVER)
KID = p256.kid(SERVER_XY)
Z = p256.ecdh(DEVICE, SERVER_XY)
K = {purpose: messages.derive_key(Z, purpose, DEVICE_XY, SERVER_XY) for purpose in Purpose}
ENVELOPES = Envelopes(SERVER_XY)

maybe_u32 = st.one_of(st.none(), u32)
slots = st.builds(
    messages.SlotStatus,
    slot=u8,
    state=u8,
    version=st.one_of(st.none(), versions),
    digest=st.one_of(st.none(), digests),
    counter=maybe_u32,
    offset_or_tries=maybe_u32,
    reason=maybe_u32,
)
polls = st.builds(
    Poll,
    device=uuids,
    generation=st.one_of(st.just(b""), st.binary(min_size=8, max_size=8)),
    seq=u64,
    components=st.builds(
        messages.ComponentStatus,
        vid=uuids,
        cid=uuids,
        running=u8,
        slots=st.lists(slots, min_size=1, max_size=2).map(tuple),
    ).map(lambda c: (c,)),
    boot=st.builds(
        messages.BootStatus,
        count=u32,
        reset_reason=u8,
        crashes=u8,
        mode=u8,
        phases=st.tuples(u32, u32, u32, u32),
    ),
    capabilities=u32,
    slot_bytes=u32,
    chunk_bytes=u32,
    reports=st.lists(
        st.builds(
            messages.Report,
            kind=u8,
            digest=digests,
            code=st.integers(-(1 << 31), (1 << 32) - 1),
            text=st.one_of(st.none(), st.text(st.characters(codec="ascii"), max_size=64)),
        ),
        max_size=4,
    ).map(tuple),
    epoch=u32,
    public=st.one_of(st.none(), points),
    crash=st.one_of(
        st.none(),
        st.builds(
            messages.Crash,
            build_id=st.binary(min_size=20, max_size=20),
            slot_base=u32,
            reason=u32,
            pc=u32,
            lr=u32,
            sp=u32,
            fault=st.lists(u32, max_size=8).map(tuple),
        ),
    ),
)


def make_poll(seq: int = 1) -> Poll:
    status = messages.ComponentStatus(
        vid=VID, cid=CID, running=0, slots=(messages.SlotStatus(slot=0, state=4),)
    )
    return Poll(
        device=p256.device_id(DEVICE_XY),
        generation=bytes(8),
        seq=seq,
        components=(status,),
        boot=messages.BootStatus(count=1, reset_reason=1),
        slot_bytes=1 << 20,
        chunk_bytes=16384,
        epoch=1,
    )


@given(polls)
def test_poll_round_trip(made: Poll) -> None:
    assert messages.decode_poll(made.encode()) == made


@given(polls)
@settings(max_examples=50)
def test_server_opens_what_the_device_seals(made: Poll) -> None:
    purpose = Purpose.POLL if made.public is None else Purpose.ENROL
    raw = ENVELOPES.open(made.seal(K[purpose], KID))
    raw.check(K[purpose])
    assert raw.device == made.device
    assert raw.enrol == (made.public is not None)
    assert messages.decode_poll(raw.payload) == made


actions = st.one_of(
    st.builds(Action, st.sampled_from([Code.OFFER, Code.KEYSET]), st.binary(max_size=300)),
    st.builds(
        Action, st.sampled_from([Code.GO, Code.CONFIRM, Code.BOOT_OTHER, Code.SEAL]), digests
    ),
    st.builds(Action, st.just(Code.RESYNC), st.binary(min_size=8, max_size=8)),
)


@given(u32, st.lists(actions, max_size=4), digests)
def test_answer_round_trip_on_both_paths(seconds: int, listed: list[Action], tag: bytes) -> None:
    made = Answer(seconds, tuple(listed))
    slow = made.seal(K[Purpose.ANSWER], KID, tag)
    assert ENVELOPES.answer(made.encode(), K[Purpose.ANSWER], tag) == slow
    assert answer.open_answer(slow, K[Purpose.ANSWER], tag) == made


def accepted(message: bytes, fast: bool) -> bool:
    try:
        if fast:
            ENVELOPES.open(message).check(K[Purpose.POLL])
        else:
            envelope = cose.parse_mac0(message, cose.Type.POLL)
            envelope.check(K[Purpose.POLL])
    except FormatError:
        return False
    return True


def test_every_flipped_bit_of_a_poll_is_refused_on_both_paths() -> None:
    message = make_poll().seal(K[Purpose.POLL], KID)
    assert accepted(message, True)
    assert accepted(message, False)
    for bit in range(8 * len(message)):
        spoiled = flipped(message, bit)
        assert not accepted(spoiled, True)
        assert not accepted(spoiled, False)


def test_every_truncation_of_a_poll_is_refused_on_both_paths() -> None:
    message = make_poll().seal(K[Purpose.POLL], KID)
    for size in range(len(message)):
        assert not accepted(message[:size], True)
        assert not accepted(message[:size], False)


@given(st.binary(max_size=200))
def test_whatever_is_posted_raises_nothing_but_format_errors(body: bytes) -> None:
    head = make_poll().seal(K[Purpose.POLL], KID)[:34]
    for data in (body, head + body, head + b"\x58" + body + b"\x58\x20" + bytes(32)):
        assert not accepted(data, True)
        assert not accepted(data, False)


@given(st.binary(min_size=1, max_size=400), st.sampled_from([0x58, 0x59, 0x40, 0x5A]))
def test_payload_length_in_another_form_is_refused_even_with_a_right_mac(
    payload: bytes, head: int
) -> None:
    """Whoever knows the key must not get two encodings of one poll past the server."""
    content = b"\xab\x01\x50" + bytes(16) + payload
    sizes = {0x58: 1, 0x59: 2, 0x5A: 4, 0x40: 0}
    size = len(content) & ((1 << 8 * sizes[head]) - 1 if sizes[head] else 0)
    string = bytes([head]) + size.to_bytes(sizes[head], "big") + content
    protected = cbor.encode_bytes(cose.protected_header(cose.HMAC_256, KID, cose.Type.POLL))
    covered = b"\x84\x64MAC0" + protected + b"\x40" + string
    tag = hmac.digest(K[Purpose.POLL], covered, "sha256")
    message = b"\x84" + protected + b"\xa0" + string + b"\x58\x20" + tag
    strict = string == cbor.encode(content)
    assert accepted(message, True) == accepted(message, False) == strict


def test_man_in_the_middle_gets_nothing_accepted() -> None:
    poll, other = make_poll(1), make_poll(2)
    sealed = poll.seal(K[Purpose.POLL], KID)
    tag, other_tag = sealed[-32:], other.seal(K[Purpose.POLL], KID)[-32:]
    good = Answer(300).seal(K[Purpose.ANSWER], KID, tag)
    assert answer.open_answer(good, K[Purpose.ANSWER], tag) == Answer(300)
    with pytest.raises(reasons.AuthError):  # an old answer, replayed
        answer.open_answer(good, K[Purpose.ANSWER], other_tag)
    with pytest.raises(FormatError):  # the poll, reflected
        answer.open_answer(sealed, K[Purpose.ANSWER], tag)
    with pytest.raises(FormatError):  # a bare "nothing"
        answer.open_answer(b"", K[Purpose.ANSWER], tag)
    stranger = key("another device")
    shared = p256.ecdh(stranger, SERVER_XY)
    theirs = messages.derive_key(shared, Purpose.ANSWER, p256.public(stranger), SERVER_XY)
    with pytest.raises(reasons.AuthError):  # an answer for another device
        answer.open_answer(Answer(300).seal(theirs, KID, tag), K[Purpose.ANSWER], tag)


@pytest.mark.parametrize("token", [b"", bytes(range(16))])
def test_key_derivation_is_rfc_5869(token: bytes) -> None:
    info = cbor.encode(["unitool1", "enrol", DEVICE_XY, SERVER_XY, p256.device_id(DEVICE_XY)])
    other = HKDF(hashes.SHA256(), 32, token or None, info).derive(Z)
    assert messages.derive_key(Z, Purpose.ENROL, DEVICE_XY, SERVER_XY, token) == other


def test_both_ends_derive_the_same_keys_and_each_purpose_its_own() -> None:
    assert p256.ecdh(SERVER, DEVICE_XY) == Z
    assert len(set(K.values())) == len(Purpose)


@given(st.binary(max_size=100))
def test_random_payloads_raise_nothing_but_format_errors(data: bytes) -> None:
    for decode in (messages.decode_poll, answer.decode):
        with pytest.raises(FormatError):
            decode(data)


@given(polls, st.data())
@settings(max_examples=200)
def test_spoiled_polls_raise_nothing_but_format_errors(made: Poll, data: st.DataObject) -> None:
    payload = made.encode()
    spoiled = flipped(payload, data.draw(st.integers(0, 8 * len(payload) - 1)))
    with suppress(FormatError):
        assert messages.decode_poll(spoiled).encode() == spoiled
