# SPDX-License-Identifier: Apache-2.0
"""unitool components."""

from __future__ import annotations

import dataclasses

import click

from unitool import components, output
from unitool.components import Component
from unitool.errors import UsageError


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List what app.toml can select, or show one component and its parameters."""
    found = components.catalog()
    if name is None:
        _list(list(found.values()))
    elif name in found:
        _show(found[name])
    else:
        raise UsageError(f"there is no component {name!r}", "unitool components")


def _list(found: list[Component]) -> None:
    output.emit([_facts(c) for c in found])
    if not output.is_json():
        output.table(
            ["component", "in app.toml", "what"],
            [
                (c.id, "(interface)" if c.interface else components.how_to_list(c.id), c.summary)
                for c in found
                if "/" in c.id and not c.id.startswith("lib/")
            ],
        )
        output.say("next: unitool components NAME")


def _show(c: Component) -> None:
    output.emit(_facts(c))
    if output.is_json():
        return
    output.say(f"{c.id}: {c.summary}")
    output.say(f"requires: {', '.join(c.requires) or 'nothing'}")
    if c.provides:
        output.say(f"implements: {c.provides}")
    if c.params:
        output.table(
            ["parameter", "default", "range", "unit", "what"],
            [
                (f"{c.id}.{p.name}", p.default, f"{p.low}..{p.high}", p.unit, p.help)
                for p in c.params
            ],
        )
    if not c.interface:
        output.say(f"next: put {components.how_to_list(c.id)} into [components] of app.toml")


def _facts(c: Component) -> dict[str, object]:
    return {
        "id": c.id,
        "summary": c.summary,
        "requires": c.requires,
        "provides": c.provides,
        "interface": c.interface,
        "params": [dataclasses.asdict(p) for p in c.params],
    }
