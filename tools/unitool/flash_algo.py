# SPDX-License-Identifier: Apache-2.0
"""Builds a board's flash algorithm for debuggers (CMSIS, .flm) from its own driver."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unitool import layout, output, paths, toolchain
from unitool.boards import Board
from unitool.errors import BuildError

_PAGE_BYTES_MAX = 4096
_RAM_SHARE = 8  # of RAM a page takes at most one part in so many: two pages, code and stack fit
_FLAGS = (
    *("-fvisibility=hidden", "-fno-lto", "-g0"),
    "-fno-tree-loop-distribute-patterns",  # a loop that copies stays one: no library is needed
    *("-Wall", "-Wextra", "-Werror"),
)
_LINK = ("-nostartfiles", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments")


def build(board: Board) -> Path:
    """Return the algorithm's file; built once for each state of what it is made of."""
    digest = hashlib.sha256()
    for path in _inputs(board):
        digest.update(str(path.name).encode() + path.read_bytes())
    digest.update(
        "\0".join(
            (*_FLAGS, *_LINK, *_place(board), _device_h(board), layout.layout_h(board))
        ).encode()
    )
    folder = paths.cache() / "flash_algo"
    target = folder / f"{board.name}-{digest.hexdigest()[:16]}.flm"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unitool-") as scratch:
            paths.replace(target, _compile(board, Path(scratch)))
    return target


def _place(board: Board) -> tuple[str, ...]:
    """Say where the code is to lie: anywhere, or in RAM where the linker cannot leave it open."""
    if board.arch.startswith("arm"):
        return ("-fpie", "-pie", "-Wl,-z,norelro", "-Wl,--defsym=algo_base=0")
    return ("-fno-pie", f"-Wl,--defsym=algo_base={board.memory.ram.base:#x}")


def page_bytes(board: Board) -> int:
    """Return how much one call programs."""
    blocks = min(region.erase_bytes for region in board.flash.regions)
    room = 1 << (board.memory.ram.size // _RAM_SHARE).bit_length() - 1
    return max(min(blocks, room, _PAGE_BYTES_MAX), board.flash.program_bytes)


def _inputs(board: Board) -> Iterator[Path]:
    hal = paths.checkout() / "hal"
    for folder in (board.dir, hal / "flash_algo", hal / "include", hal / "public", hal / "drivers"):
        yield from sorted(path for path in folder.rglob("*.[chl]*") if path.is_file())
    yield hal / "flash.c"


def _sources(board: Board) -> list[Path]:
    hal = paths.checkout() / "hal"
    drivers = [name for name in board.drivers if name.startswith("flash/")]
    return [
        hal / "flash_algo" / "flash_algo.c",
        hal / "flash.c",
        *(hal / "drivers" / f"{name}.c" for name in drivers),
        hal / "arch" / board.arch / "cpu.c",
        board.dir / "board.c",
    ]


def _device_h(board: Board) -> str:
    """What debuggers are told besides the layout."""
    sectors, offset = [], 0
    for region in board.flash.regions:
        sectors.append(f"{{{region.erase_bytes:#x}, {offset:#x}}}")
        offset += region.count * region.erase_bytes
    return (
        "#pragma once\n"
        f'#define FLASH_DEVICE_NAME "{board.name}"\n'
        f"#define FLASH_DEVICE_PAGE_BYTES {page_bytes(board)}\n"
        f"#define FLASH_DEVICE_N_SECTORS {len(sectors)}\n"
        f"#define FLASH_DEVICE_SECTORS {', '.join(sectors)}\n"
    )


def _compile(board: Board, scratch: Path) -> bytes:
    (scratch / "flash_device.h").write_text(_device_h(board))
    (scratch / "layout.h").write_text(layout.layout_h(board))
    hal, tools = paths.checkout() / "hal", toolchain.for_board(board)
    include = (scratch, hal / "public", hal / "include", hal)
    result = scratch / "algo.flm"
    command = [
        *(tools.tool("gcc"), *tools.c_flags, *_FLAGS, *(f"-I{folder}" for folder in include)),
        *(
            *_LINK,
            *_place(board),
            f"-T{hal / 'flash_algo' / 'flash_algo.ld'}",
            *map(str, _sources(board)),
        ),
        *("-o", str(result)),
    ]
    try:
        output.run(command)
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"the flash algorithm of {board.name} does not build:\n{error.stderr.strip()}",
            "it is hal/flash_algo, hal/flash.c, the board's flash driver and its board.c",
        ) from None
    return result.read_bytes()
