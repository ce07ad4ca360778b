# SPDX-License-Identifier: Apache-2.0
"""The whole loop on emulated boards: enrol, update, crash, roll back, update again."""

from __future__ import annotations

import pytest
from fleet import CRASH, Backend, Unit, UnitMaker, Versions
from unitool.boards import Board


def update(backend: Backend, unit: Unit, versions: Versions, version: str) -> None:
    """Roll a version out and see it run, confirmed."""
    id_ = backend.roll_out(versions.make(unit.board, version))
    backend.wait_done(id_, unit)
    assert unit.wait_version(version)["boot"]["reason"] == "update"


@pytest.mark.every_board
def test_updates_and_comes_back_from_a_crashing_version(
    board: Board, unit: UnitMaker, backend: Backend, versions: Versions
) -> None:
    one = unit()
    with one.emulator:
        assert one.wait_version("1.0.0")["slot"] == "A"
        update(backend, one, versions, "2.0.0")
        assert one.status()["slot"] == "B"
        bad = backend.roll_out(versions.make(board, "3.0.0", start=CRASH))
        reason = backend.wait_halted(bad, one)["reason"]
        assert "rolled back from 3.0.0 to 2.0.0" in reason, reason
        one.wait_version("2.0.0")
        update(backend, one, versions, "4.0.0")
        assert one.status()["slot"] == "A"
        update(backend, one, versions, "5.0.0")
        assert one.status()["slot"] == "B"
        kinds = [r["kind"] for r in backend.device(one.id)["reports"]]
        assert {"installed", "confirmed", "bad", "crash"} <= set(kinds)
