"""Nothing in the product is there for tests alone, but the other halves of formats."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tools", "ota_server", "demo")
# What encodes here is decoded by a device, and the other way round: tests stand in for devices.
FORMATS = ROOT / "tools/unitool/formats"
PLAIN = {"property", "cached_property", "classmethod", "staticmethod", "contextmanager", "cache"}


def _trees() -> dict[Path, ast.Module]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return {file: ast.parse(file.read_text()) for file in files}


TREES = _trees()
OUR_CLASSES = {n.name for t in TREES.values() for n in ast.walk(t) if isinstance(n, ast.ClassDef)}


def _used() -> set[str]:
    """Every name that product code mentions, and the scripts of pyproject.toml."""
    nodes = [n for t in TREES.values() for n in ast.walk(t)]
    names = {n.id for n in nodes if isinstance(n, ast.Name)}
    names |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    return names | {target.partition(":")[2] for target in scripts.values()}


def _is_called_from_outside(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator hands it to somebody, as click's and SQLAlchemy's do."""
    return any(ast.unparse(d).rpartition(".")[2] not in PLAIN for d in function.decorator_list)


def _functions(node: ast.AST, inherited: bool = False) -> Iterator[ast.FunctionDef]:
    """Functions and methods; not those of classes that override what a library calls."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            bases = {ast.unparse(base).partition("[")[0] for base in child.bases}
            foreign = bases - OUR_CLASSES - {"Protocol", "Exception", "Generic"}
            yield from _functions(child, bool(foreign))
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if not inherited and not child.name.startswith("__"):
                yield child  # type: ignore[misc]
            yield from _functions(child)


def test_product_calls_what_it_defines() -> None:
    used = _used()
    idle = [
        f"{path.relative_to(ROOT)}:{f.lineno} {f.name}"
        for path, tree in TREES.items()
        if not path.is_relative_to(FORMATS)
        for f in _functions(tree)
        if f.name not in used and not _is_called_from_outside(f)
    ]
    assert not idle, "\n".join(idle)
