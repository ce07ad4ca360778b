# SPDX-License-Identifier: Apache-2.0
"""Arm's debug registers of an emulated core, which QEMU lacks: SCS, FPB, DWT and the ROM table.

Numbers are those of the Armv7-M Architecture Reference Manual, part C.
"""

from __future__ import annotations

from collections.abc import Callable

from unitool.probe.core import (
    BREAK,
    WATCH_ANY,
    WATCH_READ,
    WATCH_WRITE,
    Cause,
    Core,
    Point,
    State,
)

_SCS, _DWT, _FPB, _ROM = 0xE000_E000, 0xE000_1000, 0xE000_2000, 0xE00F_F000
ROM_TABLE = _ROM
_PAGE = 0x1000

_AIRCR, _DFSR, _DHCSR, _DCRSR, _DCRDR, _DEMCR = (
    *(0xE000_ED0C, 0xE000_ED30, 0xE000_EDF0),
    *(0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC),
)
_VECTKEY, _SYSRESETREQ, _VECTRESET = 0x05FA_0000, 1 << 2, 1 << 0
_DBGKEY = 0xA05F_0000
_C_DEBUGEN, _C_HALT, _C_STEP, _C_MASKINTS = 1, 2, 4, 8
_S_REGRDY, _S_HALT, _S_LOCKUP, _S_RETIRE, _S_RESET = 1 << 16, 1 << 17, 1 << 19, 1 << 24, 1 << 25
_REGWNR = 1 << 16
_VC_CORERESET = 1
_HALTED, _BKPT, _DWTTRAP, _VCATCH = 1, 2, 4, 8
_DFSR_OF = {
    Cause.REQUEST: _HALTED,
    Cause.BREAKPOINT: _BKPT,
    Cause.WATCHPOINT: _DWTTRAP,
    Cause.RESET: _VCATCH,
}
_NAMES = {**{n: f"r{n}" for n in range(13)}, 13: "sp", 14: "lr", 15: "pc", 16: "xpsr"}
_NAMES |= {17: "msp", 18: "psp", 33: "fpscr", **{64 + n: f"s{n}" for n in range(32)}}
_CFBP = 20
_CFBP_NAMES = ("primask", "basepri", "faultmask", "control")  # from bit 0 up
_V6M_LACKS = ("basepri", "faultmask")
_V6M = 0xC  # architecture in CPUID

_COMPARATORS, _WATCHES = 8, 4
_FUNCTIONS = {5: WATCH_READ, 6: WATCH_WRITE, 7: WATCH_ANY}
# Peripheral and component ids: the class, and Arm's part number for v7-M and v6-M.
_ROM_CLASS, _GENERIC_CLASS = 1, 0xE
_PARTS = {_SCS: (0x00C, 0x008), _DWT: (0x002, 0x00A), _FPB: (0x003, 0x00B), _ROM: (0x4C3, 0x471)}


