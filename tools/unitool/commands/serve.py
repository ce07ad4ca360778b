# SPDX-License-Identifier: Apache-2.0
"""unitool serve: the update server, without any configuration."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unitool import output
from unitool.errors import UsageError

if TYPE_CHECKING:
    from ota_server.server import Started


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("unitool-server"),
    show_default=True,
    help="Where it keeps everything; made at the first start.",
)
@click.option(
    "--keys",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("keys"),
    show_default=True,
    help="Folder with server.pem and keyset.cose, as made by keygen.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where devices reach it; 0.0.0.0:8080 for all of this machine's networks.",
)
@click.option(
    "--operator-port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="Port for operators, on 127.0.0.1 only.",
)
@click.option(
    "--poll-s",
    type=click.IntRange(1, 86400),
    default=300,
    show_default=True,
    help="Seconds between two polls of a device that is up to date.",
)
def command(data: Path, keys: Path, listen: str, operator_port: int, poll_s: int) -> None:
    """Run the update server until Ctrl-C."""
    from ota_server.config import Config
    from ota_server.polls import Intervals
    from ota_server.server import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    host, port = _address(listen)
    busy_s = min(poll_s, Intervals().busy_s)
    config = Config(
        folder=data,
        keys=keys,
        device_host=host,
        device_port=port,
        operator_port=operator_port,
        intervals=Intervals(usual_s=poll_s, busy_s=busy_s, pending_s=min(poll_s, 30)),
    )
    run(config, _started)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{listen!r} is not HOST:PORT", hint="for example --listen 0.0.0.0:8080")
    return host.strip("[]"), int(port)


def _started(server: Started) -> None:
    output.emit(
        {
            "devices": server.devices,
            "operators": server.operators,
            "data": str(server.folder),
            "server_key": server.key.public.hex(),
            "key_file": str(server.key_file),
            "warnings": list(server.warnings),
        }
    )
    output.say(f"devices    {server.devices}")
    output.say(f"operators  {server.operators}  (token in {server.folder / 'operator.token'})")
    output.say(f"data       {server.folder}")
    output.say(f"key        {server.key_file}")
    for text in server.warnings:
        output.warn(text)
    if not server.vendors:
        output.say("next: make keys with `unitool keygen` and start again beside keys/, or")
        output.say("      `unitool publish FILE.uota --keyset keys/keyset.cose`")
    else:
        output.say("next: unitool publish FILE.uota")
    output.say("Ctrl-C stops it.")
