"""Nothing in the product is there for tests alone, but the other halves of formats."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tools", "ota_server", "demo")
# Not the house's own, which speak of what is unused.
TESTS = tuple(
    f"tests/{p.name}" for p in (ROOT / "tests").iterdir() if p.is_dir() and p.name != "house"
)
# What encodes here is decoded by a device, and the other way round: tests stand in for devices.
FORMATS = ROOT / "tools/unitool/formats"
# Modules that are found by their names, as each command and each runner is.
BY_NAME = {
    path.relative_to(ROOT).as_posix()
    for pattern in ("commands/*.py", "runners/by_*.py")
    for path in (ROOT / "tools/unitool").glob(pattern)
}
# Where modules are run from, by path or by name.
RUNNERS = ("Makefile", "pyproject.toml", "tools/lint.py")
# What nobody mentions, each with the reason.
STAYS = {
    "DELTAS": "a feature that docs/protocol.md numbers, and nobody offers yet",
    "reloc_entries": "size.json has every field of its class",
    "get_command": "click calls it",
    "capture_signals": "uvicorn calls it",
}

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@cache
def _trees(*folders: str) -> dict[Path, ast.Module]:
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return {file: ast.parse(file.read_text()) for file in files}


def _words(tree: ast.AST) -> Counter[str]:
    """Count the names that are read here, also inside annotations that are strings."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            found[node.id if isinstance(node, ast.Name) else node.attr] += 1
        elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w\[\], .|]+", str(node.value)):
            found.update(re.findall(r"\b[A-Z]\w+", str(node.value)))
    return found


@cache
def _used(*folders: str) -> Counter[str]:
    """Every name that this code reads, and the entry points of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = (project["scripts"], *project.get("entry-points", {}).values())
    found = Counter(target.partition(":")[2] for group in groups for target in group.values())
    for tree in _trees(*folders).values():
        found += _words(tree)
    return found


def _is_called_from_outside(node: Node) -> bool:
    """Whether a decorator hands it to somebody, as click's and SQLAlchemy's do."""
    plain = {"property", "cached_property", "classmethod", "staticmethod", "contextmanager"}
    plain |= {"cache", "dataclass"}
    return any(
        ast.unparse(d).partition("(")[0].rpartition(".")[2] not in plain
        for d in getattr(node, "decorator_list", [])
    )


def _overriding(tree: ast.Module) -> set[Node]:
    """Methods of classes made from a library's: those that it has too, and calls."""
    origin = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    found: set[Node] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for base in (b.id for b in node.bases if isinstance(b, ast.Name) and b.id in origin):
            module, name = origin[base]
            if module.partition(".")[0] not in ("unitool", "ota_server", "demo"):
                theirs = dir(getattr(importlib.import_module(module), name))
                found |= {
                    m for m in node.body if isinstance(m, Node) and set(_names(m)) & {*theirs}
                }
    return found


def _names(node: Node) -> list[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        named = [n for target in targets for n in ast.walk(target)]
        return [n.id for n in named if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return [node.name]


def _defined(node: ast.AST) -> Iterator[Node]:
    """Functions, classes, constants and fields: of a module, of classes, inside functions."""
    for child in ast.iter_child_nodes(node):
        is_variable = isinstance(child, ast.Assign | ast.AnnAssign) and not isinstance(
            node, ast.Module | ast.ClassDef
        )
        if isinstance(child, Node) and not is_variable:
            yield child
        yield from _defined(child)


def _of_a_format(tree: ast.Module, path: Path) -> set[Node]:
    """Numbers that a format gives to things, looked up by number, and its fields, whole records."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and path.is_relative_to(FORMATS)
        for line in node.body
        if isinstance(line, ast.AnnAssign)
        or (isinstance(line, ast.Assign) and any("Enum" in ast.unparse(b) for b in node.bases))
    }


def _idle() -> Iterator[tuple[str, str]]:
    """Where something is defined that nobody else mentions, and its name."""
    for path, tree in _trees(*FOLDERS).items():
        used = _used(*FOLDERS)
        if path.is_relative_to(FORMATS):
            used = used + _used(*TESTS)
        skipped = _of_a_format(tree, path) | _overriding(tree)
        for node in _defined(tree):
            own = _words(node)  # of a function that calls itself
            for name in _names(node):
                is_kept = name.startswith("__") or _is_called_from_outside(node) or node in skipped
                if used[name] <= own[name] and not is_kept:
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {name}", name


def test_product_uses_what_it_defines() -> None:
    idle = [where for where, name in _idle() if name not in STAYS]
    assert not idle, "\n".join(idle)


def test_the_exceptions_are_needed() -> None:
    assert STAYS.keys() == {name for _, name in _idle()} & STAYS.keys()


def _imported() -> set[str]:
    found: set[str] = set()
    for tree in _trees(*FOLDERS).values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
                found.add(node.module or "")
    return found


def test_somebody_imports_each_module() -> None:
    runners = "\n".join((ROOT / name).read_text() for name in RUNNERS)
    imported = _imported()
    idle = []
    for path in _trees(*FOLDERS):
        place = path.relative_to(ROOT).as_posix()
        name = place.removeprefix("tools/").removesuffix(".py").replace("/", ".")
        is_run = re.search(rf"\b({re.escape(place)}|{re.escape(name)})(?![\w.])", runners)
        is_found = path.name in {"__init__.py", "__main__.py"} or place in BY_NAME
        if name not in imported and not is_run and not is_found:
            idle.append(place)
    assert not idle, "\n".join(idle)