class DebugRegisters:
    """A piece of the address space that this module answers for instead of QEMU."""

    def __init__(self, core: Core) -> None:
        """Registers of `core`, as after power-on."""
        self._core = core
        self._v6m = core.architecture == _V6M
        self._control = 0  # C_ bits of DHCSR
        self._dfsr = 0
        self._seen: State | None = None
        self._data = 0  # DCRDR
        self._demcr = 0
        self._fp_enabled = False
        self._breaks = [0] * _COMPARATORS
        self._watches = [[0, 0, 0] for _ in range(_WATCHES)]  # COMP, MASK, FUNCTION
        self._read: dict[int, Callable[[], int]] = {
            _DFSR: self._read_dfsr,
            _DHCSR: self._read_dhcsr,
            _DCRDR: lambda: self._data,
            _DCRSR: lambda: 0,
            _DEMCR: lambda: self._demcr,
        }
        self._write: dict[int, Callable[[int], None]] = {
            _AIRCR: self._write_aircr,
            _DFSR: self._write_dfsr,
            _DHCSR: self._write_dhcsr,
            _DCRSR: self._write_dcrsr,
            _DCRDR: self._write_dcrdr,
            _DEMCR: self._write_demcr,
        }

    def read(self, address: int) -> int | None:
        """Return the word at `address`; None if it is QEMU's."""
        if address in self._read:
            return self._read[address]()
        page, offset = address & ~(_PAGE - 1), address & (_PAGE - 1)
        if page in _PARTS and offset >= 0xFD0:
            return self._identity(page, offset)
        if page == _ROM:
            return self._rom_entry(offset)
        if page == _FPB:
            return self._read_fpb(offset)
        if page == _DWT:
            return self._read_dwt(offset)
        return None

    def write(self, address: int, value: int) -> bool:
        """Write the word at `address`; False if it is QEMU's."""
        if address in self._write:
            self._write[address](value)
            return address != _AIRCR or bool(value & (_SYSRESETREQ | _VECTRESET))
        page, offset = address & ~(_PAGE - 1), address & (_PAGE - 1)
        if page == _FPB:
            self._write_fpb(offset, value)
        elif page == _DWT:
            self._write_dwt(offset, value)
        return page in (_FPB, _DWT, _ROM)

    # -- run control

    def _read_dhcsr(self) -> int:
        state = self._look()
        value = self._control | _S_REGRDY
        if self._core.take_reset():
            value |= _S_RESET
        if state is State.HALTED:
            value |= _S_HALT | _C_HALT
        elif state is State.LOCKED_UP:
            value |= _S_LOCKUP
        elif state is State.RUNNING:
            value |= _S_RETIRE
        return value

    def _look(self) -> State:
        """Return the state; one that was not there before leaves its cause in DFSR."""
        state = self._core.state
        if state is State.HALTED and self._seen is not State.HALTED:
            self._dfsr |= _DFSR_OF[self._core.cause]
        self._seen = state
        return state

    def _write_dhcsr(self, value: int) -> None:
        if value & 0xFFFF_0000 != _DBGKEY:
            return
        self._control = value & (_C_DEBUGEN | _C_HALT | _C_MASKINTS)
        if self._core.in_reset:
            return  # C_HALT counts when the line is let go
        if value & _C_DEBUGEN and value & _C_HALT:
            self._core.halt()
        elif value & _C_DEBUGEN and value & _C_STEP:
            self._core.step()
            self._dfsr |= _DFSR_OF[self._core.cause]
        else:
            self._core.resume()
            self._seen = State.RUNNING  # even if it has halted again by now
        self._control &= ~_C_HALT

    def reset(self) -> None:
        """Pulse the reset line."""
        self._core.reset(hold=self._catches)

    def assert_reset(self, asserted: bool) -> None:
        """Pull the reset line down, or let go of it."""
        if asserted:
            self._core.hold_in_reset()
        else:
            self._core.leave_reset(hold=self._catches)
            self._control &= ~_C_HALT

    @property
    def _catches(self) -> bool:
        return bool(self._demcr & _VC_CORERESET or self._control & _C_HALT)

    def _write_aircr(self, value: int) -> None:
        # QEMU knows no reset of the core alone: VECTRESET takes the devices along.
        if value & 0xFFFF_0000 == _VECTKEY and value & (_SYSRESETREQ | _VECTRESET):
            self.reset()

    def _read_dfsr(self) -> int:
        self._look()
        return self._dfsr

    def _write_dfsr(self, value: int) -> None:
        self._dfsr &= ~value

    def _write_demcr(self, value: int) -> None:
        self._demcr = value
        self._core.catch_reset = bool(value & _VC_CORERESET)

    # -- core registers

    def _write_dcrdr(self, value: int) -> None:
        self._data = value

    def _write_dcrsr(self, value: int) -> None:
        number = value & 0x7F
        if self._look() is not State.HALTED or (number not in _NAMES and number != _CFBP):
            return
        names = (_NAMES[number],) if number != _CFBP else _CFBP_NAMES
        width = 32 // len(names)
        if not value & _REGWNR:
            self._data = 0
        for i, name in enumerate(names):
            if self._v6m and name in _V6M_LACKS:
                continue
            if value & _REGWNR:
                part = self._data >> i * width & ((1 << width) - 1)
                self._core.write_register(name, part)
            else:
                self._data |= self._core.read_register(name) << i * width

    # -- breakpoints and watchpoints

    def _read_fpb(self, offset: int) -> int:
        if offset == 0:
            return 1 << 28 | _COMPARATORS << 4 | int(self._fp_enabled)
        index = (offset - 8) // 4
        return self._breaks[index] if 0 <= index < _COMPARATORS else 0

    def _write_fpb(self, offset: int, value: int) -> None:
        index = (offset - 8) // 4
        if offset == 0 and value & 2:
            self._fp_enabled = bool(value & 1)
        elif 0 <= index < _COMPARATORS:
            self._breaks[index] = value
        self._core.want(self._points())

    def _read_dwt(self, offset: int) -> int:
        if offset == 0:
            return _WATCHES << 28 | 1 << 25 | 1 << 24  # no cycle counter, no trace
        index, field = divmod(offset - 0x20, 16)
        return self._watches[index][field // 4] if self._is_watch(index, field) else 0

    def _write_dwt(self, offset: int, value: int) -> None:
        index, field = divmod(offset - 0x20, 16)
        if self._is_watch(index, field):
            self._watches[index][field // 4] = value
            self._core.want(self._points())

    @staticmethod
    def _is_watch(index: int, field: int) -> bool:
        return 0 <= index < _WATCHES and field <= 8

    def _points(self) -> set[Point]:
        points = {(BREAK, value & ~1, 2) for value in self._breaks if value & 1}
        found = points if self._fp_enabled else set()
        for address, mask, function in self._watches:
            if function & 0xF in _FUNCTIONS:
                found.add((_FUNCTIONS[function & 0xF], address, 1 << mask))
        return found

    # -- identification

    def _identity(self, page: int, offset: int) -> int:
        part = _PARTS[page][self._v6m]
        class_ = _ROM_CLASS if page == _ROM else _GENERIC_CLASS
        numbers = {
            0xFD0: 4,  # Arm's JEP106 continuation
            0xFE0: part & 0xFF,
            0xFE4: 0xB0 | part >> 8,
            0xFE8: 0x0B,
            0xFF0: 0x0D,
            0xFF4: class_ << 4,
            0xFF8: 0x05,
            0xFFC: 0xB1,
        }
        return numbers.get(offset, 0)

    @staticmethod
    def _rom_entry(offset: int) -> int:
        components = (_SCS, _DWT, _FPB)
        if offset % 4 or offset // 4 >= len(components):
            return 0
        return (components[offset // 4] - _ROM) & 0xFFFF_F000 | 3
