# SPDX-License-Identifier: Apache-2.0
"""Vectors poll/* and answer/*: sealed messages between the fixed device and the fixed server."""

from __future__ import annotations

from unitool.formats import cbor, cose, messages, p256
from unitool.formats.answer import Action, Answer, Code
from unitool.formats.messages import Purpose
from unitool.formats.version import Version

from generator import common as c
from generator.common import Writer
from generator.statements import make_manifest, signed_keyset

DEVICE, SERVER = p256.public(c.DEVICE), p256.public(c.SERVER)
KID = p256.kid(SERVER)
Z = p256.ecdh(c.DEVICE, SERVER)
K_POLL, K_ANSWER = (
    messages.derive_key(Z, purpose, DEVICE, SERVER) for purpose in (Purpose.POLL, Purpose.ANSWER)
)
DIGESTS = [bytes([i]) * 32 for i in range(4)]


def make_poll(**changes: object) -> messages.Poll:
    """Return the poll that vectors use."""
    slots = (
        messages.SlotStatus(
            slot=0, state=4, version=Version(1, 4), digest=DIGESTS[1], counter=5, offset_or_tries=0
        ),
        messages.SlotStatus(slot=1, state=0),
    )
    values: dict[str, object] = {
        "device": p256.device_id(DEVICE),
        "generation": c.GENERATION,
        "seq": 7 << 32 | 1,
        "components": (messages.ComponentStatus(vid=c.VID, cid=c.CID, running=0, slots=slots),),
        "boot": messages.BootStatus(count=7, reset_reason=1, phases=(10, 20, 30, 60)),
        "slot_bytes": c.SLOT_BYTES,
        "chunk_bytes": 16384,
        "epoch": 1,
    }
    return messages.Poll(**(values | changes))  # type: ignore[arg-type]


def write(w: Writer) -> None:
    """Add all cases."""
    _write_polls(w)
    _write_answers(w)


def _write_polls(w: Writer) -> None:
    reports = (
        messages.Report(kind=messages.ReportKind.REVERTED, digest=DIGESTS[2], code=1),
        messages.Report(
            kind=messages.ReportKind.CRASH, digest=DIGESTS[2], code=4, text="bus fault"
        ),
    )
    crash = messages.Crash(
        build_id=bytes(20),
        slot_base=c.SLOT_B,
        reason=4,
        pc=1,
        lr=2,
        sp=3,
        fault=(0x82, 0xE000_ED34),
    )
    k_enrol = messages.derive_key(Z, Purpose.ENROL, DEVICE, SERVER)
    k_token = messages.derive_key(Z, Purpose.ENROL, DEVICE, SERVER, c.TOKEN)
    for name, poll, key in (
        ("poll", make_poll(), K_POLL),
        ("poll_reports", make_poll(reports=reports, crash=crash, seq=(7 << 32) + 2), K_POLL),
        ("enrol", make_poll(public=DEVICE, generation=b""), k_enrol),
        ("enrol_token", make_poll(public=DEVICE, generation=b""), k_token),
    ):
        message = poll.seal(key, KID)
        values = {"key": key, "kid": KID, "seq": poll.seq, "tag": message[-32:]}
        w.add("poll", name, expect="OK", **values, payload=poll.encode(), message=message)
    good = make_poll().seal(K_POLL, KID)
    foreign = p256.kid(p256.public(c.FOREIGN))
    for name, expect, message in (
        ("bad_tag", "ERR_AUTH", good[:-1] + bytes([good[-1] ^ 1])),
        ("bad_payload", "ERR_AUTH", good.replace(c.GENERATION, bytes(8))),
        ("bad_other_key", "ERR_AUTH", make_poll().seal(K_ANSWER, KID)),
        ("bad_kid", "ERR_FORMAT", make_poll().seal(K_POLL, foreign)),
        ("bad_tagged", "ERR_FORMAT", b"\xd1" + good),
        ("bad_trailing", "ERR_FORMAT", good + b"\0"),
        ("bad_cut_off", "ERR_FORMAT", good[:-1]),
        ("bad_is_answer", "ERR_FORMAT", Answer(300).seal(K_POLL, KID, b"")),
        ("bad_empty", "ERR_FORMAT", b""),
    ):
        w.add("poll", name, expect=expect, key=K_POLL, kid=KID, message=message)


