# SPDX-License-Identifier: Apache-2.0
"""A new place that changes flash is found wherever it stands, so the campaigns miss its cut."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.sim import sites

LOG = "firmware/os/log/text/log.c"
DIRECT = {
    "program": "void f(void) {\n    (void)hal_flash_program(f, 0, p, 8);\n}\n",
    "erase": "void f(void) {\n    if (x ||\n        hal_flash_erase(f, 0) < 0) {\n    }\n}\n",
    "pointer": "static int (*const wipe)(const struct hal_flash *, uint32_t) = hal_flash_erase;\n",
    "past_hal": "void f(void) {\n    f->ops->erase(f, 0, 4096);\n}\n",
    "past_ops": "void f(void) {\n    drive->erase(f, 0, 4096);\n}\n",
}
BY_SLOTS = {
    "journal": "void f(void) {\n    journal_append(&j, id, p, 8);\n}\n",
    "writer": "void f(void) {\n    slot_writer_abort(&w);\n}\n",
    "table": "static const struct steps s = {\n    .put = slot_put,\n};\n",
    "open": "void f(void) {\n    journal_open(&j, &board_layout, JOURNAL_AT_BOOT);\n}\n",
}
HARMLESS = {
    "comment": "// hal_flash_erase(f, 0), as slot_put() does\n/* journal_append(\n*/\n",
    "read": "void f(void) {\n    hal_flash_read(f, 0, p, 8);\n    slot_get(&j, 0, &r);\n}\n",
    "open": "void f(void) {\n    journal_open(&j, &board_layout, JOURNAL_AT_RUN);\n}\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a checkout with firmware/slots and hal as they are and nothing else."""
    for folder in (sites.SLOTS, "hal"):
        shutil.copytree(sites.ROOT / folder, tmp_path / folder)
    return tmp_path


def added(tree: Path, name: str, text: str, names: frozenset[str]) -> set[str]:
    """Return the places that there are more with this file."""
    before = sites.places(names, tree, outside=sites.SLOTS)
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)
    return sites.places(names, tree, outside=sites.SLOTS) - before


@pytest.mark.parametrize("case", DIRECT)
def test_call_past_slots_is_found(tree: Path, case: str) -> None:
    (place,) = added(tree, LOG, DIRECT[case], sites.PRIMITIVES)
    number = next(
        n
        for n, line in enumerate(DIRECT[case].splitlines(), 1)
        if "erase" in line or "program" in line
    )
    assert place == f"{LOG}:{number}"


@pytest.mark.parametrize("case", BY_SLOTS)
def test_call_of_slots_is_found(tree: Path, case: str) -> None:
    assert added(tree, LOG, BY_SLOTS[case], sites.changers(tree)) == {f"{LOG}:2"}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_changes_nothing_is_not_taken_for_it(tree: Path, case: str) -> None:
    assert not added(tree, LOG, HARMLESS[case], sites.changers(tree))


def test_new_function_of_slots_that_changes_flash_by_others_is_one_of_them(tree: Path) -> None:
    (tree / sites.SLOTS / "include/slots/forget.h").write_text("int slot_forget(int slot);\n")
    (tree / sites.SLOTS / "forget.c").write_text(
        "static int put(int slot) {\n    return slot_put(&j, slot, &none);\n}\n\n"
        "static int (*const way[])(int) = {\n    put,\n};\n\n"
        "int slot_forget(int slot) {\n    return way[0](slot);\n}\n"
    )
    assert sites.changers(tree) - sites.changers() == {"slot_forget"}
    assert added(tree, LOG, "void f(void) {\n    slot_forget(1);\n}\n", sites.changers(tree))


def test_hal_has_two_ways_to_change_flash(tree: Path) -> None:
    assert sites.primitives(tree) == sites.primitives() == {"hal_flash_program", "hal_flash_erase"}


WIPERS = {
    "hal/flash.c": "int wipe(const struct hal_flash *f) {\n"
    "    return f->ops->erase(f, 0, f->size);\n}\n",
    "hal/include/hal/wipe.h": "static inline void wipe(void) {\n"
    "    (void)hal_flash_erase(board_layout.flash, 0);\n}\n",
    "boards/x/board.c": "static void all(void) {\n    hal_flash_erase(f, 0);\n}\n\n"
    "void wipe(void) {\n    all();\n}\n",
}


@pytest.mark.parametrize("name", WIPERS)
def test_new_function_below_firmware_that_changes_flash_is_one_of_them(
    tree: Path, name: str
) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    with (tree / name).open("a") as source:
        source.write("\n" + WIPERS[name])
    assert sites.primitives(tree) - sites.PRIMITIVES == {"wipe"}
    assert added(tree, LOG, "void f(void) {\n    wipe();\n}\n", sites.primitives(tree))


def test_none_of_the_ways_of_slots_gets_lost() -> None:
    known = "boot_record_put journal_append journal_open slot_put"
    writer = "slot_writer_abort slot_writer_finish slot_writer_ready slot_writer_write"
    assert sites.changers() >= {*known.split(), *writer.split()}
