# SPDX-License-Identifier: Apache-2.0
"""Links objects into an image: for one address (bootloader), or for both slots with its proof."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unitool import lto, output, relocation_proof
from unitool.boards import BODY_OFFSET, Board, Region
from unitool.elf_image import Elf
from unitool.errors import BuildError
from unitool.formats import relocation
from unitool.formats.image import BUILD_ID_BYTES
from unitool.formats.relocation import Table
from unitool.relocation_proof import Link
from unitool.toolchain import Toolchain

_ROUNDS = 3
_LINKS = "unitool build -v shows the links; FORMAT.md section 3 says what they must have in common"
_PAGE = 4096
_ODD_STEPS = (0x61, 0x15B, 0x0D, 0x2F, 0x05)  # distances of trial links, in granules of address
_ADDRESS_SPACE = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What all links of an image share. Paths of objects count from `out`."""

    name: str
    board: Board
    toolchain: Toolchain
    out: Path
    objects: tuple[str, ...]
    script: Path
    stack: int
    maps: tuple[str, ...]  # what to call folders in debug information


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A finished image."""

    elf: Path
    bin: Path
    map: Path
    build_id: bytes
    table: Table | None
    reserve: int  # bytes that the table takes in the image


def _run(job: Job, slot_base: int, reserve: int, elf: Path, flags: Sequence[str]) -> Elf:
    elf.parent.mkdir(parents=True, exist_ok=True)
    command = [
        job.toolchain.tool("gcc"),
        *flags,
        f"-L{job.out / 'gen'}",
        f"-L{job.script.parent}",
        f"-T{job.script}",
        f"-Wl,--defsym=__slot_base={slot_base:#x}",
        f"-Wl,--defsym=__reloc_reserve={reserve:#x}",
        f"-Wl,--defsym=__stack_size={job.stack:#x}",
        *job.objects,
        "-o",
        str(elf.relative_to(job.out)),
    ]
    try:
        done = output.run(command, cwd=job.out)
    except subprocess.CalledProcessError as error:
        raise LinkError(job.name, error.stderr) from None
    if done.stderr:
        output.warn(done.stderr.strip())
    return Elf(elf)


def optimise(job: Job) -> Job:
    """Link once as a whole and return the job with the one object that came of it."""
    scratch = job.out / "whole"
    shutil.rmtree(scratch, ignore_errors=True)
    base, reserve = job.board.slot_address(0), relocation.HEAD_BYTES
    flags = (*job.toolchain.lto_flags, *lto.FLAGS, *job.maps)
    _run(job, base, reserve, scratch / "whole.elf", flags)
    lto.collect(job.out, scratch)
    return replace(job, objects=lto.optimised(job.objects))


class LinkError(BuildError):
    """The linker failed; `text` is what it said."""

    def __init__(self, name: str, text: str) -> None:
        """`name` is the image's."""
        super().__init__(f"{name} does not link", "unitool build -v shows the command")
        self.text = text


def link_boot(job: Job) -> Linked:
    """Link the bootloader for its one place."""
    elf = job.out / f"{job.name}.elf"
    map_file = job.out / f"{job.name}.map"
    flags = (*job.toolchain.link_flags, f"-Wl,-Map={map_file.name}")
    linked = _run(job, job.board.slot_address(0), 0, elf, flags)
    base = job.board.memory.boot.base
    _check_place(linked, job.board.memory.boot, job.name)
    build_id = hashlib.sha256(linked.contents(base)).digest()[:BUILD_ID_BYTES]
    place = linked.find("__build_id")
    if place is not None:
        linked.patch(place, build_id)
    binary = job.out / f"{job.name}.bin"
    binary.write_bytes(linked.contents(base))
    return Linked(elf=elf, bin=binary, map=map_file, build_id=build_id, table=None, reserve=0)


def link_image(job: Job) -> Linked:
    """Link an image that runs in both slots, prove it, and write elf, bin, map and slot B's elf."""
    trial = job.out / "link"
    base = job.board.slot_address(0)
    table, reserve, kept, far = _settle(job, trial)
    third = _link(job, base + far, reserve, trial / "third.elf")
    b = _link(job, job.board.slot_address(1), reserve, trial / "slot_b.elf")
    for other in (third, b):
        relocation_proof.prove(table, kept, other)
    slot = Region(base=base, size=job.board.slots[0].size)
    relocation_proof.cross_check(table, kept, slot)
    a = _link(job, base, reserve, trial / "slot_a.elf", [f"-Wl,-Map={job.name}.map"])
    if kept.body != a.body:
        raise BuildError(f"{job.name} links differently when its relocations are kept", _LINKS)
    linked = _finish(job, a, b, table, reserve)
    shutil.rmtree(trial)
    return linked


