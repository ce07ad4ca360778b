"""The arrows of the architecture: who may include or import whom."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)

LIB = {"crc", "crypto", "cbor", "image"}
# First part of an include's path → which layer owns it.
OWNER = {name: "lib" for name in LIB} | {
    "hal": "hal",
    "drivers": "drivers",
    "chip": "drivers",
    "arch": "drivers",
    "slots": "slots",
    "os": "os",
    "net": "net",
    "storage": "storage",
    "update": "update",
    "lwip": "lwip",
    "netif": "lwip",
    "param": "generated",
    "gen": "generated",
}
MAY_INCLUDE = {
    "firmware/lib": {"lib", "hal/err.h"},
    "firmware/slots": {"lib", "hal", "slots", "generated"},
    "firmware/boot": {"lib", "hal", "slots", "generated"},
    "firmware/os": {"lib", "hal", "os", "slots", "generated"},
    "firmware/net": {"lib", "hal", "os", "net", "lwip", "generated"},
    "firmware/storage": {"lib", "hal", "os", "storage", "generated"},
    "firmware/update": {"lib", "hal", "os", "net", "slots", "update", "generated"},
    "firmware/apps": {"lib", "hal", "os", "net", "storage", "update", "generated"},
    "hal": {"lib", "hal", "drivers", "generated"},
    "boards": {"hal", "drivers", "generated"},
}


def _c_files(folder: str) -> list[Path]:
    return _files(folder, {".c", ".h", ".cpp", ".S"})


def _files(folder: str, suffixes: set[str]) -> list[Path]:
    return [
        p
        for p in (ROOT / folder).rglob("*")
        if p.suffix in suffixes and p.is_file() and "build" not in p.relative_to(ROOT).parts[:-1]
    ]


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_includes_follow_the_arrows(folder: str) -> None:
    wrong = []
    for path in _c_files(folder):
        for name in INCLUDE.findall(path.read_text()):
            owner = OWNER.get(name.split("/")[0]) if "/" in name else None
            if owner is None or owner in MAY_INCLUDE[folder] or name in MAY_INCLUDE[folder]:
                continue
            wrong.append(f"{path.relative_to(ROOT)} includes {name}")
    assert not wrong, "\n".join(wrong)


def test_only_net_names_lwip() -> None:
    wrong = [
        str(p.relative_to(ROOT))
        for folder in ("firmware", "hal", "boards")
        for p in _c_files(folder)
        if not p.is_relative_to(ROOT / "firmware/net") and re.search(r"\blwip", p.read_text())
    ]
    assert not wrong, wrong


def _board_names() -> list[str]:
    return [p.parent.name for p in (ROOT / "boards").glob("*/board.toml")]


def test_nothing_about_a_board_lives_outside_its_folder() -> None:
    wrong = []
    for folder in ("firmware", "hal", "tools", "ota_server"):
        for path in _files(folder, {".c", ".h", ".S", ".ld", ".py", ".cpp"}):
            wrong += [
                f"{path.relative_to(ROOT)} names {name}"
                for name in _board_names()
                if name in path.read_text()
            ]
    assert not wrong, "\n".join(wrong)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_server_shares_only_the_formats_with_the_tool() -> None:
    allowed = ("unitool.formats", "unitool.errors")
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "ota_server").rglob("*.py")
        for name in _imports(path)
        if name.startswith("unitool.") and not name.startswith(allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_formats_know_nothing_of_the_tool() -> None:
    allowed = ("unitool.formats", "unitool.errors")
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "tools/unitool/formats").rglob("*.py")
        for name in _imports(path)
        if name.startswith(("unitool.", "ota_server")) and not name.startswith(allowed)
    ]
    assert not wrong, "\n".join(wrong)
