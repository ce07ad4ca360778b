# SPDX-License-Identifier: Apache-2.0
"""The golden vectors say what the Python code does, and nobody edited them by hand."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from unitool.formats import (
    answer,
    cbor,
    cose,
    flash,
    image,
    keyset,
    manifest,
    messages,
    p256,
    relocation,
)
from unitool.formats.fastpath import Envelopes
from unitool.formats.journal import Journal
from unitool.formats.reasons import FormatError
from unitool.verify import Policy

from .samples import check_slot

VECTORS = Path(__file__).parents[1] / "vectors"


class Case:
    """One vector: the values of a key are lines, bytes, or a number."""

    def __init__(self, topic: str, name: str) -> None:
        lines = (VECTORS / topic / f"{name}.txt").read_text().splitlines()
        self.pairs = [tuple(line.split(" ", 1)) for line in lines]

    def lines(self, key: str) -> list[str]:
        return [value for k, value in self.pairs if k == key]

    def text(self, key: str) -> str:
        return self.lines(key)[0]

    def hex(self, key: str) -> bytes:
        return bytes.fromhex(self.text(key).replace("-", ""))

    def number(self, key: str) -> int:
        return int(self.text(key), 0)


def cases(topic: str) -> list[object]:
    names = sorted(path.stem for path in (VECTORS / topic).glob("*.txt"))
    assert names
    return [pytest.param(Case(topic, name), id=f"{topic}/{name}") for name in names]


def expect(case: Case, action: Callable[[], object]) -> None:
    """Run; the outcome's code is what the vector says."""
    try:
        action()
        code = "OK"
    except FormatError as error:
        code = error.code
    assert code == case.text("expect")


PRODUCT = Case("keys", "product")


def public(name: str) -> bytes:
    return Case("keys", name).hex("public")


