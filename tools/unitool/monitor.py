"""A serial console: keys, timestamps, log, reconnection, and crash reports decoded as they pass."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import serial

from unitool import console, crash, output
from unitool.errors import UnitoolError, UsageError

LEAVE = b"\x1d"  # Ctrl-]
MENU = b"\x14"  # Ctrl-T
_HELP = """\
Ctrl-]            leave
Ctrl-T then t     timestamps on or off
            l     log to a file on or off
            e     echo what is typed on or off
            h     this list
            ]     send Ctrl-] itself
            T     send Ctrl-T itself"""


class Port(Protocol):
    """Bytes to and from a console."""

    def read(self) -> bytes:
        """Return what arrived within about 50 ms; raise OSError when the other side is gone."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of `data`; raise OSError when the other side is gone."""
        ...

    def close(self) -> None:
        """Free it. Never raises."""
        ...


class SerialPort:
    """A serial port or any URL that pyserial knows (socket://, rfc2217://, loop://)."""

    def __init__(self, url: str, baud: int) -> None:
        """Open it; OSError if it is not there or busy, UsageError if it cannot be a port."""
        try:
            self._serial = serial.serial_for_url(url, baudrate=baud, timeout=0.03)
        except ValueError as error:
            raise UsageError(
                f"{url}: {error}", "such as /dev/ttyACM0, socket://HOST:PORT or rfc2217://HOST:PORT"
            ) from None

    def read(self) -> bytes:
        """Return what arrived within about 50 ms."""
        return bytes(self._serial.read(4096))

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._serial.write(data)

    def close(self) -> None:
        """Free it."""
        with contextlib.suppress(OSError):
            self._serial.close()


