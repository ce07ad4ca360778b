"""Straight answers: each C function that can fail says how, and says the truth.

The comment at a declaration (directly above, or behind it) names the errors. One that begins with
"Each" or "Both" counts for all declarations below it up to the next empty line. "errors of f and g"
stands for what their comments name, "errors of the source" for those of an image source. A signed
result that is no error says so: "no enum err". One that is never negative: "cannot fail". A
callback that the caller writes: what a "negative return" does.

What a function can return is read from its code: the errors that it names itself, and what the
functions name whose results it passes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house import c_code
from tests.house.c_code import Declaration, Definition

_SIGNED = {"int", "int32_t", "int64_t"}
_ERROR = re.compile(r"\bERR_[A-Z_]+\b")
_OTHER_WORDS = ("cannot fail", "no enum err", "negative return")
_NAMES = r"`?[a-z_][a-z0-9_]*`?"
_REFERENCE = re.compile(rf"\berrors of ({_NAMES}(?:(?:, | and ){_NAMES})*)", re.IGNORECASE)
_CALL = re.compile(r"(?P<object>(?:\w+(?:\[\w+\])?(?:->|\.))*)\b(?P<name>[A-Za-z_]\w*)\(")

# Errors that the code seems to pass on and cannot, by function, each with the reason.
_FITS = "the record has a fixed size"
_INSIDE = "the layout's areas lie in the flash"
CANNOT = {
    "boot_record_put": {"ERR_RANGE": _FITS},
    "facts_slot_version": {"ERR_RANGE": _INSIDE},
    "identity_load": {"ERR_RANGE": _INSIDE},
    "image_canonical_digest": {"ERR_STATE": "all of the table is readable"},
    "reloc_head_ready": {
        **dict.fromkeys(("ERR_ECC", "ERR_ERASED", "ERR_RANGE"), "it reads RAM that is there"),
        "ERR_STATE": "that is the answer 0",
    },
    "slot_check": {"ERR_RANGE": _INSIDE},
    "slot_writer_abort": {"ERR_RANGE": _FITS},
    "slot_writer_ready": {"ERR_RANGE": _FITS},
    "slot_writer_write": {"ERR_STATE": "slots begin on a block; what the table needs is held"},
    "wear_draw": {"ERR_RANGE": _FITS},
}
# Errors that the code does not show, by function, each with the reason.
_TO_FN = "`fn` is called with it"
BESIDES = {
    "net_dns_resolve": dict.fromkeys(("ERR_IO", "ERR_NOT_FOUND", "ERR_TIMED_OUT"), _TO_FN),
}


@cache
def known_errors() -> frozenset[str]:
    """Return the names in hal/err.h."""
    (header,) = (p for p in c_code.product(".h") if p.name == "err.h" and p.parent.name == "hal")
    return frozenset(re.findall(r"^\s*(ERR_\w+) =", header.read_text(), re.MULTILINE))


@cache
def contracts() -> tuple[Declaration, ...]:
    """Return every declaration whose result may be an error."""
    headers = c_code.product(".h")
    return tuple(d for header in headers for d in c_code.declarations(header) if d.type in _SIGNED)


@cache
def stated(name: str) -> frozenset[str]:
    """Return what the comments at declarations of that name say, references followed."""
    found: set[str] = set()
    for declared in contracts():
        if declared.name == name:
            found |= set(_ERROR.findall(declared.comment))
            for other in references(declared):
                found |= stated(other)
    return frozenset(found)


def references(declared: Declaration) -> set[str]:
    """Return the functions whose errors a comment makes its own."""
    text = declared.comment.replace("errors of the source", "errors of read")
    return {
        name.strip("`")
        for listed in _REFERENCE.findall(text)
        for name in re.split(r", | and ", listed)
    } - {declared.name}


def test_each_says_what_its_int_means() -> None:
    silent = [
        str(d)
        for d in contracts()
        if not stated(d.name) and not any(word in d.comment.lower() for word in _OTHER_WORDS)
    ]
    assert not silent, "these do not name their errors:\n" + "\n".join(silent)


def test_only_what_exists_is_named() -> None:
    names = {d.name for d in contracts()}
    wrong = [f"{d} refers to {name}" for d in contracts() for name in references(d) - names]
    wrong += [
        f"{d} names {name}"
        for d in contracts()
        for name in _ERROR.findall(d.comment)
        if name not in known_errors()
    ]
    assert not wrong, "\n".join(wrong)


@cache
def flow() -> Flow:
    """Return the one reading of all sources."""
    return Flow()


@dataclass(frozen=True, slots=True)
class Use:
    """A place in a function where an error, or the result of another function, is kept."""

    target: str  # "return", or the variable or field that it is assigned to
    name: str  # of the error or function
    through_pointer: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What matters of a function's body."""

    uses: tuple[Use, ...]
    returned: frozenset[str]  # variables, and "return"
    returned_fields: frozenset[str]

    @classmethod
    def of(cls, body: str) -> Reading:
        """Read a body."""
        uses = [
            Use(_target(body, found.start()), found[0])
            for found in _ERROR.finditer(body)
            if not _is_compared(body, found.start(), found.end())
        ]
        for found in _CALL.finditer(body):
            end = c_code.closing(body, found.end() - 1) + 1
            if not _is_compared(body, found.start(), end):
                uses.append(Use(_target(body, found.start()), found["name"], bool(found["object"])))
        for step in re.findall(r"\]\s*=\s*([a-z_]\w*)\s*,", body):  # a table of functions
            uses.append(Use("return", step))
        returned = " ".join(re.findall(r"\breturn\b[^;]*;", body))
        while (shorter := re.sub(r"\([^()]*\)", "", returned)) != returned:
            returned = shorter
        return cls(
            uses=tuple(use for use in uses if use.target),
            returned=frozenset({"return", *re.findall(r"\w+", returned)}),
            returned_fields=frozenset(re.findall(r"->(\w+)", returned)),
        )


