# SPDX-License-Identifier: Apache-2.0
"""Power cut at every flash operation of install, confirm and revert, on six kinds of flash.

After each the real bootloader must start a valid image, the update must end, and a later install
must succeed; campaign.c and device.c hold these demands. Here: images, and what was covered.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.sim import host, sites

GEOMETRIES = range(6)
KIB = 1024
# Bodies of the images: first, second, faulty, later, small, smaller (campaign.c).
SIZES = (20 * KIB, 30 * KIB + 6, 3 * KIB + 2, 26 * KIB, 5 * KIB + 2, 4 * KIB)
SIZES_LARGE_BLOCKS = (24 * KIB, 280 * KIB + 6, 3 * KIB + 2, 20 * KIB, 5 * KIB + 2, 4 * KIB)
HEAD = "| flash | scenario | operations | cuts | boots | resumed | s |"
# Each must have been cut in every way.
EXPECTED = {
    "SLOT installing",
    "SLOT ready",
    "SLOT trying",
    "SLOT confirmed",
    "SLOT bad",
    "SLOT reverted",
    "BOOT",
    "START, rolling over",
    "SLOT confirmed, rolling over",
    "erase journal",
    "erase slot A",
    "erase slot B",
    "write slot A",
    "write slot B",
}
# The first geometry's journal rolls over at every place that it can.
EXPECTED_FIRST = EXPECTED | {
    "START",
    "BOOT, rolling over",
    "SLOT trying, rolling over",
    "SLOT ready, rolling over",
    "SLOT installing, rolling over",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the campaign, compiled once."""
    return host.build(
        tmp_path_factory.mktemp("sim"), ["campaign.c", "device.c", "nor.c", "geometry.c"]
    )


def _call_sites() -> set[str]:
    """Return every call of hal's in all of firmware, and the bootloader's calls of firmware/slots.

    tests/firmware/update/test_power_cuts.py has those of all others.
    """
    upper = sites.places(sites.changers(), outside=sites.SLOTS)
    return sites.places(sites.PRIMITIVES) | {p for p in upper if p.startswith("firmware/boot/")}


def _covered(lines: list[str], kind: str) -> dict[str, list[int]]:
    rows = [line.split("\t") for line in lines if line.startswith(kind + "\t")]
    return {name: [int(n) for n in counts] for _, name, *counts in rows}


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_device_survives_a_cut_at_every_flash_operation(
    geometry: int, program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = subprocess.run(
        [program, "geometry", str(geometry)], check=True, capture_output=True, text=True
    )
    base, slot_a, slot_b = map(int, facts.stdout.split())
    place = host.Place(base + slot_a, base + slot_b)
    granule = 4 if geometry % 2 else 2
    sizes = SIZES_LARGE_BLOCKS if geometry == 1 else SIZES
    files = [
        host.signed(host.body(place, size, seed=n, granule=granule), counter=n, minor=n)
        for n, size in enumerate(sizes)
    ]
    host.write_images(tmp_path, place, files)
    done = subprocess.run([program, "run", str(geometry), tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    rows = [line for line in lines if line.startswith("|")]
    with capsys.disabled():
        print("\n" + "\n".join([HEAD, *rows]))
    assert sum(int(row.split("|")[6]) for row in rows) > 0, "no install was ever resumed"
    cut = {sites.in_checkout(told): counts for told, counts in _covered(lines, "site").items()}
    cut.pop(None, None)
    assert set(cut) == _call_sites()
    assert all(min(counts) > 0 for counts in cut.values()), cut
    whats = _covered(lines, "what")
    for name in EXPECTED_FIRST if geometry == 0 else EXPECTED:
        assert min(whats[name]) > 0, (name, whats)