def test_generator_reproduces_the_committed_files() -> None:
    sys.path.insert(0, str(VECTORS))
    spec = importlib.util.spec_from_file_location("generate", VECTORS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.collect()
    found = {str(p.relative_to(VECTORS)): p.read_text() for p in VECTORS.glob("*/*.txt")}
    assert made == found


def check_image(data: bytes) -> image.Image:
    """What a device with the vectors' keys checks, in its order."""
    policy = Policy(
        vid=PRODUCT.hex("vid"),
        cid=PRODUCT.hex("cid"),
        floor=PRODUCT.number("floor"),
        image_keys=(public("image"),),
        slot_a=PRODUCT.number("slot_a"),
    )
    return check_slot(data, policy, PRODUCT.number("slot_a"))


@pytest.mark.parametrize("case", cases("image_bad"))
def test_bad_images_are_refused(case: Case) -> None:
    expect(case, lambda: check_image(case.hex("image")))


@pytest.mark.parametrize("case", cases("image_good"))
def test_good_images(case: Case) -> None:
    data = case.hex("image")
    parsed = image.parse(data)
    assert parsed.digest == case.hex("digest") == parsed.computed_digest()
    assert parsed.counter == case.number("counter")
    assert (parsed.build_id or b"") == case.hex("build_id")
    parsed.check_signature(public("image"))


@pytest.mark.parametrize("case", cases("relocation_good"))
def test_good_relocation(case: Case) -> None:
    body = case.hex("body")
    table = relocation.decode(body, case.number("base"))
    words = [f"{at} {'-' if sign else '+'}" for at, sign in table.words]
    assert words == case.lines("word")
    moved = relocation.apply(body, case.number("delta"))
    assert case.hex("moved") in (b"", moved)
    assert relocation.apply(moved, -case.number("delta")) == body
    encoded = relocation.encode(table)
    at = relocation.offset_of(body)
    assert body[at : at + len(encoded)] == encoded


@pytest.mark.parametrize("case", cases("relocation_bad"))
def test_hostile_relocation(case: Case) -> None:
    expect(case, lambda: relocation.check(case.hex("body"), case.number("base")))


@pytest.mark.parametrize("case", cases("der"))
def test_der(case: Case) -> None:
    expect(case, lambda: p256.from_der(case.hex("der")))
    if case.text("expect") == "OK":
        assert p256.from_der(case.hex("der")) == case.hex("raw")


@pytest.mark.parametrize("case", cases("cbor"))
def test_cbor(case: Case) -> None:
    expect(case, lambda: cbor.decode(case.hex("item")))
    if case.text("expect") == "OK":
        assert cbor.encode(cbor.decode(case.hex("item"))) == case.hex("item")


@pytest.mark.parametrize("case", cases("boot_params"))
def test_boot_params(case: Case) -> None:
    expect(case, lambda: flash.BootParams.decode(case.hex("block")))


@pytest.mark.parametrize("case", cases("identity"))
def test_identity(case: Case) -> None:
    expect(case, lambda: flash.read_identity(case.hex("area")))


@pytest.mark.parametrize("case", cases("trust"))
def test_trust(case: Case) -> None:
    expect(case, lambda: flash.decode_trust(case.hex("copy")))


@pytest.mark.parametrize("case", cases("journal"))
def test_journal(case: Case) -> None:
    erased, size = case.number("erased"), case.number("sector_bytes")

    def sector(key: str) -> bytes:
        return case.hex(key).ljust(size, bytes([erased]))

    before = sector("sector_a"), sector("sector_b")
    journal = Journal.open(*before, case.number("record_bytes"), erased)
    assert str("none" if journal.active is None else journal.active) == case.text("active")
    found = sorted(
        f"{r.type} {r.component} {r.key} {r.sequence} {r.payload.hex()}"
        for r in journal.state().values()
    )
    assert found == sorted(case.lines("state"))
    if case.lines("append"):
        kind, component, key, payload = case.text("append").split()
        journal.append_raw(int(kind), int(component), int(key), bytes.fromhex(payload))
        for i, name in enumerate(("after_a", "after_b")):
            wanted = before[i] if case.text(name) == "same" else sector(name)
            assert journal.sectors[i] == wanted


@pytest.mark.parametrize("case", cases("keyset"))
def test_keyset(case: Case) -> None:
    expect(case, lambda: keyset.verify(case.hex("signed"), public("root"), public("spare")))


@pytest.mark.parametrize("case", cases("manifest"))
def test_manifest(case: Case) -> None:
    expect(case, lambda: manifest.verify(case.hex("signed"), [public("image")]))


@pytest.mark.parametrize("case", cases("poll"))
def test_poll(case: Case) -> None:
    def slow() -> None:
        data = case.hex("message")
        enrol = "enrol" in str(case.pairs[0]) or b"\x19\xfd\xed" in data[:40]
        typ = cose.Type.ENROL if enrol else cose.Type.POLL
        envelope = cose.parse_mac0(data, typ)
        if envelope.kid != case.hex("kid"):
            raise cose.MalformedError("for another server")
        envelope.check(case.hex("key"))
        messages.decode_poll(envelope.payload)

    def fast() -> None:
        raw = Envelopes(public("server")).open(case.hex("message"))
        raw.check(case.hex("key"))
        messages.decode_poll(raw.payload)

    expect(case, slow)
    expect(case, fast)


@pytest.mark.parametrize("case", cases("answer"))
def test_answer(case: Case) -> None:
    message, tag = case.hex("message"), case.hex("poll_tag")
    expect(case, lambda: answer.open_answer(message, case.hex("key"), tag))
    if case.lines("payload"):
        made = Envelopes(public("server")).answer(case.hex("payload"), case.hex("key"), tag)
        assert made == message


@pytest.mark.parametrize("case", cases("derived"))
def test_derived(case: Case) -> None:
    if case.lines("purpose"):
        purpose = messages.Purpose[case.text("purpose").upper()]
        ends = case.hex("device"), case.hex("server")
        made = messages.derive_key(case.hex("z"), purpose, *ends, case.hex("token"))
        assert made == case.hex("key")
