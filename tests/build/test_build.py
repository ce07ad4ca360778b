# SPDX-License-Identifier: Apache-2.0
"""Whole builds with the small tree: files, reproducibility, limits, and errors that teach."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from unitool import boards, build, paths
from unitool.boards import Board
from unitool.elf_image import Elf
from unitool.errors import BuildError
from unitool.formats import relocation

from .sample import APP_TOML, MAIN_C, MakeApp, body_address, make_tree


def test_build_leaves_everything(board: Board, make_app: MakeApp) -> None:
    folder = make_app()
    built = build.build(folder, board)
    assert built.out == folder / "build" / board.name
    for name in (
        "sample.elf",
        "sample.bin",
        "sample.map",
        "sample.slot_b.elf",
        "size.json",
        "compile_commands.json",
        "build.ninja",
        "gen/layout.ld",
        "gen/layout.h",
    ):
        assert (built.out / name).is_file(), name
    body = built.bin.read_bytes()
    table = relocation.decode(body, body_address(board, 0))
    assert built.sizes.flash_B == len(body) and built.sizes.reloc_entries == len(table.words) > 0
    assert built.build_id in body and len(built.build_id) == 20
    assert not list(built.out.glob("link*"))


def test_elf_and_bin_say_the_same(board: Board, make_app: MakeApp) -> None:
    built = build.build(make_app(), board)
    body = built.bin.read_bytes()
    assert Elf(built.elf).contents(body_address(board, 0)) == body
    assert built.slot_b_elf is not None
    moved = Elf(built.slot_b_elf).contents(body_address(board, 1))
    assert moved == relocation.apply(body, body_address(board, 1) - body_address(board, 0))


def test_build_id_is_the_hash_of_the_body_without_it(board: Board, make_app: MakeApp) -> None:
    import hashlib

    built = build.build(make_app(), board)
    body = built.bin.read_bytes().replace(built.build_id, bytes(20))
    assert hashlib.sha256(body).digest()[:20] == built.build_id


def test_two_folders_make_the_same_bytes(
    board: Board, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.build(make_app(), board)
    boot = build.build_boot(board)
    other = make_tree(tmp_path / "elsewhere" / "deeper")
    monkeypatch.setattr(paths, "checkout", lambda: other)
    shutil.copytree(
        first.app.dir if first.app else Path(),
        tmp_path / "copy" / "renamed",
        ignore=shutil.ignore_patterns("build"),
    )
    again = boards.load(board.name)
    second = build.build(tmp_path / "copy" / "renamed", again)
    boot_again = build.build_boot(again)
    for one, two in ((first, second), (boot, boot_again)):
        assert one.out != two.out
        for file, twin in ((one.bin, two.bin), (one.elf, two.elf), (one.map, two.map)):
            assert file.read_bytes() == twin.read_bytes(), file.name


def test_second_build_does_nothing(board: Board, make_app: MakeApp) -> None:
    folder = make_app()
    before = build.build(folder, board).elf.stat().st_mtime_ns
    assert build.build(folder, board).elf.stat().st_mtime_ns == before


def test_changed_parameter_reaches_the_code(board: Board, make_app: MakeApp) -> None:
    small = build.build(make_app(), board)
    toml = APP_TOML + '[params]\n"os/heap/tlsf.size_bytes" = 9000\n'
    large = build.build(make_app(toml=toml), board)
    assert large.sizes.ram_B - small.sizes.ram_B == 9000 - 1024


def test_stack_is_what_the_app_asks_for(board: Board, make_app: MakeApp) -> None:
    usual = build.build(make_app(), board)
    large = build.build(make_app(toml=APP_TOML + '[limits]\nstack.main = "8K"\n'), board)
    assert large.sizes.ram_B - usual.sizes.ram_B == 4096


def test_bootloader_is_built_for_its_place(board: Board) -> None:
    built = build.build_boot(board)
    assert built.app is None and built.sizes.reloc_B == 0 and built.sizes.stack_B == 2048
    assert Elf(built.elf).contents(board.memory.boot.base) == built.bin.read_bytes()
    assert built.build_id in built.bin.read_bytes()


def test_compile_commands_name_every_source(board: Board, make_app: MakeApp) -> None:
    built = build.build(make_app(), board)
    commands = json.loads((built.out / "compile_commands.json").read_text())
    files = {Path(entry["file"]).name for entry in commands}
    assert {"main.c", "tcp.c", "link.c", "tlsf.c", "sum.c", "null.c", "board.c"} <= files
    assert "bump.c" not in files


@pytest.mark.parametrize(("what", "limit"), [("flash", 64), ("ram", 1024)])
def test_limit_is_enforced(what: str, limit: int, board: Board, make_app: MakeApp) -> None:
    folder = make_app(toml=APP_TOML + f"[limits]\n{what} = {limit}\n")
    with pytest.raises(BuildError, match=rf"bytes of {what}, [\d,]+ more than limits\.{what}"):
        build.build(folder, board)


def test_unlisted_capability_is_named_with_its_line(
    board: Board, make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_app(toml=APP_TOML.replace('net = ["tcp"]\n', ""))
    with pytest.raises(BuildError) as error:
        build.build(folder, board)
    assert error.value.message == (
        "app 'sample' uses net/tcp (main.c:1) but app.toml does not list it"
    )
    assert 'add net = ["tcp"] to [components]' in str(error.value.hint)
    assert "main.c:1:10: fatal error: net/tcp.h: No such file" in capsys.readouterr().err


def test_hint_extends_the_list_that_is_there(board: Board, make_app: MakeApp) -> None:
    folder = make_app(main='#include "net/link.h"\n' + MAIN_C)
    with pytest.raises(BuildError, match=r"uses net/link \(main\.c:1\)") as error:
        build.build(folder, board)
    assert 'net = ["tcp", "link"]' in str(error.value.hint)


def test_unlisted_interface_offers_its_implementations(board: Board, make_app: MakeApp) -> None:
    toml = APP_TOML.replace('heap = "tlsf"\nnet = ["tcp"]\n', "")
    folder = make_app(main='#include "os/heap.h"\nint main(void) { return 0; }\n', toml=toml)
    with pytest.raises(BuildError, match=r"uses os/heap \(main\.c:1\)") as error:
        build.build(folder, board)
    assert 'heap = "bump"' in str(error.value.hint)


def test_component_that_forgot_a_requirement_is_named(
    board: Board, make_app: MakeApp, tree: Path
) -> None:
    file = tree / "firmware" / "net" / "link" / "component.toml"
    file.write_text('[component]\nsummary = "x"\ninit = "link_init"\n')
    with pytest.raises(BuildError, match=r"component net/link uses os/heap \(link\.c:3\)") as error:
        build.build(make_app(), board)
    assert 'add "os/heap" to requires in' in str(error.value.hint)


def test_compiler_errors_are_shown_as_they_are(
    board: Board, make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BuildError, match="sample does not compile"):
        build.build(make_app(main="int main(void) {\n    return x;\n}\n"), board)
    shown = capsys.readouterr().err
    assert "main.c:2:12: error: 'x' undeclared" in shown and "-ffunction-sections" not in shown


def test_undefined_function_is_named(
    board: Board, make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    main = "int missing(void);\nint main(void) {\n    return missing();\n}\n"
    with pytest.raises(BuildError, match="sample does not link"):
        build.build(make_app(main=main), board)
    assert "undefined reference to `missing'" in capsys.readouterr().err


def test_unknown_driver_names_its_file(board: Board, make_app: MakeApp, tree: Path) -> None:
    file = tree / "boards" / board.name / "board.toml"
    file.write_text(file.read_text().replace("uart/null", "uart/none"))
    with pytest.raises(BuildError.__base__, match="there is no driver 'uart/none'"):
        build.build(make_app(), boards.load(board.name))
