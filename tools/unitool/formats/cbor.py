# SPDX-License-Identifier: Apache-2.0
"""Deterministic CBOR (RFC 8949 section 4.2.1), and nothing else: every other form is refused.

Integers of 64 bits, byte strings, text strings, arrays and maps, nested at most eight deep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import cbor2

from unitool.formats.reasons import MalformedError, UnsupportedError

Item: TypeAlias = object  # int, bytes, str, list or dict; readers look before they use one

DEPTH_MAX = 8
SKIPPABLE_KEYS = range(64, 1 << 63)
_SIMPLE, _RESERVED_MIN = 7, 28  # major type; additional information of no length
_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}

T = TypeVar("T")


def encode(item: Item) -> bytes:
    """Return the one deterministic encoding of `item`."""
    return cbor2.dumps(_sorted(item))


def _sorted(item: Item) -> Item:
    """Sort maps by their keys' encoding; cbor2's canonical form sorts by length first."""
    if isinstance(item, dict):
        return {key: _sorted(item[key]) for key in sorted(item, key=cbor2.dumps)}
    if isinstance(item, list | tuple):
        return [_sorted(each) for each in item]
    return item


def encode_bytes(data: bytes) -> bytes:
    """Return `data` as a byte string; what the server's fast path puts together by hand."""
    size = len(data)
    if size < 24:
        return bytes([0x40 | size]) + data
    if size < 0x100:
        return bytes([0x58, size]) + data
    return b"\x59" + size.to_bytes(2, "big") + data


def decode(data: bytes) -> Item:
    """Return the item that `data` is, exactly; MalformedError says what breaks which rule."""
    item, end = _item(data, 0, 0)
    if end != len(data):
        raise MalformedError(f"{len(data) - end} bytes behind the CBOR item")
    return item


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Return major type, argument and the offset behind the head."""
    if at >= len(data):
        raise MalformedError("CBOR item is cut short")
    major, small = data[at] >> 5, data[at] & 0x1F
    at += 1
    if major == _SIMPLE and small < _RESERVED_MIN:
        raise UnsupportedError("CBOR floats and simple values are not used here")
    if small < 24:
        return major, small, at
    size = _ARGUMENT_BYTES.get(small)
    if size is None:
        raise MalformedError("CBOR item of indefinite or reserved length")
    if size > len(data) - at:
        raise MalformedError("CBOR item is cut short")
    argument = int.from_bytes(data[at : at + size], "big")
    if argument < 24 or (size > 1 and argument < 1 << (4 * size)):
        raise MalformedError("CBOR integer or length is not in its shortest form")
    return major, argument, at + size


def _item(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    major, argument, at = _head(data, at)
    if major == 0:
        return argument, at
    if major == 1:
        if argument >= 1 << 63:
            raise MalformedError("CBOR integer below -2^63")
        return -1 - argument, at
    if major in (2, 3):
        return _string(data, at, argument, major == 3)
    if major in (4, 5):
        if depth == DEPTH_MAX:
            raise MalformedError(f"CBOR nested deeper than {DEPTH_MAX}")
        if argument > len(data) - at:  # each item takes a byte at least
            raise MalformedError("CBOR item is cut short")
        return (_array if major == 4 else _map)(data, at, argument, depth + 1)
    raise UnsupportedError("CBOR tags are not used here")


def _string(data: bytes, at: int, size: int, text: bool) -> tuple[Item, int]:
    if size > len(data) - at:
        raise MalformedError("CBOR string is cut short")
    content = data[at : at + size]
    if not text:
        return content, at + size
    try:
        return content.decode(), at + size
    except UnicodeDecodeError:
        raise MalformedError("CBOR text is not UTF-8") from None


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[Item, int]:
    items = []
    for _ in range(count):
        item, at = _item(data, at, depth)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[Item, int]:
    items: dict[int | bytes | str, Item] = {}
    before = b""
    for _ in range(count):
        start = at
        key, at = _item(data, at, depth)
        if not isinstance(key, int | bytes | str):
            raise MalformedError("CBOR map key is an array or a map")
        if data[start:at] <= before:
            raise MalformedError("CBOR map keys are not sorted, or one stands twice")
        before = data[start:at]
        items[key], at = _item(data, at, depth)
    return items, at


# What readers of maps need: each takes the value and says which field is wrong.


class Fields:
    """Reads a map with small integer keys; unknown keys are refused by `done` if not skippable."""

    def __init__(self, item: Item, what: str) -> None:
        """`what` names the map in messages."""
        if not isinstance(item, dict):
            raise MalformedError(f"{what} is not a map")
        self._items: dict[object, Item] = dict(item)
        self.what = what

    def take(self, key: int, read: Callable[[Item, str], T]) -> T:
        """Read a mandatory field."""
        if key not in self._items:
            raise MalformedError(f"{self.what}: field {key} is missing")
        return read(self._items.pop(key), f"{self.what}: field {key}")

    def maybe(self, key: int, read: Callable[[Item, str], T]) -> T | None:
        """Read an optional field."""
        return self.take(key, read) if key in self._items else None

    def done(self) -> None:
        """Refuse keys that are critical and unknown."""
        for key in self._items:
            if not isinstance(key, int) or key not in SKIPPABLE_KEYS:
                raise UnsupportedError(f"{self.what}: unknown field {key!r}")


def uint(item: Item, what: str, limit: int = 1 << 32) -> int:
    """Read an unsigned integer below `limit`."""
    if not isinstance(item, int) or isinstance(item, bool) or not 0 <= item < limit:
        raise MalformedError(f"{what} is not an unsigned integer below {limit}")
    return item


def uint64(item: Item, what: str) -> int:
    """Read an unsigned integer of 64 bits."""
    return uint(item, what, 1 << 64)


def uint8(item: Item, what: str) -> int:
    """Read an unsigned integer of 8 bits."""
    return uint(item, what, 1 << 8)


def bstr(*sizes: int) -> Callable[[Item, str], bytes]:
    """Return a reader of byte strings of one of these sizes (none given: of any)."""

    def read(item: Item, what: str) -> bytes:
        if not isinstance(item, bytes) or (sizes and len(item) not in sizes):
            raise MalformedError(f"{what} is not a byte string of {sizes or 'any'} bytes")
        return item

    return read


def text(limit: int) -> Callable[[Item, str], str]:
    """Return a reader of text of at most `limit` bytes."""

    def read(item: Item, what: str) -> str:
        if not isinstance(item, str) or len(item.encode()) > limit:
            raise MalformedError(f"{what} is not text of at most {limit} bytes")
        return item

    return read


def array(
    read_each: Callable[[Item, str], T], low: int, high: int
) -> Callable[[Item, str], tuple[T, ...]]:
    """Return a reader of arrays of `low` to `high` items."""

    def read(item: Item, what: str) -> tuple[T, ...]:
        if not isinstance(item, list) or not low <= len(item) <= high:
            raise MalformedError(f"{what} is not an array of {low} to {high} items")
        return tuple(read_each(each, f"{what}[{i}]") for i, each in enumerate(item))

    return read
