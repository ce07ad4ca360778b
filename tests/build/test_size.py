# SPDX-License-Identifier: Apache-2.0
"""`unitool size`: parts add up, a change shows its price, the stack's depth is found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from unitool import build, output, revision, sizes, stack
from unitool.boards import Board
from unitool.commands import size
from unitool.errors import BuildError, UsageError

from .sample import APP_TOML, BUILT, MakeApp

PLAIN_TOML = '[app]\nname = "plain"\nversion = "1.0.0"\nvendor = "example.com"\n'
CI = """graph: { title: "x"
node: { title: "a" label: "a\\nhal/a.c:1:1\\n100 bytes (static)" }
node: { title: "b" label: "b\\nhal/a.c:2:1\\n20 bytes (static)" }
node: { title: "c" label: "c\\nfirmware/c.c:3:1\\n600 bytes (static)" }
node: { title: "d" label: "d\\nthird_party/x/d.c:3:1\\n700 bytes (static)" }
node: { title: "__indirect_call" label: "Indirect Call Placeholder" shape : ellipse }
edge: { sourcename: "a" targetname: "b" label: "hal/a.c:1:5" }
edge: { sourcename: "b" targetname: "a" label: "hal/a.c:2:5" }
edge: { sourcename: "b" targetname: "__indirect_call" label: "hal/a.c:2:9" }
}
"""


def test_parts_add_up(board: Board, make_app: MakeApp) -> None:
    s = build.build(make_app(), board).sizes
    assert sum(flash for flash, _ in s.parts.values()) + s.reloc_B == s.flash_B
    assert sum(ram for _, ram in s.parts.values()) + s.stack_B == s.ram_B
    assert s.parts["os/heap/tlsf"][1] == 1024
    assert all(flash >= 0 and ram >= 0 for flash, ram in s.parts.values())


def test_size_json_says_the_same(board: Board, make_app: MakeApp) -> None:
    built = build.build(make_app(), board)
    facts = json.loads((built.out / "size.json").read_text())
    assert sizes.Sizes.from_dict(facts) == built.sizes
    assert facts["reloc_percent"] == round(100 * facts["reloc_B"] / facts["flash_B"], 2)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("firmware/os/heap/tlsf/tlsf.c", "os/heap/tlsf"),
        ("third_party/lwip-2.2.1/src/core/tcp.c", "lwip"),
        ("hal/flash.c", "hal"),
        ("hal/arch/armv7m/cpu.c", "hal/arch/armv7m"),
        ("hal/drivers/uart/cmsdk.c", "hal/drivers/uart"),
        ("boards/mps2-an385/board.c", "board"),
        ("sample/main.c", "app"),
        ("gen/init.c", "generated"),
    ],
)
def test_sources_belong_to_parts(source: str, part: str) -> None:
    assert sizes.part_of(source) == part


def test_deepest_chain_counts_pointers_once_and_survives_recursion() -> None:
    functions = stack.parse(CI)
    assert stack.deepest(functions, []) == (700, ("d",))
    assert stack.deepest(functions, ["c"]) == (720, ("a", "b", "c"))
    assert [f.source for f in stack.large_frames(functions, 512)] == ["firmware/c.c:3"]


def test_stack_limit_is_enforced_with_the_chain(board: Board, make_app: MakeApp) -> None:
    main = (
        "__attribute__((noinline)) int deep(volatile int *p);\n"
        "int deep(volatile int *p) { volatile int big[300]; big[*p] = 1; return big[0]; }\n"
        "int main(void) { volatile int n = 0; return deep(&n); }\n"
    )
    folder = make_app(main=main, toml=APP_TOML + "[limits]\nstack.main = 1024\n")
    with pytest.raises(
        BuildError, match=r"bytes of stack, [\d,]+ more than limits\.stack\.main"
    ) as e:
        build.build(folder, board)
    assert "deep" in str(e.value.hint)


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "app.toml").write_text(PLAIN_TOML)
    (folder / "main.c").write_text("int main(void) {\n    return 0;\n}\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.mark.parametrize("name", BUILT)
def test_diff_shows_what_a_change_costs(name: str, repository: Path) -> None:
    output.configure(verbose=False, as_json=False)
    (repository / "main.c").write_text(
        "volatile int kept[100] = {1};\nint main(void) {\n    return kept[3];\n}\n"
    )
    shown = CliRunner().invoke(
        size.command, [str(repository), "-b", name, "--diff", "HEAD"], catch_exceptions=False
    )
    app = next(line.split() for line in shown.output.splitlines() if line.startswith("app"))
    assert int(app[2]) >= 400 and app[3:] == ["400", "+400"]


def test_unknown_revision_is_a_usage_error(repository: Path) -> None:
    with (
        pytest.raises(UsageError, match="no revision 'nope'"),
        revision.earlier("nope", repository),
    ):
        pass


def test_folder_without_git_is_a_usage_error(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="in no git repository"),
        revision.earlier("HEAD", tmp_path),
    ):
        pass
