"""What the user sees: lines, tables, JSON for machines, and the commands behind them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


@dataclass(slots=True)
class _Settings:
    verbose: bool = False
    json: bool = False


_settings = _Settings()


def configure(*, verbose: bool, as_json: bool) -> None:
    """Set once by the command line before a command runs."""
    _settings.verbose = verbose
    _settings.json = as_json


def is_json() -> bool:
    """Whether machines read the output: then only `emit` writes to standard output."""
    return _settings.json


def say(text: str) -> None:
    """Print a line for people. Under --json it goes to standard error."""
    click.echo(text, err=_settings.json)


def warn(text: str) -> None:
    """Print a warning to standard error."""
    click.echo(click.style("warning: ", fg="yellow") + text, err=True)


def detail(text: str) -> None:
    """Print a line only under -v."""
    if _settings.verbose:
        click.echo(click.style(text, dim=True), err=True)


def emit(facts: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print facts as JSON, if asked for."""
    if _settings.json:
        click.echo(json.dumps(facts, indent=2, default=str))


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 device" or "3 devices"; `many` where the plural is not made with an s."""
    return f"{number} {one}" if number == 1 else f"{number} {many or f'{one}s'}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns; numbers to the right."""
    lines = [[str(c) for c in row] for row in rows]
    widths = [max(len(h), *(len(r[i]) for r in lines), 0) for i, h in enumerate(header)]
    numeric = [bool(lines) and all(_is_number(r[i]) for r in lines) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        parts = (
            c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(parts).rstrip()

    say(click.style(line(header), bold=True))
    for row in lines:
        say(line(row))


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).lstrip("-+").rstrip("% ").isdigit()


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program, its output captured as text. `check`: CalledProcessError when it fails."""
    words = [str(w) for w in command]
    detail("$ " + shlex.join(words))
    return subprocess.run(
        words, cwd=cwd, check=check, env=env, timeout=timeout_s, capture_output=True, text=True
    )


def is_terminal() -> bool:
    """Whether a person watches: progress bars only then."""
    return sys.stderr.isatty()
