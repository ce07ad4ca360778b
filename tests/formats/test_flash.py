# SPDX-License-Identifier: Apache-2.0
"""What lies in flash: blocks, the journal against a model, and power cuts between its steps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unitool.errors import FormatError
from unitool.formats import flash, p256, reasons, records
from unitool.formats.flash import BootParams, Identity, Policy
from unitool.formats.journal import Journal, Record, Step

from .samples import digests, flipped, key, points, u8, u16, u32, uuids

params = st.builds(
    BootParams,
    policy=st.sampled_from(Policy),
    floor=u32,
    vid=uuids,
    cid=uuids,
    fleet=uuids,
    root=points,
    spare=points,
    keyset=st.binary(max_size=1024),
)
identities = st.builds(
    Identity,
    private=digests,
    public=points,
    seed=digests,
    url=st.text(st.characters(codec="ascii"), max_size=128),
    token=uuids,
    development=st.booleans(),
)


@given(params)
def test_boot_params_round_trip(made: BootParams) -> None:
    assert BootParams.decode(made.encode()) == made


@given(identities)
def test_identity_round_trip(made: Identity) -> None:
    assert Identity.decode(made.encode()) == made
    assert len(made.encode()) == flash.IDENTITY_BYTES


@given(st.binary(max_size=1024), st.sampled_from([1, 4, 8, 256, 512]))
def test_trust_round_trip(keyset: bytes, unit: int) -> None:
    made = flash.encode_trust(keyset, unit)
    assert len(made) % unit == 0
    assert flash.decode_trust(made + b"\xff" * 100) == keyset


def sample_params() -> BootParams:
    public = p256.public(key("root"))
    ids = {"vid": bytes(16), "cid": bytes(16), "fleet": bytes(16)}
    return BootParams(**ids, root=public, spare=public, keyset=b"keyset")


def test_every_flipped_bit_is_refused() -> None:
    block = sample_params().encode()
    for bit in range(0, 8 * len(block), 7):
        with pytest.raises(FormatError):
            BootParams.decode(flipped(block, bit))
    copy = flash.encode_trust(b"keyset")
    for bit in range(8 * len(copy)):
        with pytest.raises(FormatError):
            flash.decode_trust(flipped(copy, bit))


def test_identity_is_not_written_if_nobody_could_read_it() -> None:
    """A record that cannot be read counts as none, and the device would get another key."""
    for url, error in (
        ("http://é.com", reasons.MalformedError),
        ("x" * 130, reasons.TooLargeError),
    ):
        with pytest.raises(error):
            Identity(private=bytes(32), public=bytes(64), seed=bytes(32), url=url).encode()


def test_boot_params_are_found_and_filled_in_place() -> None:
    boot = b"code".ljust(32, b"\x90") + flash.UNFILLED_PARAMS + b"more code"
    filled = flash.fill_boot_params(boot, sample_params())
    assert len(filled) == len(boot)
    assert (filled[:32], filled[-9:]) == (boot[:32], boot[-9:])
    assert BootParams.decode(filled[flash.find_boot_params(filled) :]) == sample_params()
    assert flash.fill_boot_params(filled, sample_params()) == filled


@pytest.mark.parametrize(
    "boot", [b"", b"no block here", flash.UNFILLED_PARAMS * 2, b"x" + flash.UNFILLED_PARAMS]
)
def test_bootloader_without_exactly_one_block_is_refused(boot: bytes) -> None:
    with pytest.raises(reasons.MalformedError):
        flash.find_boot_params(boot)


payloads = st.one_of(
    st.builds(records.Boot, count=u32, slot=u8, reset_reason=u8, crashes=u8),
    st.builds(
        records.Slot,
        state=u8,
        tries=u8,
        power_ons=u8,
        flags=u8,
        reason=u16,
        reverts=u8,
        offset=u32,
        counter=u32,
        digest=digests,
    ),
    st.builds(records.Floor, counter=u32, cid=uuids),
    st.builds(records.Keyset, epoch=u32, copy=u8, digest=digests),
    st.builds(records.Generation, generation=st.binary(min_size=8, max_size=8)),
    st.builds(records.Wear, budget=u8, hours=u8, highest=st.binary(min_size=8, max_size=8)),
)
appends = st.lists(st.tuples(payloads, st.integers(0, 1)), max_size=60)


def fresh(unit: int = 8, erased: int = 0xFF) -> Journal:
    blank = bytes([erased]) * (16 * max(64, unit))
    return Journal.open(blank, blank, unit, erased)


@given(payloads)
def test_record_round_trip(made: records.Payload) -> None:
    record = Record(sequence=1, type=made.TYPE, payload=made.encode())
    found = Record.decode(record.encode())
    assert found is not None
    assert found.decoded() == made


@given(appends, st.sampled_from([4, 64, 512]), st.sampled_from([0, 0xFF]))
@settings(max_examples=60)
def test_journal_is_a_map_of_the_latest(
    made: list[tuple[records.Payload, int]], unit: int, erased: int
) -> None:
    journal, model = fresh(unit, erased), {}
    for payload, about in made:
        journal.append(payload, key=about)
        model[(payload.TYPE, 0, about)] = payload
        state = journal.state()
        state.pop((0x01, 0, 0))
        assert {about: record.decoded() for about, record in state.items()} == model


def play(journal: Journal, steps: list[Step]) -> None:
    """Do flash operations by the rules of NOR: no place is written twice between erases."""
    for step in steps:
        sector = journal.sectors[step.sector]
        if step.data is None:
            sector[:] = bytes([journal.erased]) * len(sector)
            continue
        place = slice(step.offset, step.offset + len(step.data))
        assert set(sector[place]) == {journal.erased}
        sector[place] = step.data


@given(appends)
@settings(max_examples=60)
def test_power_cut_between_steps_leaves_the_state_before_or_after(
    made: list[tuple[records.Payload, int]],
) -> None:
    journal = fresh()
    for payload, about in made:
        before = journal.state()
        flashed = Journal.open(*map(bytes, journal.sectors), 8)
        journal.steps.clear()
        journal.append(payload, key=about)
        after = {k: r.payload for k, r in journal.state().items()}
        for step in journal.steps:
            play(flashed, [step])
            now = {k: r.payload for k, r in flashed.state().items()}
            assert now in ({k: r.payload for k, r in before.items()}, after)
        assert flashed.sectors == journal.sectors


@given(st.binary(max_size=2048), st.binary(max_size=2048))
def test_any_flash_content_is_read_without_a_crash(a: bytes, b: bytes) -> None:
    journal = Journal.open(a.ljust(1024, b"\xff"), b.ljust(1024, b"\xff"))
    journal.state()
    journal.append(records.Boot(count=1, slot=0, reset_reason=1))
    assert journal.state()[(0x02, 0, 0)].decoded() == records.Boot(count=1, slot=0, reset_reason=1)
