# SPDX-License-Identifier: Apache-2.0
"""app.toml: what it becomes, and one bad file per rule."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from unitool import apps, boards
from unitool.errors import AppError

from .sample import APP_TOML, MakeApp

# name: (what is appended or replaced, what the error says)
BAD = {
    "unknown_table": ("[more]\nx = 1\n", "more: unknown key"),
    "unknown_limit": ("[limits]\nheap = 4\n", "limits.heap: unknown key"),
    "bad_size": ('[limits]\nflash = "96k"\n', "limits.flash: must be a number of bytes"),
    "bad_stack": ('[limits]\nstack.main = "100"\n', "limits.stack.main: 100 is not"),
    "unknown_stack": ('[limits]\nstack.irq = "1K"\n', "limits.stack.irq: unknown key"),
    "unknown_param": ('[params]\n"os/heap/tlsf.colour" = 1\n', "has no parameter 'colour'"),
    "param_of_nothing": ('[params]\n"os/attic.x" = 1\n', "there is no component 'os/attic'"),
    "param_range": ('[params]\n"os/heap/tlsf.size_bytes" = 1\n', "1 B is not in 64..65536"),
    "param_type": ('[params]\n"os/heap/tlsf.size_bytes" = "1"\n', "must be an integer"),
}
BAD_LINES = {
    "name": ('name = "sample"', 'name = "My App"', "app.name: 'My App' is no name"),
    "version": ('"1.2.3"', '"1.x"', "app.version: version '1.x' is not MAJOR.MINOR.PATCH"),
    "version_high": ('"1.2.3"', '"256.0.0"', "app.version: version 256.0.0: at most 255.255"),
    "vendor": ('vendor = "example.com"\n', "", "app.vendor: is missing"),
    "empty_vendor": ('"example.com"', '""', "app.vendor: must not be empty"),
    "unknown_key": ("vendor", "licence = 1\nvendor", "app.licence: unknown key"),
    "component": ('"tcp"', '"udp"', "components.net: there is no component net/udp"),
    "component_type": ('["tcp"]', "1", "components.net: must be a list of strings"),
}


def test_app_is_read(tree: Path, make_app: MakeApp) -> None:
    app = apps.load(make_app(toml=APP_TOML + '[limits]\nflash = "96K"\nstack.main = 2048\n'))
    assert app.components == ("os/base", "os/heap/tlsf", "net/tcp")
    assert app.limits == apps.Limits(flash=98304, ram=None, stack_main=2048)
    assert app.product == "sample" and str(app.version) == "1.2.3"


def test_identity_is_mcuboots(tree: Path, make_app: MakeApp) -> None:
    app = apps.load(make_app())
    vid = uuid.uuid5(uuid.NAMESPACE_DNS, "example.com")
    assert app.vid == vid.bytes
    board = boards.load("virt-rv32")
    assert app.cid(board) == uuid.uuid5(vid, "sample/virt-rv32").bytes


def test_hw_can_be_set_per_board(tree: Path, make_app: MakeApp) -> None:
    toml = APP_TOML.replace("[components]", '[app.hw]\nvirt-rv32 = "rev-b"\n\n[components]')
    app = apps.load(make_app(toml=toml))
    assert app.hw_for(boards.load("virt-rv32")) == "rev-b"
    assert app.hw_for(boards.load("mps2-an385")) == "mps2-an385"


@pytest.mark.parametrize("rule", BAD)
def test_bad_table_is_refused(rule: str, tree: Path, make_app: MakeApp) -> None:
    text, says = BAD[rule]
    folder = make_app(toml=APP_TOML + text)
    with pytest.raises(AppError, match=re.escape(says)) as error:
        apps.load(folder)
    assert error.value.message.startswith(str(folder / "app.toml"))


@pytest.mark.parametrize("rule", BAD_LINES)
def test_bad_line_is_refused(rule: str, tree: Path, make_app: MakeApp) -> None:
    before, after, says = BAD_LINES[rule]
    folder = make_app(toml=APP_TOML.replace(before, after, 1))
    with pytest.raises(AppError, match=re.escape(says)):
        apps.load(folder)


def test_folder_without_app_says_how_to_make_one(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"has no app\.toml") as error:
        apps.load(tmp_path)
    assert "unitool new" in str(error.value.hint)
