# SPDX-License-Identifier: Apache-2.0
"""An independent implementation agrees: imgtool accepts our images, and we what it signs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from unitool import keys
from unitool.formats import image, p256, reasons, relocation
from unitool.formats.version import Version
from unitool.verify import Policy, check_image

from .samples import (
    CID,
    DELTA,
    HW,
    PRODUCT,
    SLOT_A,
    SLOT_B,
    SLOT_BYTES,
    VENDOR,
    VID,
    check_slot,
    make_body,
)

IMGTOOL = Path(sys.executable).with_name("imgtool")
# The command of FORMAT.md section 4, without key and files.
COMMAND = (
    f"--vid {VENDOR} --cid {PRODUCT}/{HW} -v 1.4.0 -s 5 -H 0x200 --pad-header --align 4 "
    f"-S {SLOT_BYTES:#x}"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> keys.KeyFolder:
    return keys.generate(tmp_path_factory.mktemp("imgtool") / "keys", VID)


def imgtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [IMGTOOL, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def sign(folder: keys.KeyFolder, body: bytes, *more: str) -> bytes:
    source, target = folder.path / "body.bin", folder.path / "signed.bin"
    source.write_bytes(body)
    done = imgtool("sign", "-k", folder.path / "image.pem", *COMMAND, *more, source, target)
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def policy(folder: keys.KeyFolder) -> Policy:
    return Policy(
        vid=VID,
        cid=CID,
        image_keys=(folder.public("image"),),
        slot_a=SLOT_A,
        slot_b=SLOT_B,
        slot_bytes=SLOT_BYTES,
    )


@pytest.mark.parametrize("name", ["image.pem", "image.pub.pem"])
@pytest.mark.parametrize("rom_fixed", [None, SLOT_B])
def test_imgtool_accepts_our_images(
    folder: keys.KeyFolder, name: str, rom_fixed: int | None
) -> None:
    body = make_body() if rom_fixed is None else bytes(100)
    data = image.build(
        body,
        version=Version(1, 4, 0, 9),
        counter=5,
        vid=VID,
        cid=CID,
        key=folder.private("image"),
        rom_fixed=rom_fixed,
    )
    path = folder.path / "ours.bin"
    path.write_bytes(data)
    done = imgtool("verify", "-k", folder.path / name, path)
    assert done.returncode == 0, done.stderr
    assert "1.4.0+9" in done.stdout
    assert image.parse(data).digest.hex() in done.stdout
    path.write_bytes(data[:600] + bytes([data[600] ^ 1]) + data[601:])
    assert imgtool("verify", "-k", folder.path / name, path).returncode != 0


def test_we_accept_what_imgtool_signs_in_both_slots(folder: keys.KeyFolder) -> None:
    data = sign(folder, make_body())
    found = check_image(data, policy(folder))
    assert (found.version, found.counter) == (Version(1, 4), 5)
    body = relocation.apply(found.body, DELTA)
    in_b = data[:0x200] + body + data[0x200 + len(body) :]
    assert check_slot(in_b, policy(folder), SLOT_B).digest == found.digest


def test_files_differ_only_in_padding_and_signature(folder: keys.KeyFolder) -> None:
    theirs = sign(folder, make_body(), "-R", "0")  # pads the header with zeros, as we do
    ours = image.build(
        make_body(),
        version=Version(1, 4),
        counter=5,
        vid=VID,
        cid=CID,
        key=folder.private("image"),
    )
    end = ours.index(image.parse(ours).keyhash) + 32
    assert theirs[: end - 76] == ours[: end - 76]  # up to the TLV area, whose size may differ
    assert image.parse(theirs).digest == image.parse(ours).digest


def test_optional_protected_tlvs_are_skipped(folder: keys.KeyFolder) -> None:
    more = ("--boot-record", "APP", "-d", "(0,1.2.3)", "--custom-tlv", "0xa0", "0x1234")
    assert check_image(sign(folder, make_body(), *more), policy(folder)).counter == 5


def test_slot_bound_image_of_imgtool_runs_only_at_its_address(folder: keys.KeyFolder) -> None:
    data = sign(folder, bytes(100), "--rom-fixed", hex(SLOT_B))
    check_slot(data, policy(folder), SLOT_B)
    with pytest.raises(reasons.SlotBoundError):
        check_slot(data, policy(folder), SLOT_A)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (("--pad",), reasons.MalformedError),
        (("--public-key-format", "full"), reasons.MalformedError),
        (("--load-addr", "0x20000000"), reasons.UnsupportedError),
        (("--rom-fixed", hex(SLOT_A)), reasons.MalformedError),
        (("--vid", "example.org"), reasons.IdentityError),
        (("--cid", "thermostat/rev-c"), reasons.IdentityError),
    ],
)
def test_what_the_document_says_is_refused_is_refused(
    folder: keys.KeyFolder, more: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        check_image(sign(folder, make_body(), *more), policy(folder))


def test_padded_signature_is_refused(folder: keys.KeyFolder) -> None:
    """One signature in four is as long as the padding and stays as it is."""
    refused = 0
    for _ in range(12):
        try:
            check_image(sign(folder, make_body(), "--pad-sig"), policy(folder))
        except reasons.MalformedError:
            refused += 1
    assert refused


def test_another_key_is_refused(folder: keys.KeyFolder) -> None:
    foreign = Policy(image_keys=(p256.public(folder.p256("server")),))
    with pytest.raises(reasons.SignatureError):
        check_image(sign(folder, make_body()), foreign)
