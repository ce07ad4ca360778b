# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
_KEY = "unitool.app"


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
