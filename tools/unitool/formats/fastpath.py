# SPDX-License-Identifier: Apache-2.0
"""The server's side of messages by slicing and concatenation: a poll is checked with one HMAC.

What passes here equals byte for byte what formats.cose would have accepted; the payload is decoded
by formats.messages only after its MAC was found right.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from unitool.formats import cbor, cose, p256
from unitool.formats.reasons import AuthError, MalformedError, TooLargeError

TAG_BYTES = 32
DEVICE_ID_BYTES = 16
_TAG_HEAD = b"\x58\x20"
_ID_HEAD = b"\x01\x50"  # key 1, byte string of 16
_ID_AT = 3  # behind the map's head and the two bytes above


@dataclass(frozen=True, slots=True)
class RawPoll:
    """A poll or enrolment whose envelope is of the right form; unchecked."""

    enrol: bool
    device: bytes
    payload: bytes
    tag: bytes
    covered: bytes  # what the MAC covers

    def check(self, key: bytes) -> None:
        """AuthError unless the MAC was made with K_poll, or K_enrol for an enrolment."""
        if not hmac.compare_digest(hmac.digest(key, self.covered, "sha256"), self.tag):
            raise AuthError("the poll's MAC is wrong")


class Envelopes:
    """Opens polls to, and seals answers from, one server key."""

    def __init__(self, server_public: bytes) -> None:
        """Precompute what is the same in every message."""
        self.kid = p256.kid(server_public)
        self._heads = {}
        for typ in (cose.Type.POLL, cose.Type.ENROL):
            protected = cbor.encode_bytes(cose.protected_header(cose.HMAC_256, self.kid, typ))
            self._heads[b"\x84" + protected + b"\xa0"] = (
                typ == cose.Type.ENROL,
                b"\x84\x64MAC0" + protected + b"\x40",
            )
        self._head_size = len(next(iter(self._heads)))
        protected = cbor.encode_bytes(
            cose.protected_header(cose.HMAC_256, self.kid, cose.Type.ANSWER)
        )
        self._answer_head = b"\x84" + protected + b"\xa0"
        self._answer_covered = b"\x84\x64MAC0" + protected + _TAG_HEAD

    def open(self, body: bytes) -> RawPoll:
        """Return the poll in a request's body."""
        if len(body) > cose.MESSAGE_BYTES_MAX:
            raise TooLargeError(f"poll of {len(body)} bytes, at most {cose.MESSAGE_BYTES_MAX}")
        known = self._heads.get(body[: self._head_size])
        if known is None or body[-TAG_BYTES - 2 : -TAG_BYTES] != _TAG_HEAD:
            raise MalformedError("not a poll to this server key")
        string = body[self._head_size : -TAG_BYTES - 2]
        payload = _content(string)
        device = payload[_ID_AT : _ID_AT + DEVICE_ID_BYTES]
        if payload[1:_ID_AT] != _ID_HEAD or len(device) != DEVICE_ID_BYTES:
            raise MalformedError("the poll does not start with a device id")
        return RawPoll(known[0], device, payload, body[-TAG_BYTES:], known[1] + string)

    def answer(self, payload: bytes, key: bytes, poll_tag: bytes) -> bytes:
        """Return the answer to the poll with this tag, made with K_answer."""
        string = cbor.encode_bytes(payload)
        tag = hmac.digest(key, self._answer_covered + poll_tag + string, "sha256")
        return self._answer_head + string + _TAG_HEAD + tag


def _content(string: bytes) -> bytes:
    """Return what a CBOR byte string holds: its head in the shortest form, nothing behind."""
    size = len(string)
    if size >= 3 and string[0] == 0x59:
        content = string[3:]
        if len(content) >= 0x100 and int.from_bytes(string[1:3], "big") == len(content):
            return content
    elif size >= 2 and string[0] == 0x58:
        content = string[2:]
        if len(content) >= 24 and string[1] == len(content):
            return content
    raise MalformedError("the poll's payload is not a byte string of its length")
