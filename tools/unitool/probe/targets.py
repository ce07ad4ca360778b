# SPDX-License-Identifier: Apache-2.0
"""A board as a target of pyOCD: the one that board.toml names, else a class made from it."""

from __future__ import annotations

from typing import Any

from pyocd.core.memory_map import DeviceRegion, FlashRegion, MemoryMap, RamRegion
from pyocd.coresight.coresight_target import CoreSightTarget
from pyocd.target import TARGET, normalise_target_type_name

from unitool import flash_algo
from unitool.boards import Board

_DEVICES, _DEVICES_BYTES = 0x4000_0000, 0x2000_0000  # every Cortex-M's


def register(board: Board) -> str:
    """Make the board's target known to pyOCD and return its name."""
    if board.pyocd_target is not None:
        return board.pyocd_target
    name: str = normalise_target_type_name(board.name)
    TARGET[name] = _target_class(board)
    return name


def _target_class(board: Board) -> type:
    def __init__(self: Any, session: Any) -> None:
        CoreSightTarget.__init__(self, session, _memory_map(board))

    attributes = {"__init__": __init__, "VENDOR": "unitool", "PART_NUMBER": board.name}
    return type(f"Board_{normalise_target_type_name(board.name)}", (CoreSightTarget,), attributes)


def _memory_map(board: Board) -> MemoryMap:
    flash, memory = board.flash, board.memory
    regions = [
        RamRegion(name="ram", start=memory.ram.base, length=memory.ram.size, is_default=True),
        RamRegion(
            name="retained",
            start=memory.retained.base,
            length=memory.retained.size,
            is_default=False,
        ),
        DeviceRegion(name="devices", start=_DEVICES, length=_DEVICES_BYTES, access="rw"),
        FlashRegion(
            name="flash",
            start=flash.base,
            length=flash.size,
            flm=str(flash_algo.build(board)),
            blocksize=min(region.erase_bytes for region in flash.regions),
            erased_byte_value=flash.erased_value,
            is_boot_memory="boot" in board.layout,
        ),
    ]
    if "boot" not in board.layout:  # loaded at power-on, by something else than a debugger
        boot = memory.boot
        regions.append(
            RamRegion(
                name="boot",
                start=boot.base,
                length=boot.size,
                is_default=False,
                is_boot_memory=True,
            )
        )
    return MemoryMap(*regions)
