"""Nothing in the attic: what a C header declares, somebody calls.

What apps are given (the headers of os, net, update and hal) is called by the product, an
app or a test. Everything else is called by the product: by another file, or, where tests need it by
its name, by its own. Other functions are static, and of those the compiler says when one is unused.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.house import c_code
from tests.house.c_code import ROOT, Declaration

FOR_APPS = {"os", "net", "update"}
# Words of the product's headers that nobody mentions, each with the reason.
_FORMAT = "one of a format's list, which is whole"
UNMENTIONED = {
    "CBOR_SIMPLE": _FORMAT,
    "CBOR_TAG": _FORMAT,
    "MBEDTLS_PSA_P256M_DRIVER_ENABLED": "p256-m.c asks for it",
    "MPU_CTRL": "protect.c reaches it from MPU_RBAR, in assembly",
    "SLOT_REASON_LOCAL": _FORMAT,
    "SLOT_REASON_SERVER": _FORMAT,
}


def is_for_apps(header: Path) -> bool:
    """Whether an application may include this header."""
    first, second, *rest = header.relative_to(ROOT).parts
    if first == "hal":
        return second in {"include", "public"}
    return first == "firmware" and second in FOR_APPS and "include" in rest


def functions() -> list[Declaration]:
    """Return what the product's headers declare, but for pointers in structs."""
    return [
        d
        for header in c_code.product(".h")
        if "port" not in header.parts  # what third-party sources call
        for d in c_code.declarations(header)
        if not d.is_pointer
    ]


@cache
def users(*folders: str) -> dict[str, set[Path]]:
    """Return for each word the files below these folders that use it."""
    found: dict[str, set[Path]] = {}
    for path in c_code.tracked(*folders):
        for word in _used_words(path):
            found.setdefault(word, set()).add(path)
    return found


def _used_words(path: Path) -> set[str]:
    if path.name == "component.toml":  # called by the generated init
        return set(re.findall(r'^init = "(\w+)"', path.read_text(), re.MULTILINE))
    if path.suffix == ".ld":
        return set(re.findall(r"ENTRY\((\w+)\)", path.read_text()))
    if path.suffix not in {".c", ".h", ".cpp", ".S"}:
        return set()
    words: set[str] = set()
    for line in c_code.without_comments(path).splitlines():
        # At column 0 stand declarations and the heads of definitions; what initialises is used.
        code = line if line[:1] in {" ", "\t", "#"} else line.partition("=")[2]
        if not re.match(r"\s*\.(global|globl|type|size|weak)\b", code):
            words |= set(re.findall(r"[A-Za-z_]\w*", code))
    return words


def _definers(name: str) -> set[Path]:
    return {
        source
        for source in c_code.product(".c", ".S", ".h")
        if any(d.name == name for d in c_code.definitions(source))
    }


@pytest.mark.parametrize("declared", functions(), ids=lambda d: d.name)
def test_somebody_calls_it(declared: Declaration) -> None:
    by_product = users(*c_code.PRODUCT).get(declared.name, set())
    by_tests = users("tests").get(declared.name, set())
    if is_for_apps(declared.header):
        elsewhere = by_product - _definers(declared.name)
        assert elsewhere or by_tests, f"{declared} is called by no app, no test and nothing else"
        return
    assert by_product, f"{declared} has no caller in the product"
    assert by_product - _definers(declared.name) or by_tests, f"{declared} should be static"


_SOURCES = {".c", ".h", ".cpp", ".S", ".ld"}


@cache
def _code() -> tuple[Path, ...]:
    return tuple(p for p in c_code.tracked(*c_code.PRODUCT, "tests") if p.suffix in _SOURCES)


def _headers() -> list[Path]:
    return [h for h in c_code.product(".h") if "port" not in h.parts]  # third-party sources' own


def test_somebody_includes_each_header() -> None:
    include = re.compile(r"#\s*include\s*[\"<]([^\">]+)")
    included = {name for path in _code() for name in include.findall(path.read_text())}
    idle = [
        str(h.relative_to(ROOT))
        for h in _headers()
        if not any(h.as_posix().endswith("/" + name) for name in included)
    ]
    assert not idle, "\n".join(idle)


def test_a_board_uses_each_driver() -> None:
    boards = [tomllib.loads(p.read_text()) for p in c_code.tracked("boards/*/board.toml")]
    used = {driver for board in boards for driver in board["board"]["drivers"]}
    there = c_code.tracked("hal/drivers")
    idle = [
        str(p.relative_to(ROOT))
        for p in there
        if p.relative_to(ROOT / "hal/drivers").with_suffix("").as_posix() not in used
    ]
    assert there and not idle, "\n".join(idle)


def _unmentioned() -> dict[str, Path]:
    """Macros and enum constants of headers that stand nowhere but where they are defined."""
    mentioned: Counter[str] = Counter()
    for path in _code():
        mentioned.update(re.findall(r"[A-Za-z_]\w*", c_code.without_comments(path)))
    found = {}
    for header in _headers():
        text = c_code.without_comments(header)
        names = re.findall(r"^\s*#\s*define\s+(\w+)", text, re.MULTILINE)
        for body in re.findall(r"\benum\b[^{;()]*\{([^}]*)\}", text):
            names += re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)\s*(?==|,|$)", body)
        found.update({name: header for name in names if mentioned[name] < 2})
    return found


def test_somebody_mentions_each_constant() -> None:
    found = _unmentioned()
    idle = [f"{h.relative_to(ROOT)}: {n}" for n, h in found.items() if n not in UNMENTIONED]
    assert not idle, "\n".join(idle)
    assert UNMENTIONED.keys() <= found.keys()
