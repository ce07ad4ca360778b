# SPDX-License-Identifier: Apache-2.0
"""What makes a board one device of one product: its identity, and the filled-in bootloader."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from unitool import build, runners
from unitool.apps import App
from unitool.boards import Board
from unitool.errors import FlashError, FormatError
from unitool.formats import flash, p256
from unitool.formats.flash import IDENTITY_BYTES, NO_TOKEN, BootParams, Identity, Policy
from unitool.keys import KeyFolder
from unitool.runners import Place, Programmer, Segment

SEED_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a device is to be; `url` None keeps what the device has."""

    url: str | None = None
    token: bytes | None = None  # one-time token of its enrolment
    development: bool | None = None
    floor: int = 0
    policy: Policy = Policy.ALWAYS
    new_identity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What was written."""

    identity: Identity
    params: BootParams
    new: bool  # the device got another key than it had


def make_identity(url: str, *, token: bytes = NO_TOKEN, development: bool = False) -> Identity:
    """Return a fresh device: key and seed from the system's random source."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Identity(
        private=p256.scalar(key),
        public=p256.public(key),
        seed=secrets.token_bytes(SEED_BYTES),
        url=url,
        token=token,
        development=development,
    )


def make_params(app: App, board: Board, keys: KeyFolder, options: Options) -> BootParams:
    """Return what turns the board's bootloader into this product's."""
    keyset = keys.keyset()
    return BootParams(
        policy=options.policy,
        floor=options.floor,
        vid=app.vid,
        cid=app.cid(board),
        fleet=keyset.fleet,
        root=keys.public("root"),
        spare=keys.public("spare"),
        keyset=keys.signed_keyset,
    )


def provision(
    board: Board,
    state_dir: Path,
    keys: KeyFolder,
    app: App,
    options: Options,
) -> Provisioned:
    """Write identity and bootloader of an emulated board that is off.

    Slots, trust and journal stay as they are.
    """
    code = build.build_boot(board).bin.read_bytes()
    params = make_params(app, board, keys, options)
    with runners.connect(Place(board=board, state=state_dir), runners.FILE) as runner:
        to = Programmer(board, runner)
        identity, new = write_identity(to, options)
        write_boot(to, code, params)
    return Provisioned(identity=identity, params=params, new=new)


def write_boot(to: Programmer, code: bytes, params: BootParams) -> None:
    """Write the bootloader, filled in. FlashError if there is no room for it."""
    filled, room = flash.fill_boot_params(code, params), to.board.memory.boot
    if len(filled) > room.size:
        raise FlashError(
            f"bootloader of {len(filled):,} bytes, room for {room.size:,}",
            f"unitool size --boot -b {to.board.name} shows what takes them",
        )
    erased = bytes([to.board.flash.erased_value])
    to.write([Segment(room.base, filled.ljust(room.size, erased))])


def write_identity(to: Programmer, options: Options) -> tuple[Identity, bool]:
    """Keep the identity, append a changed one, or write the first: which, and whether it is new."""
    content = to.area("identity")
    try:
        now = None if options.new_identity else flash.read_identity(content)
    except FormatError:
        now = None
    if now is None:
        wanted = make_identity(
            options.url or "",
            token=options.token or NO_TOKEN,
            development=bool(options.development),
        )
    else:
        wanted = _changed(now, options)
    if wanted != now:
        _append_identity(to, content, wanted, erase=options.new_identity)
    return wanted, now is None


def _changed(now: Identity, options: Options) -> Identity:
    return Identity(
        private=now.private,
        public=now.public,
        seed=now.seed,
        url=now.url if options.url is None else options.url,
        token=now.token if options.token is None else options.token,
        development=now.development if options.development is None else options.development,
    )


def _append_identity(to: Programmer, content: bytes, wanted: Identity, *, erase: bool) -> None:
    """Put a record at the first blank place, as the device itself would."""
    area, erased = to.board.layout["identity"], to.board.flash.erased_value
    if erase:
        content = bytes([erased]) * area.size
    blank = bytes([erased]) * IDENTITY_BYTES
    for at in range(0, area.size - IDENTITY_BYTES + 1, IDENTITY_BYTES):
        if content[at : at + IDENTITY_BYTES] == blank and not content[at:].strip(blank[:1]):
            content = content[:at] + wanted.encode() + content[at + IDENTITY_BYTES :]
            to.write([Segment(to.board.flash.base + area.offset, content)])
            return
    raise FlashError("the identity area is full", "unitool provision --new-identity")
