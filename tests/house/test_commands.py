"""Every command explains itself: a help line, help for each option, a line in the README."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from unitool import cli

ROOT = Path(__file__).resolve().parents[2]


def _commands() -> list[tuple[str, click.Command]]:
    context = click.Context(cli.command)
    found = []
    for name in cli.command.list_commands(context):
        command = cli.command.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", c) for sub, c in command.commands.items()]
    return found


COMMANDS = _commands()


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_command_has_help_for_itself_and_each_option(name: str, command: click.Command) -> None:
    assert command.help, f"{name} has no help"
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.name} has no help"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_options_say_what_they_take(name: str, command: click.Command) -> None:
    """`-b BOARD` and `--url URL` tell more than TEXT."""
    context = click.Context(command)
    texts = [
        option.name
        for option in command.params
        if isinstance(option, click.Option) and option.make_metavar(context) in ("TEXT", "FLOAT")
    ]
    assert not texts, f"{name}: {texts}"


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `unitool ")]
    named = {
        f"{name} {sub}".strip()
        for row in rows
        for name in re.findall(r"`unitool (\w+)`", row)
        for sub in ["", *re.findall(r"\w+", row.split("|")[2])]
    }
    missing = [name for name, _ in COMMANDS if name not in named]
    assert not missing, missing
