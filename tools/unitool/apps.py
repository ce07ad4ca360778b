# SPDX-License-Identifier: Apache-2.0
"""Applications: sources and an app.toml, parsed strictly into frozen dataclasses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unitool import components, strict_toml
from unitool.boards import Board
from unitool.errors import AppError
from unitool.formats.reasons import MalformedError
from unitool.formats.version import Version
from unitool.strict_toml import Table

STACK_MAIN_DEFAULT = 4096
_KIND = strict_toml.Kind(
    error=AppError,
    manual="apps.md",
    missing="unitool new NAME makes an application; -C DIR names its folder",
)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes that the build must not exceed; None: as much as the board has."""

    flash: int | None = None
    ram: int | None = None
    stack_main: int = STACK_MAIN_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What app.toml says."""

    name: str
    dir: Path
    version: Version
    vendor: str
    product: str
    hw: str | Mapping[str, str] | None
    components: tuple[str, ...]
    params: Mapping[tuple[str, str], int]
    limits: Limits
    hardware_access: bool  # its sources see hal's contracts; for tests of hardware, never released

    def hw_for(self, board: Board) -> str:
        """Return the hardware name that goes into the identity."""
        if isinstance(self.hw, str):
            return self.hw
        return (self.hw or {}).get(board.name, board.name)

    @property
    def vid(self) -> bytes:
        """The vendor's id, 16 bytes."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, self.vendor).bytes

    def cid(self, board: Board) -> bytes:
        """Return the id of product and hardware, 16 bytes."""
        name = f"{self.product}/{self.hw_for(board)}"
        return uuid.uuid5(uuid.UUID(bytes=self.vid), name).bytes


def load(folder: Path, found: Mapping[str, components.Component] | None = None) -> App:
    """Parse the app.toml in `folder`. AppError names file, key and reason."""
    known = components.catalog() if found is None else found
    top = strict_toml.load(folder / "app.toml", _KIND)
    about = top.table("app")
    name = about.text("name")
    if not _NAME.fullmatch(name):
        about.fail("name", f"{name!r} is no name: use a-z, 0-9, - and _, at most 32")
    app = App(
        name=name,
        dir=folder.resolve(),
        version=_version(about),
        vendor=about.text("vendor"),
        product=about.text("product", name),
        hw=_hw(about),
        components=_selected(top.table("components", optional=True), known),
        params=components.overrides_from(top.table("params", optional=True), known),
        limits=_limits(top.table("limits", optional=True)),
        hardware_access=about.flag("hardware_access", False),
    )
    about.finish("name, version, vendor, product, hw, hardware_access")
    top.finish("app, components, params, limits")
    return app


def _version(about: Table) -> Version:
    try:
        return Version.parse(about.text("version"))
    except MalformedError as reason:
        about.fail("version", reason.message)


def _hw(about: Table) -> str | Mapping[str, str] | None:
    if not about.has("hw"):
        return None
    value = about.text_or_table("hw")
    return value if isinstance(value, str) else {k: value.text(k) for k in value.names()}


def _limits(table: Table) -> Limits:
    stack = table.table("stack", optional=True)
    limits = Limits(
        flash=table.size("flash"),
        ram=table.size("ram"),
        stack_main=stack.size("main", STACK_MAIN_DEFAULT) or STACK_MAIN_DEFAULT,
    )
    if limits.stack_main % 32 or limits.stack_main < 256:
        stack.fail("main", f"{limits.stack_main} is not a multiple of 32, 256 or more")
    stack.finish("main")
    table.finish("flash, ram, stack")
    return limits


def _selected(table: Table, known: Mapping[str, components.Component]) -> tuple[str, ...]:
    """Turn `heap = "tlsf"` into os/heap/tlsf and `net = ["dhcp"]` into net/dhcp."""
    chosen: dict[str, None] = {}
    if components.BASE in known:
        chosen[components.BASE] = None
    for key in table.names():
        value = table.choice(key)
        if value == "none":
            continue
        for name in (value,) if isinstance(value, str) else value:
            found = _find(key, name, known)
            if found is None:
                table.fail(key, f"there is no component {key}/{name}", _offer(key, known))
            chosen[found] = None
    return tuple(chosen)


def _find(key: str, name: str, known: Mapping[str, components.Component]) -> str | None:
    return next((c for c in (f"os/{key}/{name}", f"{key}/{name}") if c in known), None)


def _offer(key: str, known: Iterable[str]) -> str:
    names = [
        c.rpartition("/")[2] for c in sorted(known) if c.rpartition("/")[0] in (key, f"os/{key}")
    ]
    return f"there are: {', '.join(names)}" if names else "unitool components"
