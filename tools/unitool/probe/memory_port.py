# SPDX-License-Identifier: Apache-2.0
"""The memory port of an emulated board: as pyOCD's quick interface, and as a MEM-AP's registers."""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Callable, Sequence

from pyocd.core.memory_interface import MemoryInterface

from unitool.errors import UnitoolError
from unitool.powered import Powered
from unitool.probe.core import Core
from unitool.probe.debug_registers import ROM_TABLE, DebugRegisters
from unitool.probe.link import losing

_PRIVATE, _PRIVATE_END = 0xE000_0000, 0xE010_0000  # where debug registers lie between QEMU's
_CSW, _TAR, _DRW, _BD, _BASE, _IDR = 0x00, 0x04, 0x0C, 0x10, 0xF8, 0xFC
_CSW_RESET, _CSW_KEPT = 0x0300_0040, 0xFF00_003F  # DeviceEn; size, increment, protection
_IDR_OF = {0xC: 0x0477_0021}  # of v6-M, by the architecture in CPUID
_IDR_OTHER = 0x2477_0011
_BLOCK = 1 << 15


class MemoryPort(MemoryInterface):  # type: ignore[misc]
    """All memory of the board, and its debug registers."""

    def __init__(self, board: Powered, core: Core, lock: threading.RLock) -> None:
        """`lock` is the probe's: several threads use it."""
        self._board = board
        self._core = core
        self._lock = lock
        self._debug = DebugRegisters(core)
        self._csw, self._tar = _CSW_RESET, 0

    # -- the line of reset, and the end

    def reset(self) -> None:
        """Pulse it."""
        with self._lock, losing(self._board):
            self._debug.reset()

    def assert_reset(self, asserted: bool) -> None:
        """Pull it down, or let go of it."""
        with self._lock, losing(self._board):
            self._debug.assert_reset(asserted)

    @property
    def is_reset_asserted(self) -> bool:
        """Whether it is pulled down."""
        with self._lock:
            return self._core.in_reset

    def close(self) -> None:
        """Leave the core as it is. Harmless if it is gone."""
        with self._lock, contextlib.suppress(OSError, EOFError, UnitoolError):
            self._core.close()

    # -- pyOCD's interface

    def read_memory(
        self, addr: int, transfer_size: int = 32, now: bool = True, **_: object
    ) -> int | Callable[[], int]:
        """Read one value of 8, 16, 32 or 64 bits."""
        value = int.from_bytes(self.read(addr, transfer_size // 8), "little")
        return value if now else lambda: value

    def write_memory(self, addr: int, data: int, transfer_size: int = 32, **_: object) -> None:
        """Write one value of 8, 16, 32 or 64 bits."""
        self.write(addr, (data & ((1 << transfer_size) - 1)).to_bytes(transfer_size // 8, "little"))

    def read_memory_block32(self, addr: int, size: int, **_: object) -> Sequence[int]:
        """Read `size` words."""
        return struct.unpack(f"<{size}I", self.read(addr, 4 * size))

    def write_memory_block32(self, addr: int, data: Sequence[int], **_: object) -> None:
        """Write words."""
        self.write(addr, struct.pack(f"<{len(data)}I", *data))

    def read_memory_block8(self, addr: int, size: int, **_: object) -> Sequence[int]:
        """Read bytes."""
        return list(self.read(addr, size))

    def write_memory_block8(self, addr: int, data: Sequence[int], **_: object) -> None:
        """Write bytes."""
        self.write(addr, bytes(data))

    # -- bytes

    def read(self, address: int, size: int) -> bytes:
        """Return memory."""
        with self._lock, losing(self._board):
            if _PRIVATE <= address < _PRIVATE_END:
                return self._read_private(address, size)
            pieces = (min(_BLOCK, size - at) for at in range(0, size, _BLOCK))
            return b"".join(
                self._core.memory.read(address + at * _BLOCK, n) for at, n in enumerate(pieces)
            )

    def write(self, address: int, data: bytes) -> None:
        """Change memory."""
        with self._lock, losing(self._board):
            if _PRIVATE <= address < _PRIVATE_END:
                self._write_private(address, data)
                return
            for at in range(0, len(data), _BLOCK):
                self._core.write(address + at, data[at : at + _BLOCK])

    def _read_private(self, address: int, size: int) -> bytes:
        first, end = address & ~3, address + size + 3 & ~3
        words = b"".join(self._read_word(at) for at in range(first, end, 4))
        return words[address - first : address - first + size]

    def _read_word(self, address: int) -> bytes:
        value = self._debug.read(address)
        return self._core.memory.read(address, 4) if value is None else struct.pack("<I", value)

    def _write_private(self, address: int, data: bytes) -> None:
        if address % 4 or len(data) % 4:
            self._core.memory.write(address, data)  # the debug registers take words only
            return
        for at, (value,) in enumerate(struct.iter_unpack("<I", data)):
            if not self._debug.write(address + 4 * at, value):
                self._core.memory.write(address + 4 * at, struct.pack("<I", value))

    # -- as registers of an access port

    def read_register(self, offset: int) -> int:
        """Return a register of the MEM-AP."""
        if offset == _DRW:
            return self._transfer(None)
        if _BD <= offset < _BD + 16:
            return struct.unpack("<I", self.read((self._tar & ~0xF) + offset - _BD, 4))[0]  # type: ignore[no-any-return]
        idr = _IDR_OF.get(self._core.architecture, _IDR_OTHER)
        return {_CSW: self._csw, _TAR: self._tar, _BASE: ROM_TABLE | 3, _IDR: idr}.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register of the MEM-AP."""
        if offset == _DRW:
            self._transfer(value)
        elif _BD <= offset < _BD + 16:
            self.write((self._tar & ~0xF) + offset - _BD, struct.pack("<I", value))
        elif offset == _TAR:
            self._tar = value
        elif offset == _CSW:
            self._csw = value & _CSW_KEPT | _CSW_RESET & ~_CSW_KEPT

    def _transfer(self, value: int | None) -> int:
        """Read or write at TAR, in the lanes and with the increment that CSW says."""
        size, shift = 1 << (self._csw & 3), 8 * (self._tar & 3)
        result = 0
        if value is None:
            result = int.from_bytes(self.read(self._tar, size), "little") << shift
        else:
            self.write(self._tar, (value >> shift).to_bytes(8, "little")[:size])
        if self._csw >> 4 & 3:
            self._tar += size
        return result
