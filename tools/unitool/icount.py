"""Exact counts of executed instructions on emulated boards, by a QEMU plugin of our own."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unitool import output, paths
from unitool.errors import SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The count when an event was reported."""

    kind: str  # "pc", "st" or "end"
    address: int
    count: int


def plugin_options(
    qemu: str, out: Path, *, pcs: Sequence[int] = (), stores: Sequence[int] = (), limit: int = 1
) -> list[str]:
    """Return QEMU options that report counts to `out` when `pcs` run or `stores` are written.

    `limit` is the number of reports for each address. Builds the plugin on first use.
    """
    words = [str(_plugin(qemu)), f"out={out}", f"max={limit}"]
    words += [f"pc={address & ~1:#x}" for address in pcs]
    words += [f"st={address:#x}" for address in stores]
    return ["-plugin", ",".join(words)]


def read(out: Path) -> list[Event]:
    """Return what the plugin has reported so far, in order."""
    events = []
    for line in out.read_text().splitlines():
        kind, address, count = line.split()
        events.append(Event(kind=kind, address=int(address, 0), count=int(count)))
    return events


def _plugin(qemu: str) -> Path:
    version = output.run([qemu, "--version"]).stdout
    match = re.search(r"version (\d+)\.", version)
    if match is None:
        raise SetupError(f"{qemu} does not say its version", "unitool doctor")
    # API 2 (QEMU 9) ended compatibility with 1; what the plugin uses is the same in both
    api = 2 if int(match[1]) >= 9 else 1
    source = paths.checkout() / "tools/icount/icount.c"
    built = paths.cache() / f"icount-{api}.so"
    if built.exists() and built.stat().st_mtime >= source.stat().st_mtime:
        return built
    if shutil.which("gcc") is None:
        raise SetupError("gcc is missing", "sudo apt-get install gcc")
    built.parent.mkdir(parents=True, exist_ok=True)
    fresh = built.with_suffix(".new")
    try:
        output.run(["gcc", "-O2", "-shared", "-fPIC", f"-DICOUNT_API={api}", "-o", fresh, source])
    except subprocess.CalledProcessError as error:
        raise SetupError(
            f"the instruction counter does not compile: {error.stderr}",
            "sudo apt-get install gcc libc6-dev",
        ) from None
    fresh.rename(built)
    return built
