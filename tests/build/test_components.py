# SPDX-License-Identifier: Apache-2.0
"""component.toml and what a selection brings in; one bad file per rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from unitool import components, layout
from unitool.components import ComponentError
from unitool.errors import BuildError

BAD = {
    "unknown_key": ('[component]\nsummary = "x"\ncolour = 1\n', "component.colour: unknown key"),
    "no_summary": ("[component]\n", "component.summary: is missing"),
    "init": ('[component]\nsummary = "x"\ninit = "a b"\n', "'a b' is not the name of a function"),
    "interface": ('[component]\nsummary = "x"\ninterface = 1\n', "must be true or false"),
    "param_range": (
        '[component]\nsummary = "x"\n[params.n]\nunit = "B"\nmin = 2\nmax = 3\ndefault = 1\n'
        'help = "h"\n',
        "params.n.default: 1 is not in 2..3",
    ),
    "param_help": (
        '[component]\nsummary = "x"\n[params.n]\nunit = "B"\nmin = 0\nmax = 3\ndefault = 1\n',
        "params.n.help: is missing",
    ),
    "param_key": (
        '[component]\nsummary = "x"\n[params.n]\nunit = "B"\nmin = 0\nmax = 3\ndefault = 1\n'
        'help = "h"\nstep = 1\n',
        "params.n.step: unknown key",
    ),
    "third_party_key": (
        '[component]\nsummary = "x"\n[third_party.lwip]\nurl = "x"\n',
        "third_party.lwip.url: unknown key",
    ),
    "requires": (
        '[component]\nsummary = "x"\nrequires = ["os/attic"]\n',
        "there is no component 'os/attic'",
    ),
    "exports": (
        '[component]\nsummary = "x"\nexports = ["net/tcp"]\n',
        "'net/tcp' is not in requires",
    ),
    "provides": (
        '[component]\nsummary = "x"\nprovides = "net/tcp"\n',
        "'net/tcp' is no interface",
    ),
}


@pytest.mark.parametrize("rule", BAD)
def test_bad_component_is_refused(rule: str, tree: Path) -> None:
    text, says = BAD[rule]
    file = tree / "firmware" / "net" / "link" / "component.toml"
    file.write_text(text)
    with pytest.raises(ComponentError, match=re.escape(says)) as error:
        found = components.catalog()
        components.resolve(["net/link"], found, who="app 'x'")
    assert error.value.message.startswith(str(file))


def test_components_start_behind_what_they_require(tree: Path) -> None:
    found = components.catalog()
    chosen = components.resolve(["os/base", "net/tcp", "os/heap/tlsf"], found, who="app 'x'")
    text = layout.init_c(chosen.order)
    assert [m for m in re.findall(r"if \((\w+)\(\) < 0\)", text)] == [
        "tlsf_init",
        "link_init",
        "tcp_init",
    ]


def test_interface_without_implementation_names_one(tree: Path) -> None:
    with pytest.raises(BuildError, match=r"net/link requires os/heap, and app 'x'") as error:
        components.resolve(["net/tcp"], components.catalog(), who="app 'x'")
    assert 'heap = "bump"' in str(error.value.hint)


def test_two_implementations_are_refused(tree: Path) -> None:
    with pytest.raises(BuildError, match=r"two implementations of os/heap"):
        components.resolve(["os/heap/tlsf", "os/heap/bump"], components.catalog(), who="app 'x'")


def test_circle_is_refused(tree: Path) -> None:
    file = tree / "firmware" / "net" / "link" / "component.toml"
    file.write_text('[component]\nsummary = "x"\nrequires = ["net/tcp"]\n')
    with pytest.raises(ComponentError, match=r"net/link → net/tcp → net/link"):
        components.resolve(["net/tcp"], components.catalog(), who="app 'x'")


def _component(folder: Path, tree: Path) -> str:
    return folder.parent.relative_to(tree / "firmware").as_posix()


def test_app_sees_what_it_lists_not_what_came_along(tree: Path) -> None:
    found = components.catalog()
    chosen = components.resolve(["os/base", "net/tcp", "os/heap/tlsf"], found, who="app 'x'")
    seen = {_component(folder, tree) for folder in chosen.visible()}
    assert seen == {"os/base", "net/tcp", "os/heap"}


def test_exported_headers_are_seen_by_users(tree: Path) -> None:
    file = tree / "firmware" / "net" / "tcp" / "component.toml"
    file.write_text(file.read_text() + 'exports = ["net/link"]\n')
    found = components.catalog()
    chosen = components.resolve(["os/base", "net/tcp", "os/heap/tlsf"], found, who="app 'x'")
    assert "net/link" in {_component(folder, tree) for folder in chosen.visible()}


def test_every_real_component_names_only_what_is_there() -> None:
    found = components.catalog()
    for component in found.values():
        components.check_references(component, found)
