# SPDX-License-Identifier: Apache-2.0
"""A board's console after it was started: of one emulated here, of one that is on, or serial."""

from __future__ import annotations

from pathlib import Path

from serial.tools import list_ports

from unitool import output
from unitool.apps import App
from unitool.board_model import Board
from unitool.emulator import ConsolePort, Emulator
from unitool.errors import UsageError
from unitool.monitor import Monitor, SerialPort, UnixPort

BAUD = 115200
_GDB = "gdb-multiarch"
_HTTP = 80
_KEYS = "Ctrl-] leaves, Ctrl-T h lists the keys"


def ports(app: App) -> tuple[int, ...]:
    """Return the TCP ports of an app's board that a person wants to reach."""
    return (_HTTP,) if any(c.startswith("net/") for c in app.components) else ()


def watch(app: App, emulator: Emulator) -> None:
    """Show the console of a board that is on in this process until it ends or Ctrl-]."""
    for guest, host in emulator.ports.items():
        what = f"http://127.0.0.1:{host}/" if guest == _HTTP else f"127.0.0.1:{host}"
        output.say(f"{what} is port {guest} of the board")
    if emulator.gdb_port is not None:
        elf = app.dir / "build" / emulator.board.name / f"{app.name}.elf"
        output.say(f"waiting for: {_GDB} {elf} -ex 'target remote 127.0.0.1:{emulator.gdb_port}'")
    output.say(f"console of {emulator.board.name}: {_KEYS}")
    port = ConsolePort(emulator)
    Monitor(
        open_port=lambda: port,
        name=f"{emulator.board.name}'s console",
        search=[app.dir / "build"],
        reconnect=False,
    ).run(until=lambda: not emulator.running and port.drained)


def watch_other(app: App, board: Board, state: Path) -> None:
    """Show the console of a board that is on elsewhere: emulated in `state`, or hardware."""
    if board.emulator is not None:
        name = f"{board.name}'s console"
        Monitor(
            open_port=lambda: UnixPort(state),
            name=name,
            search=[app.dir / "build"],
            absent=f"it is off: unitool run -b {board.name}",
            greeting=f"{name}: {_KEYS}",
        ).run()
        return
    url = only_port()
    Monitor(
        open_port=lambda: SerialPort(url, BAUD),
        name=url,
        search=[app.dir / "build"],
        greeting=f"{url}: {_KEYS}",
    ).run()


def only_port() -> str:
    """Return the one serial port of this machine. UsageError if there is none, or more."""
    found = [p.device for p in list_ports.comports()]
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise UsageError("no serial port found", "plug the board in, or name one with --port")
    raise UsageError(f"several serial ports: {', '.join(found)}", "choose one with --port")