def _target(body: str, at: int) -> str:
    start = max(body.rfind(character, 0, at) for character in ";{}") + 1
    before = body[start:at].strip()
    if re.search(r"\breturn\b", before):
        return "return"
    assigned = re.search(r"(\w+)\s*=(?!=)", before)
    return assigned[1] if assigned else ""


def _is_compared(body: str, start: int, end: int) -> bool:
    return body[:start].rstrip().endswith(("==", "!=", "case")) or body[end:].lstrip().startswith(
        ("<", ">", "==", "!=", "?", "&&")
    )


class Flow:
    """Which errors can come out of which function."""

    def __init__(self) -> None:
        self._here: dict[Path, dict[str, Definition]] = {}
        self.public: dict[str, list[Definition]] = {}
        for source in c_code.product(".c", ".h"):
            self._here[source] = {d.name: d for d in c_code.definitions(source)}
            for d in self._here[source].values():
                if not d.is_static or source.suffix == ".h":
                    self.public.setdefault(d.name, []).append(d)
        self._read = {d: Reading.of(d.body) for own in self._here.values() for d in own.values()}
        self._errors: dict[Definition, frozenset[str]] = dict.fromkeys(self._read, frozenset())
        while any([self._grows(d) for d in self._read]):  # a list: each gets its turn
            pass

    def errors(self, d: Definition) -> frozenset[str]:
        """Return what it names itself or passes on."""
        return self._errors[d]

    def _grows(self, d: Definition) -> bool:
        before, read = self._errors[d], self._read[d]
        found = self._kept(d, read.returned)
        if read.returned_fields:  # an error that sticks may be anybody's of this file
            for other in self._here[d.source].values():
                found |= self._kept(other, read.returned_fields)
        self._errors[d] = frozenset(found)
        return self._errors[d] != before

    def _kept(self, d: Definition, targets: frozenset[str]) -> set[str]:
        found: set[str] = set()
        for use in self._read[d].uses:
            if use.target in targets:
                found |= {use.name} & known_errors() or self._of_callee(d.source, use)
        return found

    def _of_callee(self, source: Path, use: Use) -> frozenset[str]:
        local = self._here[source].get(use.name)
        if local and local.is_static and not use.through_pointer:
            return self._errors[local]
        return stated(use.name)


def test_what_can_come_out_is_stated_and_the_other_way_round() -> None:
    wrong = []
    for declared in contracts():
        definitions = flow().public.get(declared.name, [])
        if declared.is_pointer or not definitions:
            continue
        can = frozenset().union(*(flow().errors(d) for d in definitions))
        says = stated(declared.name)
        hidden = can - says - set(CANNOT.get(declared.name, ()))
        idle = says - can - set(BESIDES.get(declared.name, ()))
        wrong += [f"{declared} can return {name}, and does not say so" for name in sorted(hidden)]
        wrong += [f"{declared} never returns {name}" for name in sorted(idle)]
    assert not wrong, "\n".join(wrong)


def test_drivers_return_what_their_class_allows() -> None:
    operations = {d.name for d in contracts() if d.is_pointer and "hal" in d.header.parts}
    pattern = re.compile(rf"\.({'|'.join(operations)}) = (\w+)")
    checked = {
        d: operation
        for source in c_code.product(".c")
        if "drivers" in source.parts
        for operation, name in pattern.findall(source.read_text())
        for d in c_code.definitions(source)
        if d.name == name
    }
    wrong = [
        f"{d} returns {error}, unlike the contract of {operation}"
        for d, operation in checked.items()
        for error in sorted(flow().errors(d) - stated(operation))
    ]
    assert len(checked) > 10
    assert not wrong, "\n".join(wrong)


def test_the_exceptions_are_needed() -> None:
    names = {d.name for d in contracts()}
    assert not (CANNOT.keys() | BESIDES.keys()) - names
    for name, reasons in (CANNOT | BESIDES).items():
        can = frozenset().union(*(flow().errors(d) for d in flow().public[name]))
        for error in reasons:
            assert (error in can) == (error in CANNOT.get(name, {})), f"{name}: {error}"


def test_no_declaration_was_overlooked() -> None:
    """Were the reader of headers blind, everything above would be well."""
    declared = {d.name for d in contracts()}
    missed = [
        str(d)
        for source in c_code.product(".c", ".h")
        for d in c_code.definitions(source)
        if d.type.split()[-1] in _SIGNED
        and (not d.is_static or source.suffix == ".h")
        and d.name not in declared
        # `main`, and what only the generated init calls, are declared where they are defined
        and not re.search(rf"^int {d.name}\(void\);|^int main", source.read_text(), re.MULTILINE)
    ]
    assert not missed, "\n".join(missed)
