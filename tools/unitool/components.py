# SPDX-License-Identifier: Apache-2.0
"""Components: a folder with component.toml each; which of them an app's choices bring in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unitool import paths, strict_toml
from unitool.errors import BuildError, UnitoolError
from unitool.strict_toml import Table

BASE = "os/base"  # part of every application
SOURCE_PATTERNS = ("*.c", "*.S", "*.cpp")
_LIST = "unitool components lists what there is"
_KEYS = "summary, requires, exports, provides, interface, init, sources, include, stack"


class ComponentError(UnitoolError):
    """A component.toml says something that cannot be."""


_KIND = strict_toml.Kind(error=ComponentError, manual="components.md", missing=_LIST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A number that an app may set."""

    name: str
    unit: str
    low: int
    high: int
    default: int
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdParty:
    """What a component compiles of a pinned source; paths count from that source's folder."""

    name: str
    sources: tuple[str, ...]  # patterns
    include: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A piece of firmware/ that is compiled when it is selected."""

    id: str
    dir: Path
    summary: str
    requires: tuple[str, ...]
    exports: tuple[str, ...]  # those of `requires` whose headers its own public headers include
    provides: str | None  # the interface that it implements
    interface: bool
    init: str | None
    sources: tuple[str, ...]  # patterns
    include: tuple[str, ...]  # folders that apps do not see
    stack: int | None  # of the main stack, on 32 bits; only for the bootloader
    third_party: tuple[ThirdParty, ...]
    params: tuple[Param, ...]

    @property
    def public_include(self) -> Path:
        """The folder of headers that its users see."""
        return self.dir / "include"


def catalog(firmware: Path | None = None) -> dict[str, Component]:
    """Return every component under `firmware` by id."""
    root = firmware or paths.checkout() / "firmware"
    folders = sorted(file.parent for file in root.rglob("component.toml"))
    return {c.id: c for c in (read(folder, root) for folder in folders)}


def check_references(component: Component, found: Mapping[str, Component]) -> None:
    """ComponentError unless everything that the component names is there."""
    file = component.dir / "component.toml"
    for other in component.requires:
        if other not in found:
            raise ComponentError(
                f"{file}: component.requires: there is no component {other!r}", _LIST
            )
    for other in component.exports:
        if other not in component.requires:
            raise ComponentError(
                f"{file}: component.exports: {other!r} is not in requires",
                f'add "{other}" to requires as well',
            )
    if component.provides is None:
        return
    if component.provides not in found or not found[component.provides].interface:
        raise ComponentError(
            f"{file}: component.provides: {component.provides!r} is no interface", _LIST
        )


def read(folder: Path, root: Path) -> Component:
    """Parse the component.toml in `folder`; ids count from `root`."""
    top = strict_toml.load(folder / "component.toml", _KIND)
    about = top.table("component")
    component = Component(
        id=folder.relative_to(root).as_posix(),
        dir=folder,
        summary=about.text("summary"),
        requires=about.texts("requires", ()),
        exports=about.texts("exports", ()),
        provides=about.text("provides") if about.has("provides") else None,
        interface=about.flag("interface", False),
        init=about.text("init") if about.has("init") else None,
        sources=about.texts("sources", SOURCE_PATTERNS),
        include=about.texts("include", ()),
        stack=about.size("stack"),
        third_party=tuple(
            _third_party(name, table)
            for name, table in top.table("third_party", optional=True).subtables()
        ),
        params=tuple(
            _param(name, table) for name, table in top.table("params", optional=True).subtables()
        ),
    )
    if component.init is not None and not component.init.isidentifier():
        about.fail("init", f"{component.init!r} is not the name of a function")
    about.finish(_KEYS)
    top.finish("component, third_party, params")
    return component


def _third_party(name: str, table: Table) -> ThirdParty:
    part = ThirdParty(
        name=name,
        sources=table.texts("sources", ()),
        include=table.texts("include", ()),
        flags=table.texts("flags", ()),
    )
    table.finish("sources, include, flags")
    return part


def _param(name: str, table: Table) -> Param:
    low, high = -(1 << 31), (1 << 32) - 1
    param = Param(
        name=name,
        unit=table.text("unit", ""),
        low=table.integer("min", low=low, high=high),
        high=table.integer("max", low=low, high=high),
        default=table.integer("default", low=low, high=high),
        help=table.text("help"),
    )
    if not name.isidentifier():
        table.fail("", f"{name!r} is no name for a parameter")
    if not param.low <= param.default <= param.high:
        table.fail("default", f"{param.default} is not in {param.low}..{param.high}")
    table.finish("unit, min, max, default, help")
    return param


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The components of one image."""

    order: tuple[Component, ...]  # each behind what it requires
    listed: frozenset[str]  # named by the app itself
    params: Mapping[tuple[str, str], int]  # (component, parameter) → value

    def includes(self, component: Component) -> tuple[Path, ...]:
        """Return the include folders for the component's own sources."""
        inside = [c for c in self.order if c.id in self._closure({component.id}, exports=False)]
        folders = (f for c in inside for f in (c.public_include, *(c.dir / s for s in c.include)))
        return tuple(folder for folder in folders if folder.is_dir())

    def third_party(self, component: Component) -> tuple[ThirdParty, ...]:
        """Return the third-party parts whose headers the component's sources see."""
        wanted = self._closure({component.id}, exports=False)
        return tuple(part for c in self.order if c.id in wanted for part in c.third_party)

    def library(self) -> tuple[Path, ...]:
        """Return the public headers of lib: pure C, which hal may use as well."""
        return tuple(c.public_include for c in self.order if c.id.startswith("lib/"))

    def visible(self) -> tuple[Path, ...]:
        """Return the include folders for the app's own sources."""
        seen = self._closure(set(self.listed), exports=True)
        folders = (c.public_include for c in self.order if c.id in seen)
        return tuple(folder for folder in folders if folder.is_dir())

    def _closure(self, start: set[str], *, exports: bool) -> set[str]:
        by_id = {c.id: c for c in self.order}
        seen: set[str] = set()
        todo = [name for name in start if name in by_id]
        while todo:
            c = by_id[todo.pop()]
            if c.id not in seen:
                seen.add(c.id)
                todo += [n for n in (c.exports if exports else c.requires) if n in by_id]
                todo += [c.provides] if c.provides else []
        return seen


