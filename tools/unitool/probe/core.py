# SPDX-License-Identifier: Apache-2.0
"""Run control of an emulated Cortex-M: halt, resume, step, reset, breakpoints, core registers."""

from __future__ import annotations

import struct
from enum import Enum
from pathlib import Path

from pyocd.core import exceptions

from unitool import unix_sockets
from unitool.gdb_packets import Stop
from unitool.gdb_remote import GdbRemote
from unitool.powered import Powered
from unitool.probe.link import Monitor, Qtest
from unitool.state import GDB, QTEST

BREAK, WATCH_WRITE, WATCH_READ, WATCH_ANY = 1, 2, 3, 4  # kinds of gdb's Z packet
Point = tuple[int, int, int]  # kind, address, size

_VTOR, _MPU_CTRL = 0xE000_ED08, 0xE000_ED94
_SYSTEM_SPACE = 0xE000_0000  # never executable
_EXC_RETURN = 0xF000_0000
_THUMB, _IT = 1 << 24, 0x0600_FC00  # in xPSR
_BKPT = 0xBE  # upper byte of the instruction
_ERASED = b"\xff\xff\xff\xff"
_NOTHING = (b"\xff\xff\xff\xff", b"\0\0\0\0")
# MRS r0, <n> and MSR <n>, r0 for registers that QEMU's stub may not name.
_SPECIAL = {"msp": 8, "psp": 9, "primask": 16, "basepri": 17, "faultmask": 19, "control": 20}


class State(Enum):
    """What the core does."""

    RUNNING = "running"
    HALTED = "halted"
    LOCKED_UP = "locked up"  # about to, that is: QEMU would end
    IN_RESET = "in reset"


class Cause(Enum):
    """Why it halted last."""

    REQUEST = "request"
    BREAKPOINT = "breakpoint"
    WATCHPOINT = "watchpoint"
    RESET = "reset"


