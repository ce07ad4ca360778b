# SPDX-License-Identifier: Apache-2.0
"""What each image of this repository may take: budgets.toml."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from unitool import boards, build, paths

_BUDGETS = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
_CHOSEN = os.environ.get("BOARDS", "").split()
_CASES = [
    (board, image)
    for board, images in _BUDGETS.items()
    for image in images
    if not _CHOSEN or board in _CHOSEN
]


@pytest.mark.parametrize(("name", "image"), _CASES)
def test_image_keeps_to_its_budget(name: str, image: str, tmp_path: Path) -> None:
    board = boards.load(name)
    if image == "boot":
        built = build.build_boot(board, out=tmp_path)
    else:
        built = build.build(paths.checkout() / "firmware/apps" / image, board, out=tmp_path)
    budget = _BUDGETS[name][image]
    sizes = built.sizes
    taken = {"flash": sizes.flash_B, "ram": sizes.ram_B, "stack": sizes.stack_used_B}
    over = {what: taken[what] - budget[what] for what in taken if taken[what] > budget[what]}
    assert not over, f"{image} on {name} is over its budget: {over} B; unitool size shows the parts"


def test_every_image_has_a_budget() -> None:
    images = {p.parent.name for p in (paths.checkout() / "firmware/apps").glob("*/app.toml")}
    for name in (b.name for b in boards.all_boards() if b.emulator):
        assert set(_BUDGETS[name]) == images | {"boot"}
