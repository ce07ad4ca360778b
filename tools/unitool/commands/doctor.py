"""unitool doctor."""

from __future__ import annotations

import dataclasses

import click

from unitool import doctor, output, third_party
from unitool.errors import SetupError


@click.command()
@click.option("--fetch", is_flag=True, help="Fetch third-party sources that are missing.")
@click.option("--quiet", is_flag=True, help="Print only what is missing.")
def command(fetch: bool, quiet: bool) -> None:
    """List everything unitool needs here, found or not, and what mends it."""
    if fetch:
        for name in third_party.pinned():
            third_party.source_dir(name)
    needs = doctor.needs()
    missing = [need for need in needs if not need.ok]
    output.emit([{**dataclasses.asdict(need), "ok": need.ok} for need in needs])
    if not quiet:
        output.table(
            ["", "needed", "for", "found"],
            [("ok" if n.ok else "--", n.name, n.purpose, n.found or "missing") for n in needs],
        )
    for need in missing:
        output.say(f"missing {need.name} ({need.purpose}): {need.fix}")
    if missing:
        raise SetupError(f"{len(missing)} of {len(needs)} things are missing", missing[0].fix)
    if not quiet:
        output.say(f"all {len(needs)} things are here")
