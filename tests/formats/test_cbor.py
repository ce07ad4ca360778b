# SPDX-License-Identifier: Apache-2.0
"""Deterministic CBOR: one encoding per item, everything else refused."""

from __future__ import annotations

from contextlib import suppress

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unitool.errors import FormatError
from unitool.formats import cbor

from .samples import flipped

leaves = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1), st.binary(max_size=300), st.text(max_size=30)
)
items = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.one_of(st.integers(-300, 70000), st.binary(max_size=4), st.text(max_size=4)),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(items)
def test_round_trip(item: cbor.Item) -> None:
    encoded = cbor.encode(item)
    try:
        assert cbor.decode(encoded) == item
    except FormatError as error:
        assert "deeper" in error.message


@given(items)
def test_another_decoder_reads_the_same(item: cbor.Item) -> None:
    assert cbor2.loads(cbor.encode(item)) == item


@given(st.binary(max_size=60))
@settings(max_examples=500)
def test_what_is_accepted_is_the_encoding_of_what_it_says(data: bytes) -> None:
    try:
        item = cbor.decode(data)
    except FormatError:
        return
    assert cbor.encode(item) == data


@given(items, st.data())
@settings(max_examples=300)
def test_flipped_bits_never_give_a_second_encoding(item: cbor.Item, data: st.DataObject) -> None:
    encoded = cbor.encode(item)
    spoiled = flipped(encoded, data.draw(st.integers(0, 8 * len(encoded) - 1)))
    with suppress(FormatError):
        assert cbor.encode(cbor.decode(spoiled)) == spoiled


def test_hostile_nesting_and_lengths_cost_nothing() -> None:
    for data in (b"\x81" * 100_000, b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8, b"\xa1" * 5000):
        with pytest.raises(FormatError):
            cbor.decode(data)


@given(st.binary(max_size=70_000).filter(lambda b: len(b) < 65_536))
@settings(max_examples=20)
def test_byte_strings_by_hand_are_the_same(data: bytes) -> None:
    assert cbor.encode_bytes(data) == cbor.encode(data)
