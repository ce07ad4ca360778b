"""Nothing in the attic: what a C header declares, somebody calls.

What apps are given (the headers of os, net, update, storage and hal) is called by the product, an
app or a test. Everything else is called by the product: by another file, or, where tests need it by
its name, by its own. Other functions are static, and of those the compiler says when one is unused.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.house import c_code
from tests.house.c_code import ROOT, Declaration

FOR_APPS = {"os", "net", "update", "storage"}


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
