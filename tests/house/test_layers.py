"""The arrows of the architecture: who may include or import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from unitool import components

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*("[^"]*"|<[^>]*>|\S+)', re.MULTILINE)

# Who may include what of whom, besides his own. A file belongs to the longest folder that fits.
MAY_INCLUDE = {
    "hal/public": set(),
    "hal/include": {"hal/public"},
    "hal": {"hal/public", "hal/include", "firmware/lib", "generated"},
    "boards": {"hal", "hal/include", "generated"},
    "firmware/lib": {"hal/public", "p256-m"},
    "firmware/slots": {"hal/public", "hal/include", "firmware/lib", "generated"},
    "firmware/boot": {
        *("hal/public", "hal/include", "firmware/lib", "firmware/slots", "generated"),
    },
    "firmware/os": {"hal/public", "hal/include", "firmware/lib", "generated"},
    "firmware/net": {"hal/public", "hal/include", "firmware/os", "lwip", "generated"},
    "firmware/update": {
        *("hal/public", "hal/include", "firmware/lib", "firmware/slots", "firmware/os"),
        *("firmware/net", "generated"),
    },
    "firmware/apps": {
        *("hal/public", "firmware/lib", "firmware/os", "firmware/net", "firmware/update"),
        "generated",
    },
    "tests/apps": {
        *("hal/public", "hal/include", "firmware/lib", "firmware/os", "firmware/net"),
    },
}
# What no file of ours is, by name or by the first part of the path.
FOREIGN = {
    "layout.h": "generated",
    "flash_device.h": "generated",
    "app.h": "generated",
    "param": "generated",
    "lwip": "lwip",
    "netif": "lwip",
    "p256-m.c": "p256-m",
}
SYSTEM = {
    *("limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"),  # of every compiler
    *("errno.h", "stdlib.h", "string.h"),  # of picolibc
}


def _c_files(folder: str) -> list[Path]:
    return _files(folder, {".c", ".h", ".cpp", ".S"})


def _files(folder: str, suffixes: set[str]) -> list[Path]:
    return [
        p
        for p in (ROOT / folder).rglob("*")
        if p.suffix in suffixes and p.is_file() and "build" not in p.relative_to(ROOT).parts[:-1]
    ]


def _include_folders() -> list[Path]:
    """Every folder of ours that names of headers count from."""
    found = [ROOT / "hal" / name for name in ("public", "include", ".")]
    for c in components.catalog(ROOT / "firmware").values():
        found += [c.public_include, *(c.dir / sub for sub in c.include)]
    return found


FOLDERS = _include_folders()


def _owner(path: Path) -> str:
    """The entry of MAY_INCLUDE that a file belongs to."""
    fitting = [f for f in MAY_INCLUDE if path.is_relative_to(ROOT / f)]
    return max(fitting, key=len, default=f"{path}, which MAY_INCLUDE does not know")


def _target(path: Path, name: str) -> str | None:
    """Whose header `path` includes by `name`; None if nobody knows it."""
    if ".." in Path(name).parts:
        return None
    if (path.parent / name).is_file():
        return _owner(path.parent / name)
    ours = next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)
    return _owner(ours) if ours else FOREIGN.get(name, FOREIGN.get(name.split("/")[0]))


def _faults(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """What a file must not include, and why."""
    mine = _owner(path)
    for word in INCLUDE.findall(text):
        name, ends = word[1:-1], word[:1] + word[-1:]
        if ends == "<>":
            if name not in SYSTEM:
                yield word, "it is not on the list of system headers"
            continue
        target = _target(path, name) if ends == '""' else None
        if target is None:
            yield word, "nobody knows it"
        elif target != mine and target not in MAY_INCLUDE[mine]:
            yield word, f"it belongs to {target}"


@pytest.mark.parametrize("folder", ["firmware", "hal", "boards", "tests/apps"])
def test_includes_follow_the_arrows(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} includes {word}: {why}"
        for path in _c_files(folder)
        for word, why in _faults(path, path.read_text())
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("place", "line", "why"),
    [
        ("firmware/os/time/time.c", '#include "attic/attic.h"', "nobody knows it"),
        ("firmware/os/time/time.c", '#include "attic.h"', "nobody knows it"),
        ("firmware/os/time/time.c", "# include TIMER_HEADER", "nobody knows it"),
        ("firmware/os/time/time.c", '#include "../log/include/os/log.h"', "nobody knows it"),
        ("firmware/os/time/time.c", "#include <stdio.h>", "not on the list"),
        ("firmware/os/time/time.c", "#include <hal/timer.h>", "not on the list"),
        ("firmware/os/time/time.c", '#include "slots/journal.h"', "belongs to firmware/slots"),
        ("firmware/lib/crc/crc32.c", '#include "hal/flash.h"', "belongs to hal/include"),
        ("firmware/lib/crc/crc32.c", '#include "layout.h"', "belongs to generated"),
        ("firmware/apps/hello/main.c", '#include "hal/board.h"', "belongs to hal/include"),
        ("firmware/apps/hello/main.c", '#include "drivers/uart/cmsdk.h"', "belongs to hal"),
        ("firmware/apps/hello/main.c", '#include "lwip/tcp.h"', "belongs to lwip"),
        ("firmware/update/agent/poll.c", '#include "lwip/tcp.h"', "belongs to lwip"),
        ("hal/public/hal/err.h", '#include "hal/flash.h"', "belongs to hal/include"),
        ("hal/flash.c", '#include "os/log.h"', "belongs to firmware/os"),
    ],
)
def test_wrong_include_is_found(place: str, line: str, why: str) -> None:
    ((word, said),) = _faults(ROOT / place, f'#include "hal/err.h"\n{line}\n')
    assert word in line and why in said


def test_every_entry_stands_for_something() -> None:
    """Folders are there and complete, and what is allowed is also used."""
    assert not [f for f in MAY_INCLUDE if not _c_files(f)]
    assert {p.parent.name for p in (ROOT / "firmware").glob("*/*")} == {
        f.removeprefix("firmware/") for f in MAY_INCLUDE if f.startswith("firmware/")
    }
    used: dict[str, set[str | None]] = {folder: set() for folder in MAY_INCLUDE}
    system: set[str] = set()
    for path in (p for f in ("firmware", "hal", "boards", "tests/apps") for p in _c_files(f)):
        words = INCLUDE.findall(path.read_text())
        used[_owner(path)] |= {_target(path, w[1:-1]) for w in words if w[0] == '"'}
        system |= {w[1:-1] for w in words if w[0] == "<"}
    idle = {f: may - used[f] for f, may in MAY_INCLUDE.items() if may - used[f]}
    assert not idle and not SYSTEM - system, (idle, SYSTEM - system)
    assert not set(FOREIGN.values()) - {t for targets in used.values() for t in targets}


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
