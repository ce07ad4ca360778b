# SPDX-License-Identifier: Apache-2.0
"""Apps on emulated boards, from sources to a console: `device("firmware/apps/hello")`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from unitool import apps, development, keys
from unitool.boards import Board
from unitool.development import Wishes
from unitool.emulator import Emulator
from unitool.keys import KeyFolder
from unitool.provisioning import Options

from tests.emulated_boards import board, pytest_generate_tests

__all__ = ["board", "pytest_generate_tests"]

ROOT = Path(__file__).resolve().parents[2]

Device = Callable[..., Emulator]


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    """Return the keys that all test apps are signed with."""
    vid = apps.load(ROOT / "firmware/apps/hello").vid
    return keys.generate(tmp_path_factory.mktemp("vendor") / "keys", vid)


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where builds lie, <board>/<app>: one place for all workers of a test run."""
    return tmp_path_factory.getbasetemp().parent / "unitool-builds"


@pytest.fixture
def device(board: Board, key_folder: KeyFolder, builds: Path, tmp_path: Path) -> Iterator[Device]:
    """Return a function: a provisioned board with the app in that folder of the checkout.

    A second call with the same state folder writes another app or slot to the same board.
    """
    with ExitStack() as stack:

        def make(
            app: str, *, slot: int | None = None, folder: str = "state", **how: object
        ) -> Emulator:
            app_dir = ROOT / app
            state = tmp_path / folder
            development.prepare(
                app_dir,
                board,
                state,
                Wishes(
                    options=Options(url="http://10.0.2.2:1"),
                    slot=slot,
                    keys=key_folder,
                    out=builds / board.name / app_dir.name,
                ),
            )
            emulator = Emulator(board, state, **{"forward": (), **how})  # type: ignore[arg-type]
            stack.callback(emulator.cut)
            return emulator

        yield make
