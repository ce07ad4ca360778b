# SPDX-License-Identifier: Apache-2.0
"""A few seconds of fuzzing for each target: our own mutator with gcc, libFuzzer where clang is.

Seeds are the golden vectors where there are some. To look longer:
FUZZ_RUNS=10000000 pytest tests/fuzz
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "firmware"))

import host_c
from unitool.formats import cose
from unitool.formats.reasons import FormatError

HERE = Path(__file__).parent

RUNS = int(os.environ.get("FUZZ_RUNS", "200000"))
SLOW = {"journal": 4, "provisioned": 4}  # CRCs: so many times fewer runs
TIMEOUT_S = 120 + RUNS // 1000
CLANG_FLAGS = ("-std=gnu11", "-g", "-O1", "-fsanitize=fuzzer,address,undefined")
CLANG_FLAGS += ("-fno-sanitize-recover=all",)
VECTORS = host_c.ROOT / "tests" / "vectors"
HTTP = (
    "GET /status?a=b HTTP/1.1\r\nHost: 10.0.2.15\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
    "POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\nExpect: 100-continue\r\n\r\n",
    "HEAD http://a.example/ HTTP/1.0\r\nConnection: keep-alive, close\r\n"
    "Transfer-Encoding: x\r\n\r\n",
    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 16384-65535/65536\r\n"
    "Content-Length: 49152\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 416 No\r\nContent-Range: bytes */65536\r\n"
    "Connection: close\r\n\r\n",
    f"GET /{'x' * 94} HTTP/1.0\r\n\r\n",  # the longest target
    "updates.example.com:8080/v1/poll",
    # What mutations put into the others.
    *("\r\n", "\n", "\r", "\r\n\r\n", ":", " ", "\t", "GET ", " HTTP/1.1", "Content-Length: "),
    *("Host: ", "bytes ", "-", "18446744073709551615", "4294967296", "%00"),
)
DNS_QUESTION = "0775706461746573076578616d706c6503636f6d0000010001"
DNS = (
    f"1234818000010002{'00000000'}{DNS_QUESTION}"
    "c00c000500010000003c000603636e64c014"  # an alias
    "0363646ec014000100010000003c00040a000202",
    f"1234818300010000{'00000000'}{DNS_QUESTION}",
    f"1234838000010000{'00000000'}{DNS_QUESTION}",
)


def _values(topics: str, keys: str) -> Iterator[bytes]:
    """Return what the vectors of these topics say under these keys."""
    for topic in topics.split():
        for case in (VECTORS / topic).glob("*.txt"):
            for line in case.read_text().splitlines():
                key, _, value = line.partition(" ")
                if key in keys.split() and value != "-":
                    yield bytes.fromhex(value)


def _statements(topic: str, typ: cose.Type) -> Iterator[bytes]:
    """Return the statements of a topic, and their payloads where they have one."""
    for signed in _values(topic, "signed"):
        yield signed
        with suppress(FormatError):
            yield cose.parse_sign1(signed, typ).payload


def _journals() -> Iterator[bytes]:
    """Return fuzz_journal.c's mode and what lies at the places of both sectors."""
    for case in (VECTORS / "journal").glob("*.txt"):
        said = dict(line.split(" ", 1) for line in case.read_text().splitlines())
        step, erased = int(said["record_bytes"]), int(said["erased"])
        mode = (2 if erased == 0 else 0) | (4 if step == 512 else 0)
        content = b""
        for name in ("sector_a", "sector_b"):
            sector = bytes.fromhex(said[name].strip("-")).ljust(16 * step, bytes([erased]))
            content += b"".join(sector[at : at + 64] for at in range(0, 16 * step, step))
        for more in (0x00, 0x11, 0xF9):
            yield bytes([mode | more]) + content


def _with_modes(values: Iterable[bytes], modes: int) -> Iterator[bytes]:
    for value in values:
        for mode in range(modes):
            yield bytes([mode]) + value


SEEDS: dict[str, Callable[[], Iterable[bytes]]] = {
    "answer": lambda: _values("answer", "payload message"),
    "cbor": lambda: _values("cbor der answer poll keyset manifest", "item der message signed"),
    "dns": lambda: [bytes.fromhex(message) for message in DNS],
    "http": lambda: _with_modes((text.encode() for text in HTTP), 3),
    "image": lambda: _values("image_good image_bad", "image in_slot_b"),
    "journal": _journals,
    "keyset": lambda: _statements("keyset", cose.Type.KEYSET),
    "manifest": lambda: _statements("manifest", cose.Type.MANIFEST),
    "provisioned": lambda: _with_modes(_values("boot_params identity trust", "block area copy"), 2),
    "reloc": lambda: _values("relocation_good relocation_bad", "body moved"),
}


def seeds(target: str, folder: Path) -> list[Path]:
    """Write the target's seeds into `folder`, one file each."""
    files = []
    for number, content in enumerate(sorted(set(SEEDS[target]()))):
        file = folder / f"{number:03}"
        file.write_bytes(content)
        files.append(file)
    assert len(files) > 2
    return files


def test_every_target_has_seeds() -> None:
    assert {file.stem.removeprefix("fuzz_") for file in HERE.glob("fuzz_*.c")} == set(SEEDS)


def run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("target", sorted(SEEDS))
def test_mutations_do_no_harm(target: str, tmp_path: Path) -> None:
    driver = HERE / "driver.c"
    program = host_c.build(HERE / f"fuzz_{target}.c", more=(driver,))
    files = [str(file) for file in seeds(target, tmp_path)]
    runs = RUNS // SLOW.get(target, 1)
    assert f"{runs} mutations" in run([str(program), str(runs), "20261", *files])


@pytest.mark.parametrize("target", sorted(SEEDS))
def test_libfuzzer_finds_nothing(target: str, tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("no clang here: test_mutations_do_no_harm fuzzes with gcc")
    source = HERE / f"fuzz_{target}.c"
    program = host_c.build(source, compiler="clang", flags=CLANG_FLAGS)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds(target, corpus)
    options = [
        f"-runs={RUNS // SLOW.get(target, 1)}",
        "-seed=20261",
        "-max_len=4096",
        "-timeout=10",
    ]
    text = run([str(program), *options, f"-artifact_prefix={tmp_path}/", str(corpus)])
    assert "DONE" in text
