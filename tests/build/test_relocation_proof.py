# SPDX-License-Identifier: Apache-2.0
"""What may lie in both slots is proven to; what may not is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from unitool import build
from unitool.boards import Board
from unitool.elf_image import Elf
from unitool.errors import BuildError
from unitool.formats import relocation

from .sample import APP_TOML, MakeApp, body_address

EVERYTHING_C = """#include "net/tcp.h"

__attribute__((section(".ramtext"), noinline)) int in_ram(int n);
static int one(int n) { return n + 1; }
__attribute__((noinline)) int in_flash(int n);
int in_flash(int n) { return n * 3 + tcp_send("x"); }
int in_ram(int n) { return in_flash(n) + 1; }

static int (*const constant[])(int) = {one, in_flash, in_ram};
static int (*variable[])(int) = {one, in_flash};
static const char *words[] = {"a", "b"};
volatile int choice;

static int pick(int n) {
    switch (n) {
    case 0: return in_flash(4);
    case 1: return one(choice);
    case 2: return in_ram(3);
    case 3: return tcp_send(words[1]);
    case 4: return 77;
    case 5: return choice;
    default: return 9;
    }
}

int main(void) {
    variable[0] = in_ram;
    return pick(choice) + constant[choice](1) + variable[choice](2) + in_ram(3) + words[0][0];
}
"""
VTABLES_CPP = """struct Shape { virtual int area() const { return 1; } int id = 3; };
struct Square : Shape { int side; explicit Square(int s) : side(s) {}
    int area() const override { return side * side; } };
static Square square(7);
static Shape shape;
static const Shape *shapes[] = {&square, &shape};
extern "C" int main() { int n = 0; for (auto s : shapes) { n += s->area(); } return n; }
"""


def test_everything_that_holds_addresses_moves(board: Board, make_app: MakeApp) -> None:
    built = build.build(make_app(main=EVERYTHING_C), board)
    table = relocation.decode(built.bin.read_bytes(), body_address(board, 0))
    assert len(table.plus) >= 5
    assert bool(table.minus) == (board.arch == "riscv")


def test_cpp_with_vtables_and_constructors_moves(board: Board, make_app: MakeApp) -> None:
    folder = make_app(main="// none\n", main_dot_cpp=VTABLES_CPP)
    (folder / "main.c").unlink()
    assert build.build(folder, board).sizes.reloc_entries >= 3


def test_table_starts_at_the_head_and_follows_the_format(board: Board, make_app: MakeApp) -> None:
    body = build.build(make_app(main=EVERYTHING_C), board).bin.read_bytes()
    offset = relocation.offset_of(body)
    table = relocation.decode(body, body_address(board, 0))
    assert table.granule == (2 if board.arch == "riscv" else 4)
    assert body[offset : offset + len(relocation.encode(table))] == relocation.encode(table)


def test_slot_b_really_linked_is_the_image_moved(board: Board, make_app: MakeApp) -> None:
    built = build.build(make_app(main=EVERYTHING_C), board)
    distance = body_address(board, 1) - body_address(board, 0)
    moved = relocation.apply(built.bin.read_bytes(), distance)
    assert Elf(built.slot_b_elf or Path()).contents(body_address(board, 1)) == moved


def refused(make_app: MakeApp, board: Board, main: str) -> str:
    with pytest.raises(BuildError) as error:
        build.build(make_app(main=main), board)
    return error.value.message


def test_pointer_at_an_odd_address_is_refused_by_name(board: Board, make_app: MakeApp) -> None:
    message = refused(
        make_app,
        board,
        "static int target(void) { return 4; }\n"
        "struct __attribute__((packed)) odd { char c; int (*f)(void); };\n"
        "const struct odd crooked = {1, target};\n"
        "int main(void) { const volatile struct odd *o = &crooked; return o->f(); }\n",
    )
    assert "crooked+0x" in message and "not as an aligned address" in message
    assert "refers to target" in message or "refers to .text.target" in message


def test_split_address_is_refused_by_name(board: Board, make_app: MakeApp) -> None:
    if board.arch == "riscv":
        pytest.skip("LUI holds the upper half of an address and may move")
    message = refused(
        make_app,
        board,
        "__attribute__((used, noinline)) int target(void) { return 4; }\n"
        "int main(void) {\n"
        "    int (*f)(void);\n"
        '    __asm__ volatile("movw %0, #:lower16:target\\n"\n'
        '                     "movt %0, #:upper16:target" : "=r"(f));\n'
        "    return f();\n}\n",
    )
    assert "not as an aligned address: it refers to target" in message


def with_script(tree: Path, board: Board, line: str) -> None:
    """Put a line of linker script into the image, behind the symbol `crooked`."""
    script = tree / "hal" / "arch" / board.arch / "image.ld"
    text = script.read_text()
    script.write_text(text.replace("KEEP(*(.odd))", f"crooked = .; {line}"))


@pytest.mark.parametrize(
    "line", ["LONG(0 - 2 * __slot_base)", "LONG(__slot_base / 4096)", "LONG(__slot_base << 1)"]
)
def test_arithmetic_on_the_address_is_refused_by_name(
    line: str, board: Board, make_app: MakeApp, tree: Path
) -> None:
    with_script(tree, board, line)
    assert re.match(r"crooked.*differs between two link", refused(make_app, board, MAIN))


def test_only_the_third_link_finds_a_bend(board: Board, make_app: MakeApp, tree: Path) -> None:
    far = board.slot_address(0) + 0x100 * max(4096, board.flash.regions[0].erase_bytes)
    with_script(tree, board, f"LONG(__slot_base > {far:#x} ? __slot_base + 4 : __slot_base)")
    assert re.match(r"crooked .* is not reproduced at 0x", refused(make_app, board, MAIN))


def test_only_the_link_for_slot_b_finds_a_bend(board: Board, make_app: MakeApp, tree: Path) -> None:
    b = board.slot_address(1)
    with_script(tree, board, f"LONG(__slot_base == {b:#x} ? __slot_base + 4 : __slot_base)")
    message = refused(make_app, board, MAIN)
    assert re.match(rf"crooked .* is not reproduced at {body_address(board, 1):#x}", message)


def test_word_that_no_relocation_explains_is_refused_by_name(
    board: Board, make_app: MakeApp, tree: Path
) -> None:
    with_script(tree, board, "LONG(__slot_base)")
    assert re.match(r"crooked .* but no relocation says why", refused(make_app, board, MAIN))


def test_image_that_grows_at_another_address_is_refused_by_name(
    board: Board, make_app: MakeApp, tree: Path
) -> None:
    with_script(tree, board, f"LONG(1) . += __slot_base > {board.slot_address(0):#x} ? 64 : 0;")
    message = refused(make_app, board, MAIN)
    assert "is the first to move" in message


def test_alignment_wider_than_the_slots_distance_is_refused(
    board: Board, make_app: MakeApp
) -> None:
    message = refused(
        make_app,
        board,
        "__attribute__((aligned(0x200000))) const char wide[4] = {1};\n"
        "int main(void) { const volatile char *w = wide; return w[0]; }\n",
    )
    assert "aligned to 0x200000" in message or "does not link" in message


def test_image_without_magic_is_refused(board: Board, make_app: MakeApp, tree: Path) -> None:
    for file in (tree / "hal" / "arch" / board.arch).glob("start.*"):
        file.write_text(file.read_text().replace("0x434F4C52", "0"))
    assert "no relocation magic at +0x20" in refused(make_app, board, MAIN)


MAIN = "int main(void) {\n    return 0;\n}\n"
assert "heap" in APP_TOML  # the application selects components that hold addresses
