# SPDX-License-Identifier: Apache-2.0
"""A few seconds of fuzzing for each target: our own mutator with gcc, libFuzzer where clang is.

Seeds are the golden vectors. To look longer: FUZZ_RUNS=10000000 pytest tests/fuzz
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "firmware"))

import host_c

RUNS = int(os.environ.get("FUZZ_RUNS", "200000"))
TIMEOUT_S = 120 + RUNS // 1000
CLANG_FLAGS = ("-std=gnu11", "-g", "-O1", "-fsanitize=fuzzer,address,undefined")
CLANG_FLAGS += ("-fno-sanitize-recover=all",)
# target: topics of tests/vectors, and the keys whose values are inputs
SEEDS = {
    "cbor": ("cbor der answer poll keyset manifest", "item der message signed"),
    "image": ("image_good image_bad", "image in_slot_b"),
    "reloc": ("relocation_good relocation_bad", "body moved"),
}


def seeds(target: str, folder: Path) -> list[Path]:
    """Write the target's seeds into `folder`, one file each."""
    topics, keys = (words.split() for words in SEEDS[target])
    found: set[bytes] = set()
    for topic in topics:
        for case in (host_c.ROOT / "tests" / "vectors" / topic).glob("*.txt"):
            for line in case.read_text().splitlines():
                key, _, value = line.partition(" ")
                if key in keys and value != "-":
                    found.add(bytes.fromhex(value))
    files = []
    for number, content in enumerate(sorted(found)):
        file = folder / f"{number:03}"
        file.write_bytes(content)
        files.append(file)
    assert len(files) > 10
    return files


def run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("target", sorted(SEEDS))
def test_mutations_do_no_harm(target: str, tmp_path: Path) -> None:
    driver = Path(__file__).with_name("driver.c")
    program = host_c.build(Path(__file__).with_name(f"fuzz_{target}.c"), more=(driver,))
    files = [str(file) for file in seeds(target, tmp_path)]
    assert f"{RUNS} mutations" in run([str(program), str(RUNS), "20261", *files])


@pytest.mark.parametrize("target", sorted(SEEDS))
def test_libfuzzer_finds_nothing(target: str, tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("no clang here: test_mutations_do_no_harm fuzzes with gcc")
    source = Path(__file__).with_name(f"fuzz_{target}.c")
    program = host_c.build(source, compiler="clang", flags=CLANG_FLAGS)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds(target, corpus)
    options = [f"-runs={RUNS}", "-seed=20261", "-max_len=4096", "-timeout=10"]
    text = run([str(program), *options, f"-artifact_prefix={tmp_path}/", str(corpus)])
    assert "DONE" in text
