# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each emulated board in turn, versions of webdemo, the server, boards it knows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from fleet import Backend, Unit, UnitMaker, Version, Versions
from unitool.boards import Board

from tests.emulated_boards import board, pytest_generate_tests
from tests.ota_server.server_process import ServerProcess

__all__ = ["board", "pytest_generate_tests"]


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return Versions(folder=tmp_path_factory.mktemp("versions"))


@pytest.fixture
def backend(versions: Versions, tmp_path: Path) -> Iterator[Backend]:
    with ServerProcess(tmp_path / "server", keys=versions.keys.path, poll_s=1) as process:
        yield Backend(process=process)


@pytest.fixture
def unit(board: Board, backend: Backend, versions: Versions, tmp_path: Path) -> Iterator[UnitMaker]:
    """Return a function that makes a board with a first version, known to the server by a token."""
    with ExitStack() as stack:

        def make(
            *, first: Version | None = None, url: str | None = None, gdb: bool = False
        ) -> Unit:
            made = Unit.make(
                board,
                tmp_path / "state",
                versions,
                first or versions.make(board, "1.0.0"),
                url=url or backend.guest_url,
                token=backend.token(),
                gdb=gdb,
            )
            stack.callback(made.emulator.cut)
            return made

        yield make
