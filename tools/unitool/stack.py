# SPDX-License-Identifier: Apache-2.0
"""How deep the stack gets, from the call graph that the compiler leaves beside the object.

A lower bound: a call through a pointer counts as the deepest function whose address is taken,
once; assembler and libc functions count as nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"]*)"')
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_FRAME = re.compile(r"\\n(\d+) bytes \((\w+)")
_INDIRECT = "__indirect_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A node of the call graph."""

    name: str
    source: str  # file:line
    frame_bytes: int
    calls: tuple[str, ...]  # titles
    calls_pointers: bool


def parse(text: str) -> dict[str, Function]:
    """Read a .ci file; title → function."""
    calls: dict[str, list[str]] = defaultdict(list)
    labels: dict[str, str] = {}
    for line in text.splitlines():
        if node := _NODE.match(line):
            labels.setdefault(node[1], node[2])
        elif edge := _EDGE.match(line):
            calls[edge[1]].append(edge[2])
    return {
        title: Function(
            name=label.split("\\n")[0],
            source=label.split("\\n")[1].rsplit(":", 1)[0] if "\\n" in label else "",
            frame_bytes=int(frame[1]) if (frame := _FRAME.search(label)) else 0,
            calls=tuple(sorted({c for c in calls[title] if c != _INDIRECT})),
            calls_pointers=_INDIRECT in calls[title],
        )
        for title, label in labels.items()
    }


Chain = tuple[int, tuple[str, ...]]  # bytes, names from the outermost on
_NOTHING: Chain = (0, ())


def deepest(functions: Mapping[str, Function], pointed_at: Iterable[str]) -> Chain:
    """Return the deepest chain of calls. `pointed_at`: names whose address is taken."""
    taken = set(pointed_at)
    direct = _chains(functions, _NOTHING)
    through_pointer = max(
        (direct[t] for t, f in functions.items() if f.name in taken), default=_NOTHING
    )
    return max(_chains(functions, through_pointer).values(), default=_NOTHING)


def _chains(functions: Mapping[str, Function], through_pointer: Chain) -> dict[str, Chain]:
    """Deepest chain from each function; recursion counts as nothing."""
    done: dict[str, Chain] = {}

    def visit(title: str, inside: frozenset[str]) -> Chain:
        if title in done or title in inside or title not in functions:
            return done.get(title, _NOTHING)
        f = functions[title]
        below = [visit(c, inside | {title}) for c in f.calls]
        size, names = max([*below, through_pointer if f.calls_pointers else _NOTHING])
        done[title] = (size + f.frame_bytes, (f.name, *names))
        return done[title]

    for title in functions:
        visit(title, frozenset())
    return done


def large_frames(functions: Mapping[str, Function], limit: int) -> list[Function]:
    """Return our own functions with a frame above `limit`; third-party code is as it is."""
    ours = ("firmware/", "hal/", "boards/")
    return [f for f in functions.values() if f.frame_bytes > limit and f.source.startswith(ours)]
