# SPDX-License-Identifier: Apache-2.0
"""The debug probe of an emulated board, through pyOCD's own classes and its unmodified programs."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyocd.core import exceptions
from pyocd.core.helpers import ConnectHelper
from pyocd.core.target import Target
from unitool import emulating, powered
from unitool.boards import Board
from unitool.emulator import Emulator, Probe

BIN = Path(sys.executable).parent
HELLO = "firmware/apps/hello"
VECTOR = 4  # of reset, from the start of the boot memory
# adds r0, #1; str r0, [r1]; ldr r2, [r3]; b .-6
LOOP = struct.pack("<4H", 0x3001, 0x6008, 0x681A, 0xE7FB)

Probed = Callable[..., Emulator]


@pytest.fixture
def probed(
    device: Callable[..., Emulator],
    board: Board,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Probed]:
    """Return a function: a board with an app that is on and can be found as a probe."""
    if board.arch not in ("armv6m", "armv7m"):
        pytest.skip("pyOCD debugs Cortex-M only; v8-M lacks its component ids here")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with ExitStack() as stack:

        def make(app: str = HELLO) -> Emulator:
            emulator = device(app, debug=Probe())
            emulator.power_on()
            emulator.console.expect("hello from")
            stack.enter_context(powered.announced(emulating.entry(emulator)))
            return emulator

        yield make


@contextmanager
def session(emulator: Emulator, mode: str = "halt", **more: object) -> Iterator[Any]:
    """Yield pyOCD's target."""
    options = {"target_override": "cortex_m", "connect_mode": mode, **more}
    name = powered.uid(emulator.board.name, emulator.state.folder)
    opened = ConnectHelper.session_with_chosen_probe(
        unique_id=name, blocking=False, return_first=True, options=options
    )
    assert opened is not None
    with opened:
        yield opened.target


def entry_of(emulator: Emulator, target: Any) -> int:
    start: int = target.read32(emulator.board.memory.boot.base + VECTOR)
    return start & ~1


def wait_halted(target: Any, timeout_s: float = 5) -> None:
    end = time.monotonic() + timeout_s
    while target.get_state() != Target.State.HALTED:
        assert time.monotonic() < end, target.get_state()


def test_every_way_to_connect(probed: Probed) -> None:
    emulator = probed()
    with session(emulator, "attach") as target:
        assert target.get_state() == Target.State.RUNNING
    assert emulator.qmp("query-status")["running"]
    before = emulator.resets
    with session(emulator, "halt") as target:
        assert target.get_state() == Target.State.HALTED
        assert not emulator.qmp("query-status")["running"]
    assert emulator.resets == before
    assert emulator.qmp("query-status")["running"], "left as it was not found"
    for mode in ("pre-reset", "under-reset"):
        before = emulator.resets
        with session(emulator, mode) as target:
            wait_halted(target)
            assert emulator.resets > before
            if mode == "under-reset":
                assert target.read_core_register("pc") == entry_of(emulator, target)
        emulator.console.expect("hello from")


@pytest.mark.parametrize("how", ["HARDWARE", "SYSRESETREQ", "VECTRESET", "EMULATED"])
def test_every_reset(probed: Probed, how: str) -> None:
    emulator = probed()
    kind = Target.ResetType[how]
    with session(emulator) as target:
        before = emulator.resets
        target.write_core_register("r7", 0x1234)
        vectors = (
            target.read32(0xE000ED08) if how == "EMULATED" else emulator.board.memory.boot.base
        )
        target.reset_and_halt(kind)
        wait_halted(target)
        assert target.read_core_register("pc") == target.read32(vectors + VECTOR) & ~1
        assert target.read_core_register("r7") == 0
        assert target.read_core_register("sp") == target.read32(vectors)
        assert (emulator.resets > before) == (how != "EMULATED")
        if how != "EMULATED":
            target.reset(kind)
            emulator.console.expect("hello from")
            assert target.get_state() == Target.State.RUNNING


def in_ram(emulator: Emulator, target: Any) -> tuple[int, int]:
    """Start of a loop in RAM, and the address of the word that it counts in."""
    code = emulator.board.memory.ram.base + 0x1000
    target.reset_and_halt()
    target.write_memory_block8(code, LOOP)
    target.write32(code + 0x100, 0)
    values = {"pc": code, "r0": 0, "r1": code + 0x100, "r3": code + 0x104, "xpsr": 1 << 24}
    target.write_core_registers_raw(list(values), list(values.values()))
    return code, code + 0x100


