# SPDX-License-Identifier: Apache-2.0
"""What each image of this repository may take: budgets.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from unitool import boards, build, paths

from demo import chosen

_BUDGETS = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
_CASES = [(board.name, image) for board in chosen.every() for image in _BUDGETS.get(board.name, ())]


@pytest.mark.parametrize(("name", "image"), _CASES)
def test_image_keeps_to_its_budget(name: str, image: str, tmp_path: Path) -> None:
    board = boards.load(name)
    if image == "boot":
        built = build.build_boot(board, out=tmp_path, werror=True)
    else:
        built = build.build(
            paths.checkout() / "firmware/apps" / image, board, out=tmp_path, werror=True
        )
    budget = _BUDGETS[name][image]
    sizes = built.sizes
    taken = {"flash": sizes.flash_B, "ram": sizes.ram_B, "stack": sizes.stack_used_B}
    over = {what: taken[what] - budget[what] for what in taken if taken[what] > budget[what]}
    assert not over, f"{image} on {name} is over its budget: {over} B; unitool size shows the parts"


def test_every_image_has_a_budget() -> None:
    images = {p.parent.name for p in (paths.checkout() / "firmware/apps").glob("*/app.toml")}
    for board in boards.all_boards():
        assert set(_BUDGETS[board.name]) == images | {"boot"}
