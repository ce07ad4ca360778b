"""The monitor on a real terminal, against a real socket:// port."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from unitool import console, monitor

UNITOOL = str(Path(sys.executable).parent / "unitool")


@dataclass
class Session:
    """A monitor in a terminal; `device` is the other end of its port."""

    process: subprocess.Popen[bytes]
    keyboard: int
    listener: socket.socket
    device: socket.socket
    seen: str = ""

    def expect(self, pattern: str, timeout_s: float = 15) -> None:
        end = time.monotonic() + timeout_s
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.keyboard], [], [], 0.1)[0]:
                self.seen += os.read(self.keyboard, 4096).decode(errors="replace")

    def settle(self, timeout_s: float = 15) -> None:
        """Wait until bytes come through: opening a socket:// port empties its input."""
        end = time.monotonic() + timeout_s
        start = len(self.seen)
        while "~" not in self.seen[start:]:
            assert time.monotonic() < end, f"nothing comes through: {self.seen!r}"
            self.device.sendall(b"~\r\n")
            if select.select([self.keyboard], [], [], 0.2)[0]:
                self.seen += os.read(self.keyboard, 4096).decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self.keyboard, keys)


def _open(tmp_path: Path, *options: str) -> Session:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(15)
    url = f"socket://127.0.0.1:{listener.getsockname()[1]}"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [UNITOOL, "monitor", "--port", url, *options],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
    )
    os.close(theirs)
    device, _ = listener.accept()
    session = Session(process=process, keyboard=ours, listener=listener, device=device)
    session.settle()
    return session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    opened = _open(tmp_path, "--log", "out.log")
    yield opened
    opened.process.kill()
    opened.process.wait()
    opened.device.close()
    opened.listener.close()
    os.close(opened.keyboard)


def test_shows_sends_logs_and_leaves(session: Session, tmp_path: Path) -> None:
    session.device.sendall(b"hello from the board\r\n")
    session.expect("hello from the board")
    session.type(b"x")
    assert session.device.recv(1) == b"x"
    session.type(b"\x1d")  # Ctrl-]
    assert session.process.wait(10) == 0
    assert "hello from the board\n" in (tmp_path / "out.log").read_text()


def test_menu_lists_keys_and_toggles_timestamps(session: Session) -> None:
    session.type(b"\x14h")  # Ctrl-T h
    session.expect("timestamps on or off")
    session.type(b"\x14t")
    session.expect("timestamps on(?! or)")
    session.device.sendall(b"line\r\n")
    session.expect(r"\d\d:\d\d:\d\d line")


def test_reconnects_when_the_port_comes_back(session: Session) -> None:
    session.device.shutdown(socket.SHUT_RDWR)
    session.device.close()
    session.expect("is gone")
    session.device, _ = session.listener.accept()
    session.settle()
    session.device.sendall(b"back again\r\n")
    session.expect("back again")


@pytest.mark.parametrize("has_port", [True, False])
def test_terminal_that_is_gone_ends_the_session(tmp_path: Path, has_port: bool) -> None:
    """It read no keys as fast as it could, for ever."""
    opened = _open(tmp_path)
    with opened.listener, opened.device:
        if not has_port:
            opened.listener.close()
            opened.device.close()
            opened.expect("is gone")
        os.close(opened.keyboard)
        try:
            opened.process.wait(10)
        finally:
            opened.process.kill()


def test_crash_without_its_elf_says_what_to_do(session: Session) -> None:
    build = "ab" * 20
    session.device.sendall(
        f"panic: test pc=21400300 lr=21400301 sp=20000100 base=21400000 build={build}\r\n".encode()
    )
    session.expect("no ELF of build abababab")


def test_full_disk_ends_the_log_and_not_the_session(tmp_path: Path) -> None:
    """/dev/full takes nothing; the port is not to blame."""
    opened = _open(tmp_path, "--log", "/dev/full")
    try:
        opened.device.sendall(b"one\r\n")
        opened.expect("log off: .*: No space left on device")
        opened.device.sendall(b"two\r\n")
        opened.expect("two")
    finally:
        opened.process.kill()
        opened.process.wait()
        opened.device.close()
        opened.listener.close()
        os.close(opened.keyboard)


def test_board_in_a_deep_folder_is_reached(tmp_path: Path) -> None:
    """The path of a Unix socket has 108 bytes at most; folders have more."""
    state = tmp_path / ("deep" * 15) / ("deeper" * 15)
    state.mkdir(parents=True)
    with console.listen(state) as listener:
        port = monitor.UnixPort(state)
        board, _ = listener.accept()
        board.sendall(b"hello")
        assert port.read() == b"hello"
        port.close()
        board.close()


def test_banner_comes_once_the_port_is_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [UNITOOL, "monitor", "--port", str(tmp_path / "none"), "--no-reconnect"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == ""


def test_missing_port_is_an_error_with_a_hint(tmp_path: Path) -> None:
    done = subprocess.run(
        [UNITOOL, "monitor", "--port", str(tmp_path / "none"), "--no-reconnect"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    assert done.returncode == 1
    assert "cannot open" in done.stderr
    assert "hint:" in done.stderr