def _link(job: Job, slot_base: int, reserve: int, elf: Path, extra: Sequence[str] = ()) -> Link:
    linked = _run(job, slot_base, reserve, elf, (*job.toolchain.link_flags, *extra))
    body = slot_base + BODY_OFFSET
    _check_place(linked, Region(base=body, size=job.board.slots[0].size - BODY_OFFSET), job.name)
    return Link(elf=linked, base=body, body=linked.contents(body))


def _check_place(linked: Elf, region: Region, name: str) -> None:
    for s in linked.in_flash:
        if not region.base <= s.load <= s.load + s.size <= region.end:
            raise BuildError(
                f"{name}: section {s.name} lies at {s.load:#x}, outside {region.base:#x}.."
                f"{region.end:#x}",
                "a linker script, or a section attribute in C, puts it there: code and constants "
                "belong into .text and .rodata",
            )


def _settle(job: Job, trial: Path) -> tuple[Table, int, Link, int]:
    """Relink with ever more room for the table until it fits.

    Returns table, room, the link for slot A with relocations kept, and a distance for another.
    """
    base, reserve = job.board.slot_address(0), relocation.HEAD_BYTES
    for _ in range(_ROUNDS):
        kept = _link(job, base, reserve, trial / "kept.elf", ["-Wl,--emit-relocs"])
        near, far = _distances(job.board, kept.elf)
        moved = _link(job, base + near, reserve, trial / "moved.elf")
        table = relocation_proof.derive(kept, moved, job.toolchain.granule)
        needed = relocation_proof.reserve_for(table)
        if needed <= reserve:
            return table, reserve, kept, far
        reserve = needed
    raise BuildError(f"{job.name}: the relocation table still grows after {_ROUNDS} links", _LINKS)


def _distances(board: Board, elf: Elf) -> tuple[int, int]:
    """Two odd multiples of the granularity at which an image collides with no memory."""
    slots = board.slot_address(1) - board.slot_address(0)
    granularity = max(_PAGE, *(region.erase_bytes for region in board.flash.regions))
    for s in elf.in_flash:
        granularity = max(granularity, s.alignment)
        if slots % s.alignment:
            raise BuildError(
                f"section {s.name} is aligned to {s.alignment:#x}; the slots lie {slots:#x} apart",
                f"align it to less, or move slot_b in {board.dir / 'board.toml'}",
            )
    found = [d for d in (step * granularity for step in _ODD_STEPS) if _is_free(board, d)]
    if len(found) < 2:
        raise BuildError(
            f"{board.name}: there is no address for a trial link",
            f"leave room behind slot_a for two more links of its size, clear of RAM, in "
            f"{board.dir / 'board.toml'}",
        )
    return found[0], found[1]


def _is_free(board: Board, distance: int) -> bool:
    start = board.slot_address(0) + distance
    end = start + board.slots[0].size
    beside_ram = end <= board.memory.ram.base or board.memory.retained.end <= start
    return beside_ram and end <= _ADDRESS_SPACE


def _finish(job: Job, a: Link, b: Link, table: Table, reserve: int) -> Linked:
    """Write the table and the build id into what was linked for A and for B."""
    if not relocation.has_table(a.body):
        raise BuildError(
            f"{job.name}: the start code has no relocation magic at +0x20",
            f"the startup code in {job.script.parent} must begin as FORMAT.md section 3 says",
        )
    offset = relocation.offset_of(a.body)
    pointer = relocation.BUILD_ID_POINTER_OFFSET
    id_offset = int.from_bytes(a.body[pointer : pointer + 4], "little")
    if any(a.body[id_offset : id_offset + BUILD_ID_BYTES]):
        raise BuildError(
            f"{job.name}: the place of the build id is not empty",
            f"{job.script} must keep {BUILD_ID_BYTES} zeros for it in .build_id",
        )
    encoded = relocation.encode(table).ljust(reserve, b"\0")
    a.elf.patch(a.base + offset, encoded)
    canonical = a.elf.contents(a.base)
    relocation.check(canonical, a.base)
    build_id = hashlib.sha256(canonical).digest()[:BUILD_ID_BYTES]
    a.elf.patch(a.base + id_offset, build_id)
    b.elf.patch(b.base + offset, encoded)
    b.elf.patch(b.base + id_offset, build_id)
    linked = Linked(
        elf=job.out / f"{job.name}.elf",
        bin=job.out / f"{job.name}.bin",
        map=job.out / f"{job.name}.map",
        build_id=build_id,
        table=table,
        reserve=reserve,
    )
    linked.bin.write_bytes(a.elf.contents(a.base))
    a.elf.path.replace(linked.elf)
    b.elf.path.replace(job.out / f"{job.name}.slot_b.elf")
    return linked
