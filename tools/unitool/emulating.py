# SPDX-License-Identifier: Apache-2.0
"""An emulated board that stays: served in one process, switched from others."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from unitool import output, powered, unix_sockets
from unitool.emulator import Emulator
from unitool.errors import EmulatorError
from unitool.powered import Powered

CONTROL = "control.sock"
LOG = "emulate.log"
_POLL_S = 0.1
_START_S, _ANSWER_S = 30.0, 15.0


class _Leave(Exception):
    """Somebody wants this process to end."""


def serve(emulator: Emulator) -> None:
    """Keep a board on until it is switched off here, from elsewhere, or dies."""
    folder = emulator.state.folder
    with (
        _leaving(),
        contextlib.suppress(_Leave),
        emulator,
        unix_sockets.listen(folder, CONTROL) as listener,
        powered.announced(entry(emulator)),
    ):
        _tell(emulator)
        _obey(emulator, listener)
    (folder / CONTROL).unlink(missing_ok=True)
    output.say(f"{emulator.board.name} is off")


def entry(emulator: Emulator) -> Powered:
    """Return what others must know of a board that is on."""
    board, folder = emulator.board, emulator.state.folder
    return Powered(
        uid=powered.uid(board.name, folder),
        board=board.name,
        board_dir=str(board.dir.resolve()),
        state=str(folder),
        arch=board.arch,
        ram=board.memory.ram.base,
        process=os.getpid(),
        ports={str(guest): host for guest, host in emulator.ports.items()},
    )


def _tell(emulator: Emulator) -> None:
    board, folder = emulator.board, emulator.state.folder
    output.say(f"{board.name} is on: probe {powered.uid(board.name, folder)}, state {folder}")
    if emulator.held:
        output.say("it has no code: the CPU is held until it is flashed, or reset")
    for guest, host in emulator.ports.items():
        output.say(f"127.0.0.1:{host} is port {guest} of the board")
    output.say(f"console: unitool monitor -b {board.name} --state {folder}")
    output.say(f"off: Ctrl-C, or unitool emulate -b {board.name} --state {folder} --off")


@contextmanager
def _leaving() -> Iterator[None]:
    def leave(_: int, __: FrameType | None) -> None:
        raise _Leave

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _obey(emulator: Emulator, listener: socket.socket) -> None:
    """Do what others ask for, until the board is off."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while emulator.running:
            if selector.select(_POLL_S):
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(_POLL_S)
                    client.sendall(_answer(emulator, client.recv(64).decode(errors="replace")))
    emulator.wait()


def _answer(emulator: Emulator, action: str) -> bytes:
    actions: dict[str, Callable[[], None]] = {
        "off": emulator.power_off,
        "cut": emulator.cut,
        "reset": emulator.reset,
        "hold": lambda: emulator.reset(hold=True),
    }
    try:
        actions[action]()
    except EmulatorError as error:
        return json.dumps({"error": error.message, "hint": error.hint}).encode()
    return b"{}"


def ask(board: str, state: Path, action: str) -> None:
    """Switch a board `off`, `cut` its power, `reset` or `hold` it. EmulatorError if it is not on.

    `hold` resets it and keeps its CPU before the first instruction, until `reset`.
    """
    try:
        connection = unix_sockets.connect(state, CONTROL)
    except OSError:
        raise EmulatorError(
            f"no {board} is on in {state}",
            f"unitool emulate -b {board} --state {state} switches it on; unitool devices lists all",
        ) from None
    with connection:
        connection.settimeout(_ANSWER_S)
        try:
            connection.sendall(action.encode())
            answer = json.loads(connection.recv(65536) or b"{}")
        except OSError:
            raise EmulatorError(
                f"the {board} in {state} does not obey", f"look into {state / LOG}"
            ) from None
    if "error" in answer:
        raise EmulatorError(answer["error"], answer["hint"])
    if action in ("off", "cut"):
        _wait_gone(board, state)


def _wait_gone(board: str, state: Path) -> None:
    name = powered.uid(board, state)
    end = time.monotonic() + _ANSWER_S
    while any(found.uid == name for found in powered.boards()):
        if time.monotonic() > end:
            raise EmulatorError(f"the {board} in {state} does not end", f"look into {state / LOG}")
        time.sleep(_POLL_S / 10)


def detach(board: str, state: Path, arguments: list[str]) -> Powered:
    """Run `unitool emulate` with these arguments in a process of its own; return once it is on."""
    state.mkdir(parents=True, exist_ok=True)
    start = "from unitool import cli; cli.main()"
    command = [sys.executable, "-c", start, "emulate", *arguments]
    output.detail("$ " + " ".join(command))
    with (state / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        for found in powered.boards():
            if found.process == process.pid:
                return found
        time.sleep(_POLL_S / 10)
    process.kill()
    said = (state / LOG).read_text(errors="replace")
    words = {key: text for key, _, text in (line.partition(": ") for line in said.splitlines())}
    hint = words.get("  hint", f"all it said is in {state / LOG}")
    raise EmulatorError(words.get("error", f"the {board} did not start"), hint)
