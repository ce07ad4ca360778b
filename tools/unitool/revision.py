# SPDX-License-Identifier: Apache-2.0
"""Builds an earlier revision beside the present one, to compare sizes. Changes no work tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from unitool import output, paths
from unitool.boards import Board
from unitool.errors import BuildError, UsageError
from unitool.sizes import Sizes

_RUN = "from unitool import cli; cli.main()"


def sizes_at(revision: str, app_dir: Path | None, board: Board) -> Sizes:
    """Return the sizes of an app, or of the bootloader (None), as of a git revision.

    An app in the checkout is built by the tool and firmware of that revision; one elsewhere by
    the present ones.
    """
    checkout = paths.checkout()
    repository = _repository((app_dir or checkout).resolve())
    with tempfile.TemporaryDirectory(prefix="unitool-size-") as scratch:
        tree = Path(scratch) / "tree"
        _unpack(repository, revision, tree)
        tools = tree if repository == checkout.resolve() else checkout
        what = ["--boot"] if app_dir is None else [tree / app_dir.resolve().relative_to(repository)]
        command = [sys.executable, "-c", _RUN, "--json", "build", *what, "-b", board.name]
        try:
            done = output.run(
                [*command, "--out", Path(scratch) / "out"],
                env={**os.environ, "PYTHONPATH": str(tools / "tools")},
            )
            (facts,) = json.loads(done.stdout)
            return Sizes.from_dict(facts["sizes"])
        except subprocess.CalledProcessError as error:
            output.detail(error.stderr)
            raise BuildError(f"{revision} does not build", "unitool size -v shows why") from None
        except (ValueError, KeyError, TypeError):
            raise BuildError(f"the tool of {revision} tells sizes differently") from None


def _repository(folder: Path) -> Path:
    try:
        done = output.run(["git", "rev-parse", "--show-toplevel"], cwd=folder)
    except (subprocess.CalledProcessError, FileNotFoundError):
        raise UsageError(f"{folder} is in no git repository: nothing to compare with") from None
    return Path(done.stdout.strip())


def _unpack(repository: Path, revision: str, to: Path) -> None:
    archive = to.with_suffix(".tar")
    to.mkdir()
    command: list[str | Path] = ["git", "archive", "--format=tar", "-o", archive, revision]
    try:
        output.run(command, cwd=repository)
    except subprocess.CalledProcessError:
        raise UsageError(f"git knows no revision {revision!r} in {repository}") from None
    output.run(["tar", "-xf", archive, "-C", to])
