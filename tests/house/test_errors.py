"""Each error says what to do next: where it is raised, or by the class where the cause is one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tools/unitool", "ota_server", "demo")
COMMAND_LINE = ("tools/unitool/commands/", "tools/unitool/options.py", "tools/unitool/cli.py")
DEFAULT = "next_step"  # of formats/reasons.py


@cache
def _trees() -> dict[str, ast.Module]:
    files = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


def _name(node: ast.expr) -> str:
    """`a.b.C` and `C` are both C."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


@cache
def _errors() -> dict[str, ast.ClassDef]:
    """UnitoolError and every class below it."""
    classes = [n for t in _trees().values() for n in ast.walk(t) if isinstance(n, ast.ClassDef)]
    found = {c.name: c for c in classes if c.name == "UnitoolError"}
    while more := {
        c.name: c
        for c in classes
        if c.name not in found and any(_name(base) in found for base in c.bases)
    }:
        found |= more
    return found


def _default(name: str) -> str | None:
    """The next step that a class gives by itself, or inherits."""
    for line in _errors()[name].body:
        if isinstance(line, ast.Assign) and _name(line.targets[0]) == DEFAULT:
            return str(ast.literal_eval(line.value))
    bases = [_name(base) for base in _errors()[name].bases if _name(base) in _errors()]
    return next((text for base in bases if (text := _default(base)) is not None), None)


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """What makes an error, and its class; also where a class of errors calls its base."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in _errors():
            yield _name(node.func), node
        if isinstance(node, ast.ClassDef) and node.name in _errors():
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
                if ast.unparse(call.func) == "super().__init__" and node.name != "UnitoolError":
                    yield _name(node.bases[0]), call


def _has_hint(call: ast.Call) -> bool:
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "hint")]
    return any(
        not isinstance(hint, ast.Constant) or (isinstance(hint.value, str) and hint.value.strip())
        for hint in given
    )


def test_every_error_has_a_hint() -> None:
    calls = [(path, *found) for path, tree in _trees().items() for found in _calls(tree)]
    assert len(calls) > 300
    silent = [
        f"{path}:{call.lineno}: {ast.unparse(call)}"
        for path, name, call in calls
        if not _has_hint(call) and not _default(name)
    ]
    assert not silent, "\n".join(silent)


def test_commands_raise_what_has_a_hint() -> None:
    """Anything else is a traceback to the user, or click's sentence without a next step."""
    raised = [
        (f"{path}:{node.lineno}: {ast.unparse(node)}", node.exc)
        for path, tree in _trees().items()
        if path.startswith(COMMAND_LINE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and node.exc is not None
    ]
    assert len(raised) > 20
    wrong = [
        where
        for where, error in raised
        if _name(error.func if isinstance(error, ast.Call) else error) not in _errors()
        and not ast.unparse(error).startswith("type(error)(")  # the one that was caught
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_leaves_the_next_step_to_click() -> None:
    of_click = {"BadParameter", "BadOptionUsage", "BadArgumentUsage", "ClickException"}
    wrong = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (_name(node.func) in of_click or ast.unparse(node.func) == "click.UsageError")
    ]
    assert not wrong, "\n".join(wrong)


def test_only_refusals_of_bytes_have_a_hint_by_class() -> None:
    """Elsewhere one class has many causes, and each its own remedy."""
    having = {name for name in _errors() if _default(name) is not None}
    here = {
        node.name
        for node in _trees()["tools/unitool/formats/reasons.py"].body
        if isinstance(node, ast.ClassDef)
    }
    assert having and having <= here
