# SPDX-License-Identifier: Apache-2.0
"""The real server as a process, for tests: started, stopped, killed, started again.

with ServerProcess(tmp_path / "server", keys=keydir) as server:
    server.devices      # http://127.0.0.1:PORT, what devices are given
    server.client       # unitool.operator_client.Client
    server.data         # for the command line: --data
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from unitool.operator_client import Client, connect

START_WITHIN_S = 20.0
STOP_WITHIN_S = 10.0
_MAIN = "from unitool.cli import main; main()"


class ServerProcess:
    """`unitool serve` on free ports of the loopback; the ports stay over restarts."""

    def __init__(
        self, data: Path, *, keys: Path | None = None, poll_s: int = 1, host: str = "127.0.0.1"
    ) -> None:
        """`keys`: folder with server.pem and keyset.cose, else the server makes its own key."""
        self.data = data
        self.keys = keys or data / "no-keys"
        self.poll_s = poll_s
        self.host = host
        self.devices = ""
        self.operators = ""
        self.log = data.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        port = self.devices.rpartition(":")[2] or "0"
        operator_port = self.operators.rpartition(":")[2] or "0"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        address = self.data / "address.json"
        address.unlink(missing_ok=True)
        arguments = ["serve", "--data", self.data, "--keys", self.keys]
        arguments += ["--listen", f"{self.host}:{port}", "--operator-port", operator_port]
        arguments += ["--poll-s", str(self.poll_s)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *map(str, arguments)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_WITHIN_S
        while not address.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.01)
        facts = json.loads(address.read_text())
        self.devices, self.operators = facts["devices"], facts["operators"]

    @property
    def pid(self) -> int:
        """The process that runs."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    @property
    def client(self) -> Client:
        """Speaks to the operators' interface."""
        return connect(self.data, None)

    def stop(self) -> int:
        """Stop it as Ctrl-C does; returns its exit code."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            os.kill(process.pid, number)
        try:
            return process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()
