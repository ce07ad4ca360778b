# SPDX-License-Identifier: Apache-2.0
"""A test that asks for `board` runs on one board of each family, with a mark on every board.

$BOARDS names boards instead: then every test runs on each of them.
"""

from __future__ import annotations

import pytest
from unitool.boards import Board

from demo import chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "board" in metafunc.fixturenames:
        everywhere = metafunc.definition.get_closest_marker("every_board") is not None
        found = chosen.emulated() if everywhere else chosen.shown()
        metafunc.parametrize("board", found, ids=lambda board: board.name, indirect=True)


@pytest.fixture
def board(request: pytest.FixtureRequest) -> Board:
    chosen_board: Board = request.param
    return chosen_board
