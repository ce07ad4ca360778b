# SPDX-License-Identifier: Apache-2.0
"""Builds an earlier revision beside the present one, to compare sizes. Changes no work tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unitool import output, paths
from unitool.boards import Board
from unitool.errors import BuildError, UsageError
from unitool.sizes import Sizes

_RUN = "from unitool import cli; cli.main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A revision, unpacked."""

    revision: str
    repository: Path  # now
    tree: Path  # then
    tools: Path  # the checkout whose tool and firmware build it
    out: Path

    def sizes(self, app_dir: Path | None, board: Board) -> Sizes:
        """Return the sizes of an app, or of the bootloader (None), as they were."""
        what: list[str | Path] = ["--boot"]
        if app_dir is not None:
            place = app_dir.resolve().relative_to(self.repository) / "app.toml"
            if not (self.tree / place).is_file():
                raise UsageError(
                    f"{self.revision} has no {place}",
                    f"compare with a later one: git -C {self.repository} log --oneline -- {place}",
                )
            what = [(self.tree / place).parent]
        out = self.out / f"{app_dir.name if app_dir else 'boot'}-{board.name}"
        command = [sys.executable, "-c", _RUN, "--json", "build", *what, "-b", board.name]
        try:
            done = output.run(
                [*command, "--out", out],
                env={**os.environ, "PYTHONPATH": str(self.tools / "tools")},
            )
            (facts,) = json.loads(done.stdout)
            return Sizes.from_dict(facts["sizes"])
        except subprocess.CalledProcessError as error:
            output.detail(error.stderr)
            hint = "unitool size -v shows why"
            raise BuildError(f"{self.revision} does not build", hint) from None
        except (ValueError, KeyError, TypeError):
            raise BuildError(
                f"the tool of {self.revision} tells sizes differently",
                "compare with a later revision: git log --oneline",
            ) from None


@contextmanager
def earlier(revision: str, folder: Path) -> Iterator[Earlier]:
    """Unpack a git revision of the repository that `folder` lies in, for the time of the context.

    An app of the checkout is built by the tool and firmware of that revision; one elsewhere by the
    present ones.
    """
    repository, checkout = _repository(folder.resolve()), paths.checkout().resolve()
    with tempfile.TemporaryDirectory(prefix="unitool-size-") as scratch:
        tree = Path(scratch) / "tree"
        _unpack(repository, revision, tree)
        yield Earlier(
            revision=revision,
            repository=repository,
            tree=tree,
            tools=tree if repository == checkout else checkout,
            out=Path(scratch) / "out",
        )


def _repository(folder: Path) -> Path:
    try:
        done = output.run(["git", "rev-parse", "--show-toplevel"], cwd=folder)
    except (subprocess.CalledProcessError, FileNotFoundError):
        raise UsageError(
            f"{folder} is in no git repository: nothing to compare with",
            "git init, commit, and compare from then on; without --diff: the sizes of now",
        ) from None
    return Path(done.stdout.strip()).resolve()


def _known(repository: Path) -> str:
    if output.run(
        ["git", "rev-parse", "-q", "--verify", "HEAD"], cwd=repository, check=False
    ).stdout:
        return f"git -C {repository} log --oneline lists them"
    return "there is none yet: git add and git commit make the first one to compare with"


def _unpack(repository: Path, revision: str, to: Path) -> None:
    archive = to.with_suffix(".tar")
    to.mkdir()
    command: list[str | Path] = ["git", "archive", "--format=tar", "-o", archive, revision]
    try:
        output.run(command, cwd=repository)
    except subprocess.CalledProcessError:
        raise UsageError(
            f"git knows no revision {revision!r} in {repository}", _known(repository)
        ) from None
    output.run(["tar", "-xf", archive, "-C", to])
