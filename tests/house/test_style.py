"""Limits that keep the house readable. What is over one says why: `// long: …`, `// many: …`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house import c_code

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("firmware", "hal", "boards")
FUNCTION_LINES = 60
PARAMETERS = 5
FILE_LINES = 500
CONDITIONALS = 10


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def _c_files() -> list[Path]:
    return [p for p in _tracked("*.c", "*.h", "*.cpp") if p.relative_to(ROOT).parts[0] in FOLDERS]


def _functions(path: Path) -> list[tuple[str, int, str]]:
    """(name, lines, text above and inside) of each function that starts at column 0."""
    lines = path.read_text().splitlines()
    found, start = [], None
    for i, line in enumerate(lines):
        if start is None and re.match(r"[A-Za-z_].*\)\s*(\{|$)|[A-Za-z_].*\{$", line):
            if line.rstrip().endswith("{") and not re.match(
                r"(static\s+)?(const\s+)?(enum|struct|union|namespace|extern \"C\")\b[^(]*\{$", line
            ):
                start = i
        elif line.startswith("}") and start is not None:
            found.append((lines[start], i - start + 1, "\n".join(lines[max(0, start - 6) : i])))
            start = None
    return found


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {name} has {n} lines"
        for path in _c_files()
        for name, n, text in _functions(path)
        if n > FUNCTION_LINES and "long:" not in text
    ]
    assert not long, "\n".join(long)


def test_functions_take_few_parameters() -> None:
    many = []
    for path in _c_files():
        lines = path.read_text().splitlines()
        for found in (*c_code.definitions(path), *c_code.declarations(path)):
            reason = "\n".join(lines[max(0, found.line - 4) : found.line])
            if len(found.parameters) > PARAMETERS and not re.search(r"// many: \w", reason):
                many.append(f"{found} takes {len(found.parameters)} parameters")
    assert not many, "\n".join(many)


def test_files_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {n} lines"
        for path in [*_c_files(), *_tracked("tools/*.py", "ota_server/*.py")]
        if (n := len(path.read_text().splitlines())) > FILE_LINES
    ]
    assert not long, "\n".join(long)


def test_conditional_compilation_is_the_exception() -> None:
    found = []
    for path in _c_files():
        relative = path.relative_to(ROOT)
        if relative.is_relative_to("hal/arch") or path.name == "lwipopts.h" or "arch" in path.parts:
            continue
        found += [
            f"{relative}:{i}"
            for i, line in enumerate(path.read_text().splitlines(), 1)
            if re.match(r"\s*#\s*if", line) and "__cplusplus" not in line
        ]
    assert len(found) < CONDITIONALS, "\n".join(found)


def test_every_source_has_licence_and_purpose() -> None:
    wrong = []
    for path in _c_files():
        first, second, *_ = [*path.read_text().splitlines(), "", ""]
        if first != "// SPDX-License-Identifier: Apache-2.0" or not second.startswith("// "):
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("pattern", [r"\.\./shared", r"/(root|work)/", r"\bTODO\b(?!\()"])
def test_tree_speaks_of_the_product_alone(pattern: str) -> None:
    wrong = []
    for path in _tracked():
        if path.is_relative_to(ROOT / "tests/house") or path.suffix in {".png", ".svg", ".bin"}:
            continue
        text = path.read_text(errors="replace")
        wrong += [
            f"{path.relative_to(ROOT)}: {line.strip()}"
            for line in text.splitlines()
            if re.search(pattern, line)
        ]
    assert not wrong, "\n".join(wrong)


def test_no_committed_binary_above_4_kb() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in _tracked()
        if path.stat().st_size > 4096
        and b"\0" in path.read_bytes()[:8192]
        and path.suffix != ".png"
    ]
    assert not wrong, wrong
