# SPDX-License-Identifier: Apache-2.0
"""The supervisor of an emulated board: power, resets, console, ports, and what QEMU cannot do."""

from __future__ import annotations

import contextlib
import selectors
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unitool import console, output, paths
from unitool.boards import Board
from unitool.console import Clients, Console
from unitool.errors import EmulatorError
from unitool.formats.retained import ResetReason
from unitool.qmp import Qmp
from unitool.state import CONSOLE, GDB, QEMU_LOG, QMP, QTEST, State, emulator_of

_START_S = 20.0
_STOP_S = 5.0
_PORT_ATTEMPTS = 3
_STORM_RESETS, _STORM_S = 200, 4.0  # a guest that resets so often does nothing else
_PORT_TAKEN = "host forwarding rule"
_SLICE_S = 0.01
_NEVER_RAN = "prelaunch"  # QEMU's run state of a CPU that is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Debug:
    """A stub for debuggers, on 127.0.0.1."""

    port: int = 0  # 0: one that is free
    wait: bool = False  # the CPU starts only when a debugger says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Sockets for a debug probe, in the state folder.

    A CPU that has no code, or locked up, is then held as in reset, so that it can be flashed.
    """

    notice: Callable[[str], None] = output.detail  # told of that, and of resets


class Emulator:
    """A board in QEMU. Its flash outlives it in `state`; RAM outlives resets, not power-off."""

    def __init__(
        self,
        board: Board,
        state: Path,
        *,
        forward: Iterable[int] = (80,),
        debug: Debug | Probe | None = None,
        extra: Iterable[str] = (),
    ) -> None:
        """`forward`: TCP ports of the guest to reach on 127.0.0.1. `extra`: more QEMU arguments."""
        self.board = board
        with paths.writing(state):
            self.state = State(board, state)
        self.console = Console(self._type)
        self.console.watch(self._failure)
        self.resets = 0
        stub = debug if isinstance(debug, Debug) else None
        self.gdb_port = (stub.port or _free_port()) if stub else None
        self._wait = stub is not None and stub.wait
        self._probe = debug if isinstance(debug, Probe) else None
        self._held = False
        self._extra = tuple(extra)
        self._ports = {guest: _free_port() for guest in forward}
        self._emulator = emulator_of(board)
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._guest: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._stopping = False
        self._died: EmulatorError | None = None
        self._reset_times: list[float] = []
        self._events: list[str] = []

    # -- what users call

    def power_on(self) -> None:
        """Start it cold. EmulatorError if it runs already, here or elsewhere, or cannot start."""
        if self._thread is not None:
            raise EmulatorError(f"the {self.board.name} is already on", "switch it off first")
        self._held = self._probe is not None and not self._has_boot()
        if self._held:
            self.state.blank_boot()
        else:
            self._check_boot()
        for attempt in range(_PORT_ATTEMPTS):
            self._died = None
            self._stopping = False
            self._started.clear()
            self._thread = threading.Thread(target=self._supervise, name="emulator", daemon=True)
            self._thread.start()
            self._started.wait(_START_S)
            if self._died is None:
                try:
                    self.qmp("query-status")  # answered once all of QEMU, the debug stub too, is up
                except EmulatorError:
                    self._thread.join(_STOP_S)  # it ends, and says why
            if self._died is None:
                return
            self._join()
            if _PORT_TAKEN not in self._died.message or attempt == _PORT_ATTEMPTS - 1:
                died, self._died = self._died, None  # told once: it is off now
                raise died
            self._ports = {guest: _free_port() for guest in self._ports}

    def power_off(self) -> None:
        """Switch it off. Harmless if it is off; raises what killed the guest before."""
        self._stop(signal.SIGTERM)

    def cut(self) -> None:
        """Cut the power: kill QEMU where it stands."""
        self._stop(signal.SIGKILL)

    def reset(self, *, hold: bool = False) -> None:
        """Press the reset button. A CPU that was held starts; with `hold` it is, and stays so."""
        was_held = self._held or self.qmp("query-status")["status"] == _NEVER_RAN
        before, relaunch = self.resets, self._emulator.relaunch_on_reset
        self._held = hold
        if hold and not relaunch:
            self.qmp("stop")
        self.qmp("system_reset")
        if hold and relaunch:
            self._wait_held(before)
        elif was_held and not hold and not relaunch:
            self.qmp("cont")

    def _wait_held(self, resets: int) -> None:
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            with contextlib.suppress(EmulatorError):  # between two of QEMU's lives
                if self.resets > resets and self.qmp("query-status")["status"] == _NEVER_RAN:
                    return
            time.sleep(_SLICE_S)
        raise EmulatorError(
            f"the {self.board.name} did not come back after a reset", "switch it off and on again"
        )

    def port(self, guest: int) -> int:
        """Return the port on 127.0.0.1 behind which the guest's TCP port `guest` is."""
        if guest not in self._ports:
            raise EmulatorError(
                f"port {guest} of the guest is not forwarded", f"unitool run --forward {guest}"
            )
        return self._ports[guest]

    @property
    def ports(self) -> dict[int, int]:
        """Every forwarded port: guest's to host's."""
        return dict(self._ports)

    @property
    def held(self) -> bool:
        """Whether the CPU was given nothing to run since it was switched on or locked up."""
        return self._held

    @property
    def running(self) -> bool:
        """Whether it is on."""
        return self._thread is not None and self._thread.is_alive() and self._died is None

    def qmp(self, command: str, **arguments: object) -> Any:
        """Run a QMP command. EmulatorError if the board is off or QEMU refuses."""
        if self._qmp is None or not self.running:
            raise self._failure() or self._off()
        return self._qmp.execute(command, **arguments)

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when it is off; raise what killed the guest."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        if self._died is not None:
            raise self._died

    def __enter__(self) -> Self:
        """Power on, unless it is on."""
        if self._thread is None:
            self.power_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Power off. A guest's death is raised unless something else already is."""
        with contextlib.suppress(EmulatorError) if kind else contextlib.nullcontext():
            self.power_off()

    # -- the rest runs in the supervising thread, except where said

    def _has_boot(self) -> bool:
        return bool(self.state.read_boot().strip(b"\xff\0"))

    def _check_boot(self) -> None:
        if not self._has_boot():
            raise EmulatorError(
                f"the {self.board.name} in {self.state.folder} has no bootloader",
                "unitool run builds and flashes everything",
            )

    def _stop(self, how: signal.Signals) -> None:  # any thread
        self._stopping = True
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(how)
        self._join()
        if self._died is not None:
            died, self._died = self._died, None
            raise died

    def _join(self) -> None:  # any thread
        if self._thread is None:
            return
        self._thread.join(_STOP_S)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join()
        self._thread = None

    def _failure(self) -> EmulatorError | None:  # any thread
        if self._died is not None:
            return self._died
        if self._thread is None or not self._thread.is_alive():
            return self._off()
        return None

    def _off(self) -> EmulatorError:  # any thread
        return EmulatorError(
            f"the {self.board.name} is off", f"unitool run -b {self.board.name} switches it on"
        )

    def _type(self, data: bytes) -> None:  # any thread
        guest = self._guest
        if guest is None:
            raise self._failure() or self._off()
        guest.sendall(data)

    def _supervise(self) -> None:
        try:
            with self.state.lock() as lock, console.listen(self.state.folder) as listener:
                (self.state.folder / QEMU_LOG).unlink(missing_ok=True)
                self.state.empty_ram()
                first = True
                with Clients(listener, self._type) as clients:
                    while self._run_once(lock, clients, wait=self._held or (self._wait and first)):
                        first = False
                for name in (CONSOLE, GDB, QMP, QTEST):
                    (self.state.folder / name).unlink(missing_ok=True)
        except EmulatorError as error:
            self._died = error
        except OSError as error:
            self._died = EmulatorError(
                f"{error.filename or self.state.folder}: {error.strerror}",
                "the state folder must be yours, on a disk with room",
            )
        finally:
            self._qmp = None
            self._started.set()
            self.console.wake()

    def _run_once(self, lock: int, clients: Clients, *, wait: bool) -> bool:
        """Run QEMU until it ends. Whether to start it again, because the guest reset."""
        ours, guest = socket.socketpair()
        control, theirs = socket.socketpair()
        with ours, control:
            with guest, theirs:
                self._launch((lock, guest.fileno(), theirs.fileno()), wait=wait)
            self._guest, self._qmp = ours, Qmp(control)
            self._events = []
            try:
                self._pump(clients)
            finally:
                self._guest = None
        assert self._process is not None
        status = self._process.wait()
        return self._again(status)

    def _launch(self, descriptors: tuple[int, int, int], *, wait: bool) -> None:
        _, guest, control = descriptors
        rules = "".join(f",hostfwd=tcp:127.0.0.1:{h}-:{g}" for g, h in self._ports.items())
        command = [self._emulator.qemu, "-machine", self._emulator.machine]
        command += ["-nodefaults", "-display", "none"]
        command += [argument.replace("{hostfwd}", rules) for argument in self._emulator.args]
        command += ["-chardev", f"socket,id=console,fd={guest}", "-serial", "chardev:console"]
        command += ["-chardev", f"socket,id=qmp,fd={control}", "-mon", "chardev=qmp,mode=control"]
        if self._emulator.relaunch_on_reset:
            command.append("-no-reboot")
        if self.gdb_port is not None:
            command += ["-gdb", f"tcp:127.0.0.1:{self.gdb_port}"]
        if (
            self._probe
        ):  # a qtest socket that nobody reads logs to standard error unless told not to
            for option, name in (("-gdb", GDB), ("-qtest", QTEST), ("-qmp", QMP)):
                command += [option, f"unix:{name},server=on,wait=off"]
            command += ["-accel", "tcg", "-qtest-log", "none"]
        command += [*(["-S"] if wait else []), *self._extra]
        if shutil.which("setpriv"):  # QEMU must not outlive whoever supervises it
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        output.detail("$ " + " ".join(command))
        if shutil.which(self._emulator.qemu) is None:
            raise EmulatorError(f"{self._emulator.qemu} is not installed", "unitool doctor")
        with (self.state.folder / QEMU_LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.state.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
            )

    def _pump(self, clients: Clients) -> None:
        """Pass bytes and events until QEMU closes its control connection."""
        assert self._qmp is not None and self._guest is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._qmp.socket, selectors.EVENT_READ, "control")
            selector.register(self._guest, selectors.EVENT_READ, "guest")
            clients.attach(selector)
            while True:
                for key, _ in selector.select():
                    if key.data == "control":
                        events, closed = self._qmp.receive()
                        self._note(events)
                        if closed:
                            self._drain(clients)
                            return
                    elif key.data == "guest":
                        if not self._take(clients):
                            selector.unregister(self._guest)
                    else:
                        clients.handle(key)

    def _take(self, clients: Clients) -> bool:
        assert self._guest is not None
        try:
            data = self._guest.recv(65536)
        except OSError:
            return False
        self.console.feed(data)
        clients.send(data)
        return bool(data)

    def _drain(self, clients: Clients) -> None:
        """Take what the guest printed before QEMU ended."""
        assert self._guest is not None
        self._guest.settimeout(1)
        while self._take(clients):
            pass

    def _note(self, events: list[dict[str, Any]]) -> None:
        assert self._qmp is not None
        for event in events:
            reason = event.get("data", {}).get("reason", "")
            self._events.append(f"{event['event']}:{reason}" if reason else event["event"])
            if event["event"] == "RESET":
                self._count_reset()
        if self._qmp.ready:
            self._started.set()

    def _count_reset(self) -> None:
        self.resets += 1
        if self._probe:
            self._probe.notice("reset")
        now = time.monotonic()
        self._reset_times = [t for t in self._reset_times if now - t < _STORM_S] + [now]
        if len(self._reset_times) > _STORM_RESETS and not self._stopping:
            assert self._process is not None
            self._process.kill()
            raise EmulatorError(
                f"the {self.board.name} only resets, {_STORM_RESETS} times in {_STORM_S:g} s",
                "look at the last lines of its console; unitool flash mends what lies in flash",
            )

    def _again(self, status: int) -> bool:
        if self._stopping:
            return False
        if status == 0 and "SHUTDOWN:guest-shutdown" in self._events:
            return False  # the guest switched itself off
        pressed = "SHUTDOWN:host-qmp-system-reset" in self._events
        if status == 0 and (pressed or "SHUTDOWN:guest-reset" in self._events):
            if pressed or "WATCHDOG" in self._events:
                cause = ResetReason.EXTERNAL if pressed else ResetReason.WATCHDOG
                self.state.write_reset_cause(cause)
            self._count_reset()
            return True
        said = self.state.complaint() or f"no message, exit status {status}"
        if "Lockup" in said and self._probe:
            self._held = True
            self._probe.notice("the CPU locked up and is held: flash it, or reset it to try again")
            (self.state.folder / QEMU_LOG).unlink(missing_ok=True)
            return True
        hint = f"all of QEMU's messages are in {self.state.folder / QEMU_LOG}"
        if "Lockup" in said:
            said = "the CPU locked up: a fault inside the fault handler, or no code at all"
            hint = "flash an image (unitool flash) or look at the console before it"
        raise EmulatorError(f"the {self.board.name} died: {said}", hint)


class ConsolePort:
    """The console as the monitor takes it: from the first byte of this power cycle on."""

    def __init__(self, emulator: Emulator) -> None:
        """Read from the start of what `emulator` has printed so far."""
        self._emulator = emulator
        self._position = 0

    @property
    def drained(self) -> bool:
        """Whether everything was read."""
        return self._position >= len(self._emulator.console.log)

    def read(self) -> bytes:
        """Return what arrived within about 50 ms."""
        text = self._emulator.console.read(self._position, 0.05)
        self._position += len(text)
        return text.encode()

    def write(self, data: bytes) -> None:
        """Type."""
        self._emulator.console.send(data)

    def close(self) -> None:
        """Nothing to free."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