class Core:
    """The one core of a board. Whoever uses it holds the probe's lock."""

    def __init__(self, board: Powered) -> None:
        """Connect and leave it as it is: running, or halted."""
        self._monitor = Monitor(board)
        ran = self._monitor.execute("query-status")["running"]
        self.memory = Qtest(unix_sockets.connect(Path(board.state), QTEST))
        self._gdb = GdbRemote(unix_sockets.connect(Path(board.state), GDB))
        self._gdb.clear()
        self._scratch = board.ram
        self._state = State.HALTED
        self._cause = Cause.REQUEST
        self._was_reset = False
        self._wanted: set[Point] = set()
        self._bkpts: set[int] = set()  # addresses of BKPT instructions that were written
        self._inserted: set[Point] = set()
        self.catch_reset = False
        self.architecture = self.memory.read(0xE000_ED00, 4)[2] & 0xF  # 0xC: v6-M, v8-M baseline
        if ran:
            self.resume()

    def close(self) -> None:
        """Take the breakpoints away and let go; the core goes on doing what it does."""
        self._wanted, self._bkpts = set(), set()
        running = self.state is State.RUNNING
        if running:
            self._stop()
        self._sync(set())
        if running:
            self._gdb.resume()
        self._gdb.close()
        self.memory.close()
        self._monitor.close()

    # -- state

    @property
    def state(self) -> State:
        """What it does now."""
        if self._monitor.take("RESET"):
            self._was_reset = True
            if self.catch_reset and self._state is State.RUNNING:
                self.reset(hold=True)  # once more, to halt before the first instruction
        if self._state is State.RUNNING and (stop := self._gdb.wait(0)) is not None:
            self._stopped(stop)
        return self._state

    @property
    def cause(self) -> Cause:
        """Why it halted last."""
        return self._cause

    def take_reset(self) -> bool:
        """Whether it was reset since the last call."""
        found, self._was_reset = self._was_reset, self._state is State.IN_RESET
        return found

    def _stopped(self, stop: Stop) -> None:
        self._state = State.HALTED
        if stop.watch is not None:
            self._cause = Cause.WATCHPOINT
            self._sync(set())
            self._gdb.step()  # QEMU stops before the access, a Cortex-M behind it
        elif (BREAK, self.read_register("pc"), 2) in self._inserted:
            self._cause = Cause.BREAKPOINT
        else:
            self._cause = Cause.REQUEST

    # -- running

    def halt(self) -> None:
        """Stop it where it is."""
        if self.state is State.RUNNING:
            self._stopped(self._gdb.interrupt())
        elif self._state is State.LOCKED_UP:
            self._state, self._cause = State.HALTED, Cause.REQUEST

    def _stop(self) -> None:
        if self.state is State.RUNNING:
            self._gdb.interrupt()
            self._state = State.HALTED

    def resume(self) -> None:
        """Let it run. Where there is nothing to run it locks up, and QEMU stays alive."""
        if self._state is not State.HALTED:
            return
        if self._would_lock_up():
            self._state = State.LOCKED_UP
            return
        self._sync(self._wanted | self._bkpt_points())
        self._gdb.resume()
        self._state = State.RUNNING

    def step(self) -> None:
        """Run one instruction, with interrupts masked."""
        if self._state is not State.HALTED:
            return
        if self._would_lock_up():
            self._state = State.LOCKED_UP
            return
        self._sync({point for point in self._wanted if point[0] != BREAK})
        self._stopped(self._gdb.step())

    def _would_lock_up(self) -> bool:
        """Whether the next instruction faults and no handler is there."""
        pc = self.read_register("pc")
        thumb = self.read_register("xpsr") & _THUMB
        if thumb and pc < _SYSTEM_SPACE and self.memory.read(pc & ~3, 4) != _ERASED:
            return False
        vectors = struct.unpack("<I", self.memory.read(_VTOR, 4))[0]
        return self.memory.read(vectors + 12, 4) in _NOTHING

    def _bkpt_points(self) -> set[Point]:
        """QEMU does not halt on BKPT: halt just before those that are known, or returned to."""
        found = {(BREAK, address, 2) for address in self._bkpts}
        back = self.read_register("lr")
        if back & 1 and back < _EXC_RETURN and self.memory.read(back & ~1, 2)[1] == _BKPT:
            found.add((BREAK, back & ~1, 2))
        return found

    # -- reset

    def reset(self, *, hold: bool) -> None:
        """Reset core and devices; halt before the first instruction with `hold`, else run."""
        self.hold_in_reset()
        self.leave_reset(hold=hold)

    def hold_in_reset(self) -> None:
        """Reset it and keep it there."""
        self._stop()
        self._monitor.take("RESET")
        self._monitor.execute("system_reset")
        self._monitor.await_event("RESET")
        self._state, self._was_reset = State.IN_RESET, True

    def leave_reset(self, *, hold: bool) -> None:
        """Let go of the reset line."""
        if self._state is not State.IN_RESET:
            return
        self._state, self._cause = State.HALTED, Cause.RESET
        if not hold:
            self.resume()

    @property
    def in_reset(self) -> bool:
        """Whether the reset line is held."""
        return self._state is State.IN_RESET

    # -- breakpoints

    def want(self, points: set[Point]) -> None:
        """Have exactly these break- and watchpoints from now on."""
        if points != self._wanted:
            self._wanted = points
            self._refresh()

    def write(self, address: int, data: bytes) -> None:
        """Change memory. A BKPT comes and goes while the core stands: QEMU faults on one."""
        known = {at for at in self._bkpts if address - 2 < at < address + len(data)}
        added = {address} if len(data) == 2 and data[1] == _BKPT else set()
        running = (known or added) and self.state is State.RUNNING
        if running:
            self._stop()
        self.memory.write(address, data)
        self._bkpts = self._bkpts - known | added
        if running:
            self.resume()

    def _refresh(self) -> None:
        """Give a running core its new breakpoints; a halted one gets them when it goes on."""
        if self.state is State.RUNNING:
            self._stop()
            self.resume()

    def _sync(self, points: set[Point]) -> None:
        for point in self._inserted - points:
            self._gdb.remove(*point)
        for point in points - self._inserted:
            self._gdb.insert(*point)
        self._inserted = points

    # -- registers

    def read_register(self, name: str) -> int:
        """Return a register by the name that Arm gives it. The core must not run."""
        if name in self._gdb.registers:
            return self._gdb.read_register(name)
        if name in _SPECIAL:
            return self._run(0x8000_F3EF | _SPECIAL[name] << 16)
        if name[0] == "s" and f"d{int(name[1:]) // 2}" in self._gdb.registers:
            pair = self._gdb.read_register(f"d{int(name[1:]) // 2}")
            return pair >> 32 * (int(name[1:]) % 2) & 0xFFFF_FFFF
        raise exceptions.CoreRegisterAccessError(f"this core has no register {name}")

    def write_register(self, name: str, value: int) -> None:
        """Set a register. The core must not run."""
        if name in self._gdb.registers:
            self._gdb.write_register(name, value)
        elif name in _SPECIAL:
            self._run(0x8800_F380 | _SPECIAL[name] << 16, value)
        elif name[0] == "s" and f"d{int(name[1:]) // 2}" in self._gdb.registers:
            pair, shift = f"d{int(name[1:]) // 2}", 32 * (int(name[1:]) % 2)
            kept = self._gdb.read_register(pair) & ~(0xFFFF_FFFF << shift)
            self._gdb.write_register(pair, kept | value << shift)
        else:
            raise exceptions.CoreRegisterAccessError(f"this core has no register {name}")

    def _run(self, instruction: int, r0: int = 0) -> int:
        """Run one instruction between r0 and a special register; nothing else changes."""
        names = ("r0", "pc", "xpsr")
        kept = {name: self._gdb.read_register(name) for name in names}
        under = self.memory.read(self._scratch, 8)
        mpu = self.memory.read(_MPU_CTRL, 4)
        self._sync(set())
        try:
            self.memory.write(_MPU_CTRL, bytes(4))  # RAM may be forbidden to run
            self.memory.write(self._scratch, struct.pack("<I", instruction) + bytes(4))
            self._gdb.write_register("r0", r0)
            self._gdb.write_register("pc", self._scratch)
            self._gdb.write_register("xpsr", kept["xpsr"] & ~_IT | _THUMB)
            self._gdb.step()
            return self._gdb.read_register("r0")
        finally:
            for name, value in kept.items():
                self._gdb.write_register(name, value)
            self.memory.write(self._scratch, under)
            self.memory.write(_MPU_CTRL, mpu)
