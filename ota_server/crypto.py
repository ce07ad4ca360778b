# SPDX-License-Identifier: Apache-2.0
"""The server key, what is derived from it for each device, and what it keeps wrapped."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from unitool.formats import p256
from unitool.formats.messages import Purpose, derive_key

TOKEN_BYTES = 16
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """Kept in memory only."""

    poll: bytes
    answer: bytes


class ServerKey:
    """The private key and what only its holder can do."""

    def __init__(self, private: p256.PrivateKey) -> None:
        """Derive the key that wraps what lies in the database."""
        self._private = private
        self.public = p256.public(private)
        self.kid = p256.kid(self.public)
        wrapping = hmac.digest(p256.scalar(private), b"unitool1 server wrap", "sha256")
        self._wrap = AESGCM(wrapping)

    def shared(self, device: bytes) -> bytes:
        """Z of a device; MalformedError if its public key is no point of the curve."""
        return p256.ecdh(self._private, device)

    def device_keys(self, device: bytes) -> DeviceKeys:
        """The keys of polls and answers of a device, from its public key."""
        z = self.shared(device)
        return DeviceKeys(
            derive_key(z, Purpose.POLL, device, self.public),
            derive_key(z, Purpose.ANSWER, device, self.public),
        )

    def enrol_key(self, z: bytes, device: bytes, token: bytes) -> bytes:
        """The key of an enrolment; `token` empty if the device has none."""
        return derive_key(z, Purpose.ENROL, device, self.public, token)

    def wrap(self, secret: bytes, about: bytes) -> bytes:
        """Encrypt a secret for the database, bound to what it is about."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrap.encrypt(nonce, secret, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes | None:
        """The secret; None if another server key wrapped it."""
        try:
            return self._wrap.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], about)
        except InvalidTag:
            return None


def token_hash(token: bytes) -> bytes:
    """What names a token in the database, also after it was used up."""
    return sha256(b"unitool1 token" + token).digest()