def test_stepping_and_memory(probed: Probed) -> None:
    emulator = probed()
    with session(emulator) as target:
        code, counter = in_ram(emulator, target)
        for expected in (2, 4, 6, 0):
            target.step()
            assert target.read_core_register("pc") == code + expected
        assert target.read32(counter) == 1 == target.read_core_register("r0")
        target.resume()
        assert target.get_state() == Target.State.RUNNING
        first = target.read32(counter)
        time.sleep(0.05)
        assert target.read32(counter) > first, "memory is there while the core runs"
        target.halt()
        data = os.urandom(5001)
        target.write_memory_block8(counter + 0x101, data)
        assert bytes(target.read_memory_block8(counter + 0x101, len(data))) == data
        for width in (8, 16, 32):
            target.write_memory(counter + 0x200, 0x89ABCDEF, width)
            assert target.read_memory(counter + 0x200, width) == 0x89ABCDEF & (1 << width) - 1


@pytest.mark.parametrize("kind", ["HW", "SW"])
def test_breakpoints(probed: Probed, kind: str) -> None:
    emulator = probed()
    with session(emulator) as target:
        code, counter = in_ram(emulator, target)
        assert target.set_breakpoint(code + 4, Target.BreakpointType[kind])
        target.resume()
        wait_halted(target)
        assert target.read_core_register("pc") == code + 4
        assert target.read32(counter) == 1
        assert target.read32(0xE000ED30) & 2, "DFSR names the breakpoint"
        target.remove_breakpoint(code + 4)
        target.resume()
        time.sleep(0.05)
        assert target.get_state() == Target.State.RUNNING
        assert target.set_breakpoint(code + 2, Target.BreakpointType[kind]), "while it runs"
        target.cores[0].bp_manager.flush()
        wait_halted(target)
        assert target.read_core_register("pc") == code + 2


@pytest.mark.parametrize(("kind", "offset"), [("WRITE", 0), ("READ", 4), ("READ_WRITE", 4)])
def test_watchpoints(probed: Probed, kind: str, offset: int) -> None:
    emulator = probed()
    with session(emulator) as target:
        code, counter = in_ram(emulator, target)
        assert target.set_watchpoint(counter + offset, 4, Target.WatchpointType[kind])
        target.resume()
        wait_halted(target)
        assert target.read_core_register("pc") in (code + 4, code + 6)
        assert target.read32(0xE000ED30) & 4, "DFSR names the watchpoint"
        target.remove_watchpoint(counter + offset, 4, Target.WatchpointType[kind])
        target.resume()
        time.sleep(0.05)
        assert target.get_state() == Target.State.RUNNING


def test_core_registers(probed: Probed) -> None:
    emulator = probed()
    with session(emulator) as target:
        in_ram(emulator, target)
        before = target.read_core_registers_raw(["pc", "xpsr", "r0", "msp"])
        wanted = {"psp": 0x2000_3F00, "msp": 0x2000_4F00, "primask": 1, "r12": 0xDEADBEEF}
        if emulator.board.arch == "armv7m":
            wanted |= {"basepri": 0x40, "faultmask": 1}
        for name, value in wanted.items():
            target.write_core_register(name, value)
        assert {name: target.read_core_register(name) for name in wanted} == wanted
        assert target.read_core_register("sp") == wanted["msp"]
        target.write_core_register("control", 2)
        assert target.read_core_register("sp") == wanted["psp"]
        target.write_core_register("control", 0)
        target.write_core_register("msp", before[3])
        assert target.read_core_registers_raw(["pc", "xpsr", "r0", "msp"]) == before


def test_core_that_cannot_run_is_locked_up(probed: Probed) -> None:
    emulator = probed()
    with session(emulator) as target:
        boot = emulator.board.memory.boot.base
        target.reset_and_halt()
        vectors = target.read_memory_block8(boot, 64)
        target.write_memory_block8(boot, [0xFF] * 64)
        target.write_core_register("pc", 0xFFFF_FFFE)
        target.resume()
        assert target.get_state() == Target.State.LOCKUP
        target.halt()
        assert target.get_state() == Target.State.HALTED
        target.write_memory_block8(boot, vectors)
        target.reset()
        emulator.console.expect("hello from")


def test_lock_up_is_pyocds_own_error(probed: Probed) -> None:
    emulator = probed()
    with (
        pytest.raises(exceptions.ProbeDisconnected, match="locked up"),
        session(emulator) as target,
    ):
        code, _ = in_ram(emulator, target)
        target.write_memory_block8(emulator.board.memory.boot.base, [0xFF] * 64)
        target.write_memory_block8(code, struct.pack("<2H", 0xBF00, 0xDEFF))  # nop; udf
        target.resume()
        while True:
            target.get_state()
    with session(emulator) as target:
        assert target.get_state() == Target.State.HALTED


