# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from unitool.errors import UsageError
from unitool.formats.keyset import URL_BYTES_MAX

_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
_KEY = "unitool.app"
# What firmware/net/http-parse takes: plain HTTP, a host of at most 63 characters.
_URL = re.compile(r"http://[A-Za-z0-9.-]{1,63}(?::(\d{1,5}))?(?:/[!-\"$-~]*)?", re.ASCII)

FILE = click.Path(dir_okay=False, exists=True, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)
STATE = click.Path(file_okay=False, path_type=Path)
COUNTER = click.IntRange(0, 0xFFFF_FFFF)
PORT = click.IntRange(1, 65535)


def device_url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a server that devices could not reach; empty: none."""
    found = _URL.fullmatch(value or "")
    in_range = found is not None and 0 < int(found[1] or 80) < 1 << 16
    if value and (not in_range or len(value) > URL_BYTES_MAX):
        raise UsageError(
            f"{value!r} is not http://HOST:PORT, {URL_BYTES_MAX} characters at most: devices read "
            "nothing else",
            "on this machine, for an emulated board: http://10.0.2.2:8080",
        )
    return value


def app_folder(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its `app_dir`: an argument, or -C as in make, else the current folder."""
    command = click.argument("app_dir", required=False, type=_FOLDER, callback=_choose)(command)
    return click.option(
        "-C",
        "--app",
        type=_FOLDER,
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="App's folder, instead of APP_DIR.",
    )(command)


def _remember(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    context.meta[_KEY] = value


def _choose(context: click.Context, _: click.Parameter, value: Path | None) -> Path:
    return value or context.meta.get(_KEY) or Path()


boards_dirs = click.option(
    "--boards-dir",
    "boards_dirs",
    multiple=True,
    type=_FOLDER,
    help="Another folder of boards.",
)
