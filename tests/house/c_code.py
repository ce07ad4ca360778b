"""What the C headers declare, read from their text: enough for this house's own style, no more."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("firmware", "hal", "boards")
_NAME = r"[A-Za-z_]\w*"
# One line per declaration: a type, then a name and its parameters, or a function pointer.
_FUNCTION = re.compile(rf"(?P<type>(?:{_NAME}[ *]+)+)(?P<name>{_NAME})\((?P<parameters>.*)\)")
_POINTER = re.compile(rf"(?P<type>(?:{_NAME}[ *]+)+)\(\*(?P<name>{_NAME})\)\((?P<parameters>.*)\)$")
_ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)\s*")
_STRING_OR_COMMENT = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL
)
_OF_A_GROUP = ("Each ", "Both ", "Both: ")
_NOT_A_TYPE = {"return", "else", "typedef", "enum", "struct", "case", "goto"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A function, or a pointer to one in a struct."""

    header: Path
    line: int
    type: str  # of the result, without storage class
    name: str
    parameters: tuple[str, ...]
    comment: str  # directly above, and behind it; or that of its group (see test_contracts.py)
    is_pointer: bool

    def __str__(self) -> str:
        return f"{self.header.relative_to(ROOT)}:{self.line}: {self.name}"


def tracked(*patterns: str) -> list[Path]:
    """Return the files of the checkout that git knows, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@cache
def product(*suffixes: str) -> tuple[Path, ...]:
    """Return the product's files with these suffixes."""
    found = tracked(*PRODUCT)
    return tuple(path for path in found if path.suffix in suffixes)


@cache
def without_comments(path: Path) -> str:
    """Return the text with comments blanked, so that lines keep their numbers."""
    return _STRING_OR_COMMENT.sub(
        lambda found: found[0] if found[0][0] in "\"'" else "\n" * found[0].count("\n"),
        path.read_text(),
    )


def split_parameters(text: str) -> tuple[str, ...]:
    """Return the parameters of a list; commas of function pointers do not count."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    parts.append(current.strip())
    return tuple(part for part in parts if part not in {"", "void"})


@cache
def declarations(header: Path) -> tuple[Declaration, ...]:
    """Return what a header declares, inline functions too, other static ones left out."""
    lines = header.read_text().splitlines()
    bare = without_comments(header).splitlines()
    found = []
    at = 0
    group = ""
    while at < len(lines):
        if not lines[at].strip():
            group = ""
        end = _end_of_declaration(bare, at)
        if end is None:
            at += 1
            continue
        text = _ATTRIBUTE.sub("", " ".join(line.strip() for line in bare[at : end + 1]))
        above = _comment_above(lines, at)
        if above.startswith(_OF_A_GROUP):
            group = above
        if declared := _parse(text):
            behind = [line.split("//", 1)[1] for line in lines[at : end + 1] if "//" in line]
            comment = " ".join([above or group, *behind])
            found.append(Declaration(header, at + 1, *declared[:3], comment, declared[3]))
        at = end + 1
    return tuple(found)


def _end_of_declaration(bare: list[str], at: int) -> int | None:
    """Return the last line of the declaration, or head of an inline one, that starts here."""
    if not re.match(rf"\s*{_NAME}[ *]", bare[at]) or "(" not in bare[at] or "=" in bare[at]:
        return None
    for end in range(at, min(at + 6, len(bare))):
        if "{" in bare[end]:
            return end if bare[at].startswith("static inline ") else None
        if bare[end].rstrip().endswith(";"):
            return end
    return None


def _parse(text: str) -> tuple[str, str, tuple[str, ...], bool] | None:
    text = text.partition("{")[0].rstrip().removesuffix(";").rstrip()
    for pattern, is_pointer in ((_POINTER, True), (_FUNCTION, False)):
        match = pattern.fullmatch(text)
        if match and match["type"].split()[0] not in _NOT_A_TYPE - {"enum", "struct"}:
            words = match["type"].split()
            if "static" in words and "inline" not in words:
                return None
            kind = " ".join(w for w in words if w not in {"extern", "static", "inline"})
            return kind, match["name"], split_parameters(match["parameters"]), is_pointer
    return None


def _comment_above(lines: list[str], at: int) -> str:
    above = []
    while at > 0 and lines[at - 1].lstrip().startswith("//"):
        at -= 1
        above.insert(0, lines[at].lstrip().removeprefix("//").strip())
    return " ".join(above)


@dataclass(frozen=True, slots=True)
class Definition:
    """A function with its body."""

    source: Path
    line: int
    type: str  # of the result, with what else stands before the name
    name: str
    parameters: tuple[str, ...]
    is_static: bool
    body: str  # without comments, strings and characters emptied

    def __str__(self) -> str:
        return f"{self.source.relative_to(ROOT)}:{self.line}: {self.name}"


_HEAD = re.compile(
    rf"^(?P<before>(?:{_NAME}[ *]+)+)(?P<name>{_NAME})\((?P<parameters>[^{{}};]*)\)\s*\{{",
    re.MULTILINE,
)
_LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')


@cache
def definitions(source: Path) -> tuple[Definition, ...]:
    """Return the functions that a source, or a header, defines."""
    text = _LITERAL.sub("0", without_comments(source))
    text = _ATTRIBUTE.sub(lambda found: "\n" * found[0].count("\n"), text)
    found = []
    for head in _HEAD.finditer(text):
        words = head["before"].split()
        if words[0] in _NOT_A_TYPE - {"enum", "struct"}:
            continue
        found.append(
            Definition(
                source,
                text.count("\n", 0, head.start()) + 1,
                " ".join(words),
                head["name"],
                split_parameters(head["parameters"]),
                "static" in words,
                text[head.end() : closing(text, head.end() - 1)],
            )
        )
    return tuple(found)


def closing(text: str, opening: int) -> int:
    """Return where the bracket at `opening` is closed."""
    pair = {"(": ")", "{": "}"}[text[opening]]
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] == text[opening]) - (text[at] == pair)
        if depth == 0:
            return at
    raise ValueError(f"nothing closes {text[opening : opening + 40]!r}")