class UnixPort:
    """The console of an emulated board: a Unix socket in its state folder."""

    def __init__(self, state: Path) -> None:
        """Connect to the board that runs in `state`; OSError if it does not."""
        try:
            self._socket = console.connect(state)
        except OSError:
            raise ConnectionError("it does not run") from None

    def read(self) -> bytes:
        """Return what arrived within about 50 ms; OSError when the board was switched off."""
        if not select.select([self._socket], [], [], 0.05)[0]:
            return b""
        data = self._socket.recv(4096)
        if not data:
            raise ConnectionResetError("the board was switched off")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Free it."""
        self._socket.close()


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


@dataclass(kw_only=True)
class Monitor:
    """One session at a console."""

    open_port: Callable[[], Port]
    name: str
    search: list[Path]  # where ELFs for crash reports lie
    timestamps: bool = False
    log: IO[str] | None = None
    log_name: Path = Path("unitool-monitor.log")
    reconnect: bool = True
    echo: bool = False
    absent: str = "plug it in, or choose another with --port"
    greeting: str = ""  # once the port is open
    write: Callable[[str], None] = field(default=lambda text: _to_terminal(text))
    _line: str = ""
    _in_menu: bool = False

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Pass bytes both ways until Ctrl-] or `until()`. UnitoolError if the port is lost."""
        with _raw_terminal() as keys:
            while not until():
                port = self._connect(keys, until)
                if port is None:
                    return
                if self.greeting:
                    output.say(self.greeting)
                    self.greeting = ""
                try:
                    if self._session(port, keys, until):
                        return
                except (OSError, serial.SerialException) as error:
                    if not self.reconnect:
                        raise UnitoolError(
                            f"{self.name} is gone ({error})", "plug it in and start again"
                        ) from None
                    self._note(f"{self.name} is gone ({error}); waiting for it, Ctrl-] leaves")
                finally:
                    port.close()

    def _connect(self, keys: int | None, until: Callable[[], bool]) -> Port | None:
        complained = False
        while True:
            try:
                return self.open_port()
            except (OSError, serial.SerialException) as error:
                if not self.reconnect:
                    raise UnitoolError(
                        f"cannot open {self.name}: {_why(error)}", self.absent
                    ) from None
                if not complained:
                    self._note(
                        f"{self.name} is not there: {_why(error)}; {self.absent}; Ctrl-] leaves"
                    )
                    complained = True
            if until() or self._read_keys(keys, 0.3) == LEAVE:
                return None

    def _session(self, port: Port, keys: int | None, until: Callable[[], bool]) -> bool:
        """Return True when the user leaves."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while not until():
            self._show(decoder.decode(port.read()))
            typed = self._read_keys(keys, 0)
            if typed and self._typed(port, typed):
                return True
        return True

    @staticmethod
    def _read_keys(keys: int | None, timeout_s: float) -> bytes:
        if keys is None:
            time.sleep(timeout_s)
            return b""
        if not select.select([keys], [], [], timeout_s)[0]:
            return b""
        try:
            return os.read(keys, 256) or LEAVE
        except OSError:
            return LEAVE  # the terminal is gone, and who typed with it

    def _typed(self, port: Port, typed: bytes) -> bool:
        for key in (bytes([k]) for k in typed):
            if self._in_menu:
                self._in_menu = False
                self._menu(port, key)
            elif key == LEAVE:
                return True
            elif key == MENU:
                self._in_menu = True
            else:
                port.write(key)
                if self.echo:
                    self.write(key.decode(errors="replace"))
        return False

    def _menu(self, port: Port, key: bytes) -> None:
        if key == b"t":
            self.timestamps = not self.timestamps
            self._note(f"timestamps {'on' if self.timestamps else 'off'}")
        elif key == b"l":
            self._toggle_log()
        elif key == b"e":
            self.echo = not self.echo
            self._note(f"echo {'on' if self.echo else 'off'}")
        elif key == b"]":
            port.write(LEAVE)
        elif key == b"T":
            port.write(MENU)
        else:
            self._note(_HELP)

    def _toggle_log(self) -> None:
        if self.log:
            self.log.close()
            self.log = None
            self._note("log off")
            return
        try:
            self.log = self.log_name.open("a")
            self._note(f"log to {self.log_name}")
        except OSError as error:
            self._note(f"no log: {self.log_name}: {_why(error)}")

    def _show(self, text: str) -> None:
        for piece in text.replace("\r\n", "\n").splitlines(keepends=True):
            start = not self._line
            self._line += piece
            stamp = time.strftime("%H:%M:%S ") if start and self.timestamps else ""
            self.write(stamp + piece)
            self._record(stamp + piece)
            if piece.endswith("\n"):
                self._explain(self._line)
                self._line = ""

    def _record(self, text: str) -> None:
        if self.log is None:
            return
        try:
            self.log.write(text)
            self.log.flush()
        except OSError as error:  # the console goes on
            with contextlib.suppress(OSError):
                self.log.close()
            self.log = None
            self._note(f"log off: {self.log_name}: {_why(error)}; Ctrl-T l starts it again")

    def _explain(self, line: str) -> None:
        report = crash.parse_line(line)
        if report is None:
            return
        if report.words != report.reason:
            self._note(report.words)
        elf = crash.find_elf(report.build_id, self.search)
        if elf is None:
            self._note(
                f"no ELF of build {report.build_id[:8]} below "
                f"{', '.join(map(str, self.search))}: start unitool monitor in the app's folder"
            )
            return
        for frame in crash.decode(report, elf):
            self._note(str(frame))

    def _note(self, text: str) -> None:
        for line in text.splitlines():
            self.write(f"\x1b[2m--- {line}\x1b[0m\n" if output.is_terminal() else f"--- {line}\n")


def _to_terminal(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n") if sys.stdin.isatty() else text)
    sys.stdout.flush()


@contextlib.contextmanager
def _raw_terminal() -> Iterator[int | None]:
    """Give the keyboard as it is typed; None where standard input is not a terminal."""
    if not sys.stdin.isatty():
        yield None
        return
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys)
        yield keys
    finally:
        with contextlib.suppress(termios.error):  # a terminal that is gone
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