def _write_answers(w: Writer) -> None:
    tag = make_poll().seal(K_POLL, KID)[-32:]
    manifest = make_manifest().sign(c.IMAGE)
    actions: dict[str, tuple[Action, ...]] = {
        "nothing": (),
        "offer": (Action(Code.OFFER, manifest),),
        "go": (Action(Code.GO, DIGESTS[2]),),
        "confirm": (Action(Code.CONFIRM, DIGESTS[1]),),
        "resync": (Action(Code.RESYNC, c.GENERATION),),
        "keyset": (Action(Code.KEYSET, signed_keyset(epoch=2)),),
        "boot_other": (Action(Code.BOOT_OTHER, DIGESTS[2]),),
        "seal": (Action(Code.SEAL, DIGESTS[1]),),
        "two": (Action(Code.CONFIRM, DIGESTS[1]), Action(Code.SEAL, DIGESTS[1])),
    }
    for name, listed in actions.items():
        made = Answer(300, listed)
        w.add(
            "answer",
            name,
            expect="OK",
            key=K_ANSWER,
            kid=KID,
            poll_tag=tag,
            next_poll_s=300,
            action=[f"{int(a.code)} {a.argument.hex()}" for a in listed],
            payload=made.encode(),
            message=made.seal(K_ANSWER, KID, tag),
        )
    _write_bad_answers(w, tag)


def _write_bad_answers(w: Writer, tag: bytes) -> None:
    def sealed(payload: object, typ: cose.Type = cose.Type.ANSWER) -> bytes:
        return cose.mac0(typ, KID, K_ANSWER, cbor.encode(payload), tag)

    other = make_poll(seq=(7 << 32) + 2).seal(K_POLL, KID)[-32:]
    good = Answer(300).seal(K_ANSWER, KID, tag)
    fmt, no, auth = "ERR_FORMAT", "ERR_UNSUPPORTED", "ERR_AUTH"
    cases: dict[str, tuple[str, bytes]] = {
        "other_action_skipped": ("OK", sealed({1: 300, 2: [], 3: [[99, b"new"], [100]]})),
        "other_known_code_skipped": ("OK", sealed({1: 300, 2: [], 3: [[2, DIGESTS[2]]]})),
        "bad_other_empty_action": (fmt, sealed({1: 300, 2: [], 3: [[], [99]]})),
        "bad_empty_action": (fmt, sealed({1: 300, 2: [[]]})),
        "bad_nine_other_actions": (fmt, sealed({1: 300, 2: [], 3: [[99]] * 9})),
        "bad_nine_actions": (fmt, sealed({1: 300, 2: [[2, DIGESTS[2]]] * 9})),
        "unknown_key_64_skipped": ("OK", sealed({1: 300, 2: [], 64: b"new"})),
        "bad_unknown_critical": (no, sealed({1: 300, 2: [[99, b"new"]]})),
        "bad_unknown_key": (no, sealed({1: 300, 2: [], 4: 0})),
        "bad_seconds_missing": (fmt, sealed({2: []})),
        "bad_actions_missing": (fmt, sealed({1: 300})),
        "bad_action_no_array": (fmt, sealed({1: 300, 2: [2]})),
        "bad_go_short": (fmt, sealed({1: 300, 2: [[2, bytes(31)]]})),
        "bad_go_without_digest": (fmt, sealed({1: 300, 2: [[2]]})),
        "bad_go_two_digests": (fmt, sealed({1: 300, 2: [[2, bytes(32), bytes(32)]]})),
        "bad_resync_short": (fmt, sealed({1: 300, 2: [[4, bytes(7)]]})),
        "bad_to_another_poll": (auth, Answer(300).seal(K_ANSWER, KID, other)),
        "bad_without_poll_tag": (auth, Answer(300).seal(K_ANSWER, KID, b"")),
        "bad_with_poll_key": (auth, Answer(300).seal(K_POLL, KID, tag)),
        "bad_tag": (auth, good[:-1] + bytes([good[-1] ^ 1])),
        "bad_reflected_poll": (fmt, make_poll().seal(K_POLL, KID)),
        "bad_empty": (fmt, b""),
        "bad_text": (fmt, b"<html>nothing to do</html>"),
    }
    for name, (expect, message) in cases.items():
        w.add("answer", name, expect=expect, key=K_ANSWER, kid=KID, poll_tag=tag, message=message)
