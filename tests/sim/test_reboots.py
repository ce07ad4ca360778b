# SPDX-License-Identifier: Apache-2.0
"""1,000 reboots: no boot count, poll number or block of random bytes comes twice."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.sim import host

REBOOTS = 1000


def test_nothing_that_must_be_unique_comes_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = host.build(tmp_path / "program", ["reboots.c", "device.c", "nor.c", "geometry.c"])
    place = host.Place(0x21000000 + 64 * 1024, 0x21000000 + 128 * 1024)
    file = host.signed(host.body(place, 4096, seed=1), counter=0)
    host.write_images(tmp_path / "images", place, [file])
    done = subprocess.run(
        [program, tmp_path / "images", str(REBOOTS)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with capsys.disabled():
        print("\n" + done.stdout.strip())
    runs, cuts, rollovers, count = map(int, re.findall(r"\d+", done.stdout))
    assert runs == REBOOTS
    assert count >= REBOOTS
    assert cuts > 100
    assert rollovers > 20
