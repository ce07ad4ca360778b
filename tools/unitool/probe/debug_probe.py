# SPDX-License-Identifier: Apache-2.0
"""The probe as pyOCD sees it. Every pyOCD loads it: what it needs is imported when it is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyocd.board.board_ids import BoardInfo
from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe

from unitool import powered
from unitool.powered import Powered

if TYPE_CHECKING:
    from pyocd.board.board import Board as PyocdBoard

    from unitool.probe.memory_port import MemoryPort

_DPIDR = 0x2BA0_1477
_IDR, _CTRL_STAT = 0x0, 0x4
_POWER_REQUESTS = 1 << 28 | 1 << 30  # acknowledged one bit above


class QemuProbe(DebugProbe):  # type: ignore[misc]
    """The debug probe of an emulated board that is on."""

    @classmethod
    def get_all_connected_probes(
        cls, unique_id: str | None = None, is_explicit: bool = False
    ) -> Sequence[QemuProbe]:
        """Return one for each board that pyOCD can debug. Never fails: all probes pass here."""
        with contextlib.suppress(Exception):
            return [cls(board) for board in powered.boards() if board.arch.startswith("arm")]
        return []

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> QemuProbe | None:
        """Return the one with exactly this id."""
        found = (probe for probe in cls.get_all_connected_probes() if probe.unique_id == unique_id)
        return next(found, None)

    def __init__(self, board: Powered) -> None:
        """The probe of `board`."""
        super().__init__()
        self._board = board
        self._port: MemoryPort | None = None
        self._connected = False
        self._control = 0

    # -- what it is

    @property
    def vendor_name(self) -> str:
        """For lists."""
        return "unitool"

    @property
    def product_name(self) -> str:
        """For lists."""
        return f"emulated {self._board.board}"

    @property
    def description(self) -> str:
        """For lists."""
        return f"Emulated {self._board.board} [QEMU]"

    @property
    def unique_id(self) -> str:
        """The same at every power-on of the same state folder."""
        return self._board.uid

    @property
    def supported_wire_protocols(self) -> Collection[DebugProbe.Protocol]:
        """There is no wire; what a real probe would say."""
        return [DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD]

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        """None until connected."""
        return DebugProbe.Protocol.SWD if self._connected else None

    @property
    def is_open(self) -> bool:
        """Whether it was opened."""
        return self._port is not None

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        """It selects access ports and banks by itself."""
        can = DebugProbe.Capability
        return {
            can.MANAGED_AP_SELECTION,
            can.MANAGED_DPBANKSEL,
            can.BANKED_DP_REGISTERS,
            can.APv2_ADDRESSES,
        }

    @property
    def associated_board_info(self) -> BoardInfo:
        """For lists, which also look whether pyOCD knows the target."""
        from unitool import boards
        from unitool.errors import UnitoolError
        from unitool.probe import targets

        target = None
        with contextlib.suppress(UnitoolError):  # its board.toml may have gone wrong since
            target = targets.register(boards.read(Path(self._board.board_dir)))
        return BoardInfo(name=self._board.board, target=target, vendor="unitool")

    def create_associated_board(self) -> PyocdBoard | None:
        """Return the board that the probe is part of, so that nobody need name the target."""
        from pyocd.board.board import Board as PyocdBoard

        assert self.session is not None
        return PyocdBoard(self.session, board_info=self.associated_board_info)

    # -- connection

    def open(self) -> None:
        """Connect to the core without disturbing it. ProbeError if another debugger has it."""
        from unitool.probe.core import Core
        from unitool.probe.link import losing
        from unitool.probe.memory_port import MemoryPort

        with self._lock, losing(self._board):
            self._port = MemoryPort(self._board, Core(self._board), self._lock)

    def close(self) -> None:
        """Leave the core as it is: running, or halted."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        """Nothing is between the probe and the core."""
        self._connected = True

    def disconnect(self) -> None:
        """The core goes on doing what it does."""
        self._connected = False

    def set_clock(self, frequency: float) -> None:
        """There is no wire."""

    def reset(self) -> None:
        """Pulse nRESET."""
        self._opened.reset()

    def assert_reset(self, asserted: bool) -> None:
        """Pull nRESET down, or let go of it."""
        self._opened.assert_reset(asserted)

    def is_reset_asserted(self) -> bool:
        """Whether nRESET is pulled down."""
        return self._opened.is_reset_asserted

    @property
    def _opened(self) -> MemoryPort:
        if self._port is None:
            raise exceptions.ProbeError(f"the probe {self.unique_id} is not open")
        return self._port

    # -- debug port and access port

    def read_dp(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        """Read a register of the debug port."""
        acknowledged = (self._control & _POWER_REQUESTS) << 1
        value = {_IDR: _DPIDR, _CTRL_STAT: self._control | acknowledged}.get(addr, 0)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        """Write a register of the debug port."""
        if addr == _CTRL_STAT:
            self._control = data

    def read_ap(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        """Read a register of an access port; only the first is there."""
        value = 0 if addr >> 24 else self._opened.read_register(addr & 0xFF)
        return value if now else lambda: value

    def write_ap(self, addr: int, data: int) -> None:
        """Write a register of an access port."""
        if addr >> 24 == 0:
            self._opened.write_register(addr & 0xFF, data)

    def read_ap_multiple(
        self, addr: int, count: int = 1, now: bool = True
    ) -> Sequence[int] | Callable[[], Sequence[int]]:
        """Read a register several times."""
        values = [self.read_ap(addr) for _ in range(count)]
        return values if now else lambda: values  # type: ignore[return-value]

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        """Write a register several times."""
        for value in values:
            self.write_ap(addr, value)

    def get_memory_interface_for_ap(self, ap_address: Any) -> MemoryPort | None:
        """Return the quick way to memory."""
        return self._opened if ap_address.nominal_address == 0 else None
