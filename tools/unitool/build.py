# SPDX-License-Identifier: Apache-2.0
"""Builds an application or the bootloader: generate, compile, link, prove, measure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from unitool import (
    apps,
    compiling,
    components,
    layout,
    linking,
    output,
    paths,
    shared_objects,
    sizes,
    toolchain,
)
from unitool.apps import App
from unitool.boards import Board
from unitool.compiling import Image
from unitool.errors import BuildError
from unitool.linking import Job
from unitool.ninja_file import Compile
from unitool.sizes import Sizes

BOOT = "boot"
_STAMP = "build.json"
_LINK_MODULES = ("linking", "lto", "relocation_proof", "elf_image", "sizes", "stack")
# Style allows 512 for a function as written; inlining adds what its callees need.
_FRAME_WORDS_MAX = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished build and where its files lie."""

    name: str
    board: Board
    app: App | None  # None: the bootloader
    out: Path
    elf: Path
    bin: Path
    map: Path
    slot_b_elf: Path | None  # for a debugger, when the image runs in slot B
    build_id: bytes
    sizes: Sizes


def build(app_dir: Path, board: Board, *, out: Path | None = None, werror: bool = False) -> Built:
    """Build the application in `app_dir`; files go to its build/<board>/ unless `out` is given."""
    found = components.catalog()
    app = apps.load(app_dir, found)
    selection = components.resolve(
        app.components, found, who=f"app {app.name!r}", overrides=app.params
    )
    tools = toolchain.for_board(board)
    image = Image(
        name=app.name,
        app_dir=app.dir,
        board=board,
        selection=selection,
        out=(out or app.dir / "build" / board.name).resolve(),
        shared=_shared_folder(board, selection, (tools, werror)),
        tools=tools,
        werror=werror,
        hardware_access=app.hardware_access,
    )
    if app.hardware_access:
        output.warn(f"{app.name} reaches the hardware by itself: it is packed into no release")
    generated = {
        "app/app.h": layout.app_h(app),
        "init.c": layout.init_c(selection.order),
    }
    built = _make(image, app, app.limits.stack_main, generated, found)
    sizes.enforce(built.sizes, app)
    return built


def build_boot(board: Board, *, out: Path | None = None, werror: bool = False) -> Built:
    """Build the bootloader, without keys; files go to build/boot/<board>/ of the checkout."""
    found = components.catalog()
    if BOOT not in found:
        raise BuildError(
            f"there is no {paths.checkout() / 'firmware' / BOOT / 'component.toml'}",
            "git status shows what is missing in this checkout of unitool",
        )
    selection = components.resolve([BOOT], found, who="the bootloader")
    tools = toolchain.for_board(board, small=True)
    image = Image(
        name=BOOT,
        app_dir=None,
        board=board,
        selection=selection,
        out=(out or shared_objects.build_root() / BOOT / board.name).resolve(),
        shared=_shared_folder(board, selection, (tools, werror)),
        tools=tools,
        werror=werror,
        hardware_access=False,
    )
    stack = (found[BOOT].stack or apps.STACK_MAIN_DEFAULT) * board.word_bytes // 4
    built = _make(image, None, stack, {}, found)
    sizes.enforce_boot_stack(built.sizes)
    return built


def _shared_folder(board: Board, selection: components.Selection, more: object) -> Path:
    chosen = ([c.id for c in selection.order], sorted(selection.params.items()))
    return shared_objects.folder(board.name, (layout.layout_h(board), chosen, more))


def _make(
    image: Image,
    app: App | None,
    stack: int,
    generated: Mapping[str, str],
    found: Mapping[str, components.Component],
) -> Built:
    common = {**layout.param_headers(image.selection), "layout.h": layout.layout_h(image.board)}
    script = {"layout.ld": layout.layout_ld(image.board)}
    own, shared = compiling.own_compiles(image), compiling.shared_compiles(image)
    with paths.writing(image.out), shared_objects.locked(image.out):
        compiling.write_files(image.out, own, {**generated, **common, **script})
        compiling.write_for_tools(image, own, shared)
        compiling.run_ninja(image, image.out, found)  # first: an app's errors come at once
        compiling.check_includes(image, found)
        with shared_objects.locked(image.shared):
            compiling.write_files(image.shared, shared, common)
            compiling.run_ninja(image, image.shared, found)
            shared_objects.take(image.shared, [part.object for part in shared], image.out)
            shared_objects.forget_old(image.shared)
        facts = _link(image, (*own, *shared), stack)
    return _built(image, app, facts)


def _link(image: Image, parts: tuple[Compile, ...], stack: int) -> dict[str, object]:
    """Link unless nothing changed since the last time; return what build.json says."""
    script_name = "boot.ld" if image.app_dir is None else "image.ld"
    arch = paths.checkout() / "hal" / "arch" / image.board.arch
    job = Job(
        name=image.name,
        board=image.board,
        toolchain=image.tools,
        out=image.out,
        objects=tuple(part.object for part in parts),
        script=arch / script_name,
        stack=stack,
        maps=compiling.link_maps(image),
    )
    inputs = _inputs(job)
    stamp = image.out / _STAMP
    made = [f"{image.name}.{suffix}" for suffix in ("elf", "bin", "map")]
    if all((image.out / name).is_file() for name in (_STAMP, "size.json", *made)):
        facts: dict[str, object] = json.loads(stamp.read_text())
        if facts.get("inputs") == inputs:
            return facts
    stamp.unlink(missing_ok=True)
    try:
        whole = linking.optimise(job)
        linked = linking.link_boot(whole) if image.app_dir is None else linking.link_image(whole)
    except linking.LinkError as error:
        click.echo(error.text.rstrip(), err=True)
        raise toolchain.disk_full(f"link {job.name}", error.text) or error from None
    measured = sizes.measure(image.board, linked, stack)
    limit = _FRAME_WORDS_MAX * image.board.word_bytes
    for f in sizes.functions_with_large_frames(image.out, limit):
        output.warn(f"{f.source}: {f.name} takes {f.frame_bytes} bytes of stack")
    facts = {"inputs": inputs, "build_id": linked.build_id.hex(), "sizes": measured.as_dict()}
    (image.out / "size.json").write_text(json.dumps(measured.as_dict(), indent=1) + "\n")
    stamp.write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def _inputs(job: Job) -> str:
    """Digest of everything that the links depend on."""
    digest = hashlib.sha256(repr((job, linking.__file__)).encode())
    tool = Path(__file__).parent
    files = [
        *(job.out / name for name in job.objects),
        job.out / "gen" / "layout.ld",
        *sorted(job.script.parent.glob("*.ld")),
        *(tool / f"{name}.py" for name in _LINK_MODULES),
    ]
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _built(image: Image, app: App | None, facts: dict[str, object]) -> Built:
    def file(suffix: str) -> Path:
        return image.out / f"{image.name}{suffix}"

    return Built(
        name=image.name,
        board=image.board,
        app=app,
        out=image.out,
        elf=file(".elf"),
        bin=file(".bin"),
        map=file(".map"),
        slot_b_elf=file(".slot_b.elf") if app else None,
        build_id=bytes.fromhex(str(facts["build_id"])),
        sizes=Sizes.from_dict(facts["sizes"]),
    )