def resolve(
    roots: Iterable[str],
    found: Mapping[str, Component],
    *,
    who: str,
    overrides: Mapping[tuple[str, str], int] | None = None,
) -> Selection:
    """Return what `roots` bring in. `who` is named in errors: the app, or the bootloader.

    BuildError when an interface has no implementation or two; overrides are already range-checked.
    """
    listed = tuple(roots)
    chosen = set(listed)
    todo = list(listed)
    while todo:
        component = found[todo.pop()]
        check_references(component, found)
        for name in component.requires:
            if name not in chosen:
                chosen.add(name)
                todo.append(name)
    for name in [c for c in chosen if found[c].provides]:
        chosen.add(str(found[name].provides))
    _check_interfaces(chosen, found, who)
    order = _in_order(chosen, found)
    params = {(c.id, p.name): p.default for c in order for p in c.params}
    return Selection(
        order=order, listed=frozenset(listed), params={**params, **dict(overrides or {})}
    )


def _check_interfaces(chosen: set[str], found: Mapping[str, Component], who: str) -> None:
    for name in sorted(n for n in chosen if found[n].interface):
        having = sorted(c for c in chosen if found[c].provides == name)
        if len(having) > 1:
            raise BuildError(
                f"{who} selects two implementations of {name}: {', '.join(having)}",
                f"take {' or '.join(map(how_to_list, having))} out of [components]",
            )
        if not having:
            users = sorted(c for c in chosen if name in found[c].requires) or [who]
            could = sorted(c for c in found if found[c].provides == name)
            raise BuildError(
                f"{users[0]} requires {name}, and {who} selects no implementation of it",
                f"add {how_to_list(could[0])} to [components]" if could else _LIST,
            )


def _in_order(chosen: set[str], found: Mapping[str, Component]) -> tuple[Component, ...]:
    """Depth first along `requires`; an interface stands for its implementation."""
    order: list[Component] = []
    done: set[str] = set()
    implementation = {str(found[c].provides): c for c in chosen if found[c].provides}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            loop = " → ".join((*path[path.index(name) :], name))
            raise ComponentError(
                f"components require each other: {loop}",
                f"break the circle with an interface: {paths.manual('components.md')} says how",
            )
        if name in done:
            return
        needs = [*found[name].requires]
        if name in implementation and implementation[name] not in path:
            needs.append(implementation[name])
        for need in sorted(needs):
            visit(need, (*path, name))
        done.add(name)
        order.append(found[name])

    for name in sorted(chosen, key=lambda n: (n != BASE, n)):
        visit(name, ())
    return tuple(order)


def is_listable(component_id: str) -> bool:
    """Whether an app.toml can select the component: what boot and update share it cannot."""
    return "/" in component_id


def how_to_list(component_id: str, listed: Iterable[str] = ()) -> str:
    """Return the line of app.toml that selects a component beside those `listed` already.

    Such as `net = ["tcp"]`.
    """
    *parents, name = component_id.split("/")
    if parents[:1] == ["os"] and len(parents) == 2:
        return f'{parents[1]} = "{name}"'
    key = "/".join(parents)
    bare = key if len(parents) == 1 else f'"{key}"'
    names = [c.rpartition("/")[2] for c in sorted(listed) if c.rpartition("/")[0] == key]
    quoted = ", ".join(f'"{n}"' for n in (*(n for n in names if n != "base"), name))
    return f"{bare} = [{quoted}]"


def overrides_from(table: Table, found: Mapping[str, Component]) -> dict[tuple[str, str], int]:
    """Take every key of app.toml's [params], `"net/dhcp.tries" = 3`, checking name and range."""
    values: dict[tuple[str, str], int] = {}
    for key in table.names():
        component_id, _, name = key.rpartition(".")
        component = found.get(component_id)
        if component is None:
            table.fail(f'"{key}"', f"there is no component {component_id!r}", "unitool components")
        param = next((p for p in component.params if p.name == name), None)
        if param is None:
            known = ", ".join(p.name for p in component.params) or "none"
            table.fail(f'"{key}"', f"{component_id} has no parameter {name!r}", f"it has: {known}")
        value = table.integer(key, low=-(1 << 31), high=(1 << 32) - 1)
        if not param.low <= value <= param.high:
            table.fail(f'"{key}"', f"{value} {param.unit} is not in {param.low}..{param.high}")
        values[component_id, name] = value
    return values
