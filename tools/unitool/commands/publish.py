# SPDX-License-Identifier: Apache-2.0
"""unitool publish: hand a bundle to the update server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from unitool import options, output
from unitool.operator_client import connect, server_options

CHUNK_BYTES = 64 * 1024


@click.command()
@click.argument("file", type=options.FILE)
@click.option("--keyset", type=options.FILE, help="Have the server trust this keyset first.")
@server_options
def command(file: Path, keyset: Path | None, data: Path, url: str | None) -> None:
    """Publish a .uota bundle; the server checks it and says which releases it made of it."""
    client = connect(data, url)
    if keyset is not None:
        content = keyset.read_bytes()
        trusted = client.send("/keysets", [content], len(content))
        output.say(f"keyset of epoch {trusted['epoch']} is trusted")
    releases = client.send("/releases", _chunks(file), file.stat().st_size)
    output.emit(releases)
    for release in releases:
        output.say(_line(release))
    ids = " ".join(str(release["id"]) for release in releases)
    output.say(f"next: unitool rollout create {ids}")


def _line(release: dict[str, Any]) -> str:
    info = release["info"]
    what = " ".join(filter(None, (info.get("app") or release["name"], release["version"])))
    board = f" for {info['board']}" if "board" in info else ""
    after = f", after {release['from']}" if release["from"] else ""
    return (
        f"release {release['id']}: {what}{board}, {release['bytes']} bytes, "
        f"image {release['image'][:16]}…{after}"
    )


def _chunks(file: Path) -> Iterator[bytes]:
    size = file.stat().st_size
    hidden = not output.is_terminal() or output.is_json()
    with (
        file.open("rb") as source,
        tqdm(total=size, unit="B", unit_scale=True, desc=file.name, disable=hidden) as bar,
    ):
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
            bar.update(len(chunk))