def test_death_of_the_guest_is_pyocds_own_error(probed: Probed) -> None:
    emulator = probed()
    emulator.power_off()
    here = ("-b", emulator.board.name, "--state", str(emulator.state.folder))
    subprocess.run([BIN / "unitool", "emulate", *here, "--detach"], check=True, timeout=60)
    (entry,) = powered.boards()
    started = time.monotonic()
    gone = pytest.raises(exceptions.ProbeDisconnected, match="off, or died")
    with gone, session(emulator) as target:
        os.kill(entry.process, signal.SIGKILL)
        while True:
            target.get_state()
    assert time.monotonic() - started < 5


def test_second_debugger_is_told(probed: Probed) -> None:
    emulator = probed()
    with (
        session(emulator),
        pytest.raises(exceptions.Error, match="another debugger"),
        session(emulator),
    ):
        pass


def test_what_a_killed_debugger_left_is_gone(probed: Probed) -> None:
    emulator = probed()
    code = f"""
import os
from pyocd.core.helpers import ConnectHelper
s = ConnectHelper.session_with_chosen_probe(
    unique_id={powered.uid(emulator.board.name, emulator.state.folder)!r}, blocking=False,
    options={{"target_override": "cortex_m"}})
s.open()
t = s.target
t.reset_and_halt()
t.set_breakpoint({emulator.board.memory.boot.base} + 0x54)
start = t.read32({emulator.board.memory.boot.base + VECTOR}) & ~1
t.set_breakpoint(start)
t.resume()
while not t.is_halted():
    pass
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
    with session(emulator, "attach") as target:
        assert target.get_state() == Target.State.HALTED
        target.reset()
        emulator.console.expect("hello from")


def pyocd(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "pyocd", *map(str, words)], capture_output=True, text=True, timeout=60
    )


def test_pyocds_programs(probed: Probed) -> None:
    emulator = probed()
    name = powered.uid(emulator.board.name, emulator.state.folder)
    assert name in pyocd("list").stdout
    commands = ("halt", "reg", "read32 0xe000ed00 4", "reset halt", "reg pc", "go", "status")
    words = [word for command in commands for word in ("-c", command)]
    done = pyocd("commander", "-u", f"unitool:{name}", "-t", "cortex_m", *words)
    assert done.returncode == 0, done.stderr
    assert "e000ed00:  41" in done.stdout and "Running" in done.stdout
    emulator.console.expect("hello from")


def test_pyocds_gdbserver(probed: Probed) -> None:
    emulator = probed()
    name = powered.uid(emulator.board.name, emulator.state.folder)
    server = [BIN / "pyocd", "gdbserver", "-u", name, "-t", "cortex_m", "-p", "0", "-T", "0"]
    commands = [
        *("set confirm off", "set architecture arm", "target extended-remote 127.0.0.1:{port}"),
        *(
            "monitor reset halt",
            "flushregs",
            "info registers",
            "x/2i $pc",
            "stepi",
            "print $pc",
            "print $msp",
        ),
        *("set $r6 = 77", "print $r6", "hbreak *$pc", "delete", "monitor reset", "disconnect"),
    ]
    with subprocess.Popen(server, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            text = ""
            while not (
                found := re.search(r"GDB server (?:started|listening) (?:on|at) port (\d+)", text)
            ):
                line = process.stderr.readline()
                assert line, text
                text += line
            words = [w for c in commands for w in ("-ex", c.format(port=found[1]))]
            gdb = subprocess.run(
                ["gdb-multiarch", "-q", "-nx", "-batch", *words],
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
    assert "$3 = 77" in gdb.stdout, gdb.stdout + gdb.stderr
    emulator.console.expect("hello from")


def test_importing_pyocd_stays_quick_and_quiet(tmp_path: Path) -> None:
    """Plug-ins are loaded by every `import pyocd`: of ours only names, and no failure."""
    code = """
import sys, pyocd.core.helpers
from pyocd.probe.aggregator import PROBE_CLASSES, DebugProbeAggregator
assert PROBE_CLASSES["unitool"].__name__ == "QemuProbe"
DebugProbeAggregator.get_all_connected_probes()
print(*sorted(name for name in sys.modules if name.startswith("unitool")))
"""
    for runtime in (tmp_path, tmp_path / "absent", Path("/proc/1")):
        done = subprocess.run(
            [sys.executable, "-W", "error::ImportWarning", "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert set(done.stdout.split()) == {
            *("unitool", "unitool.errors", "unitool.powered"),
            *("unitool.probe", "unitool.probe.plugin", "unitool.probe.debug_probe"),
        }
