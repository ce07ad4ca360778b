"""One sitting: how much one has to read to know what the bootloader does.

Counted are lines that are neither empty nor comments nor includes: of each source of the
bootloader's components what stands outside functions, and the functions that are reached from its
entries. Drivers and start code (hal, boards) and p256-m (Mbed TLS) come besides.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from unitool import components
from unitool.build import BOOT

from tests.house import c_code
from tests.house.c_code import ROOT, Definition

ENTRIES = {"hal_main", "hal_fault"}
GUIDE = ROOT / "docs/security.md"
DECIDES = ("firmware/boot", "firmware/slots")
RESTS_ON = ("firmware/lib",)
SLACK = 0.03  # the guide's ceilings say how much there is, not how much there might be


@cache
def sources() -> tuple[Path, ...]:
    """Return what is compiled of firmware/ for the bootloader, with headers that define."""
    chosen = components.resolve([BOOT], components.catalog(), who="the bootloader").order
    files = [f for part in chosen for pattern in part.sources for f in part.dir.glob(pattern)]
    headers = [h for part in chosen for h in part.dir.glob("*.h")]
    return tuple(sorted(f for f in [*files, *headers] if c_code.definitions(f)))


@cache
def reached() -> frozenset[Definition]:
    """Return the functions that its entries lead to, and hal's calls of firmware/lib."""
    own = {f: {d.name: d for d in c_code.definitions(f)} for f in sources()}
    public = {d.name: d for names in own.values() for d in names.values() if _is_shared(d)}
    hal = [d for f in c_code.product(".c") if "hal" in f.parts for d in c_code.definitions(f)]
    left = [d for d in public.values() if d.name in ENTRIES]
    left += [public[name] for d in hal for name in _names(d.body) if name in public]
    found: set[Definition] = set()
    while left:
        d = left.pop()
        if d not in found:
            found.add(d)
            near = _near(d.source, own)
            left += [near.get(n) or public[n] for n in _names(d.body) if n in near or n in public]
    return frozenset(found)


def _near(source: Path, own: dict[Path, dict[str, Definition]]) -> dict[str, Definition]:
    """Return what a source defines or finds in a header beside it."""
    found: dict[str, Definition] = {}
    for file in (*(f for f in own if f.suffix == ".h" and f.parent == source.parent), source):
        found |= own[file]
    return found


def _is_shared(d: Definition) -> bool:
    return not d.is_static


def _names(body: str) -> set[str]:
    """Return what is called, or handed on by its name."""
    return {*re.findall(r"(?<![\w.>])([a-z_]\w*)\(", body), *re.findall(r"= ([a-z_]\w*)[,}]", body)}


@cache
def lines_of(source: Path) -> int:
    """Return how many lines of it count."""
    text = c_code.without_comments(source).splitlines()
    counts = [bool(line.strip()) and not line.startswith("#include") for line in text]
    for d in c_code.definitions(source):
        if d not in reached():
            end = d.line - 1 + d.body.count("\n")
            while not text[end].startswith("}"):
                end += 1
            counts[d.line - 1 : end + 1] = [False] * (end + 2 - d.line)
    return sum(counts)


def read_files(*folders: str) -> dict[str, int]:
    """Return the files below these folders that have a part in it, and their lines."""
    return {
        str(f.relative_to(ROOT)): lines_of(f)
        for f in sources()
        if f.relative_to(ROOT).as_posix().startswith(folders)
        and any(d.source == f for d in reached())
    }


def test_guide_lists_what_the_bootloader_links() -> None:
    listed = re.findall(r"^\| `(firmware/\S+)`", GUIDE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(read_files(*DECIDES, *RESTS_ON))


def test_bootloader_is_one_sitting() -> None:
    text = " ".join(GUIDE.read_text().split())
    ceilings = re.search(
        r"decides takes at most ([\d,]+) lines .* rest on at most ([\d,]+) more", text
    )
    assert ceilings, f"{GUIDE.name} says how much there is to read"
    for folders, ceiling in zip((DECIDES, RESTS_ON), ceilings.groups(), strict=True):
        most = int(ceiling.replace(",", ""))
        lines = sum(read_files(*folders).values())
        assert most * (1 - SLACK) <= lines <= most, f"{lines} lines in {', '.join(folders)}"
