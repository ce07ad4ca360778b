# SPDX-License-Identifier: Apache-2.0
"""Which boards demo and tests take: each family is shown once, $BOARDS overrides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unitool import boards
from unitool.errors import UsageError

from demo import chosen


def test_a_family_shares_architecture_and_drivers() -> None:
    one = boards.all_boards()[0]
    twin = replace(one, name="twin", cpu="another", drivers=one.drivers[::-1])
    foreign = replace(one, name="foreign", arch="other")
    richer = replace(one, name="richer", drivers=(*one.drivers, "net/new"))
    assert boards.one_of_each_family([one, twin, foreign, richer]) == (one, foreign, richer)


def test_named_boards_are_taken_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [board.name for board in boards.all_boards() if board.emulator]
    monkeypatch.setenv("BOARDS", ", ".join(reversed(names)))
    assert [board.name for board in chosen.shown()] == names[::-1]
    monkeypatch.setenv("BOARDS", "no-such")
    with pytest.raises(UsageError, match="no-such"):
        chosen.shown()


def test_without_names_every_board_is_emulated_and_few_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BOARDS", raising=False)
    assert {b.name for b in chosen.emulated()} == {
        b.name for b in boards.all_boards() if b.emulator
    }
    assert {b.arch for b in chosen.shown()} == {b.arch for b in chosen.emulated()}
    assert len(chosen.shown()) < len(chosen.emulated())
