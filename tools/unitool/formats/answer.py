# SPDX-License-Identifier: Apache-2.0
"""Answers of docs/protocol.md as data: seconds to the next poll, and what is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from unitool.formats import cbor, cose
from unitool.formats.reasons import MalformedError, UnsupportedError

ACTIONS_MAX = 8


class Code(IntEnum):
    """What the server asks for; the argument's size in bytes stands in `_ARGUMENT`."""

    OFFER = 1
    GO = 2
    CONFIRM = 3
    RESYNC = 4
    KEYSET = 5
    BOOT_OTHER = 6
    SEAL = 7


_ARGUMENT: dict[Code, tuple[int, ...]] = {
    Code.OFFER: (),
    Code.GO: (32,),
    Code.CONFIRM: (32,),
    Code.RESYNC: (8,),
    Code.KEYSET: (),
    Code.BOOT_OTHER: (32,),
    Code.SEAL: (32,),
}


@dataclass(frozen=True, slots=True)
class Action:
    """One request and its argument: a manifest, a keyset, a digest or a generation."""

    code: Code
    argument: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to one poll."""

    next_poll_s: int
    actions: tuple[Action, ...] = ()

    def encode(self) -> bytes:
        """Return the payload."""
        actions = [[int(action.code), action.argument] for action in self.actions]
        return cbor.encode({1: self.next_poll_s, 2: actions})

    def seal(self, key: bytes, kid: bytes, poll_tag: bytes) -> bytes:
        """Return the message with K_answer, bound to the poll whose tag is given."""
        return cose.mac0(cose.Type.ANSWER, kid, key, self.encode(), poll_tag)


def decode(payload: bytes) -> Answer:
    """Read a payload; an unknown critical action refuses it."""
    fields = cbor.Fields(cbor.decode(payload), "answer")
    answer = Answer(
        fields.take(1, cbor.uint),
        fields.take(2, cbor.array(_action, 0, ACTIONS_MAX)),
    )
    fields.maybe(3, cbor.array(_skipped, 0, ACTIONS_MAX))  # none of these exists yet
    fields.done()
    return answer


def open_answer(message: bytes, key: bytes, poll_tag: bytes) -> Answer:
    """Return the answer to the poll with this tag; AuthError for any other."""
    envelope = cose.parse_mac0(message, cose.Type.ANSWER)
    envelope.check(key, poll_tag)
    return decode(envelope.payload)


def _action(item: cbor.Item, what: str) -> Action:
    if not isinstance(item, list) or not item or not isinstance(item[0], int):
        raise MalformedError(f"{what} is not an array that starts with a code")
    if item[0] not in set(Code):
        raise UnsupportedError(f"{what}: unknown critical action {item[0]}")
    code = Code(item[0])
    if len(item) != 2:
        raise MalformedError(f"{what}: {code.name} takes one argument")
    return Action(code, cbor.bstr(*_ARGUMENT[code])(item[1], what))


def _skipped(item: cbor.Item, what: str) -> None:
    if not isinstance(item, list) or not item or not isinstance(item[0], int):
        raise MalformedError(f"{what} is not an array that starts with a code")
