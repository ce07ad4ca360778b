# SPDX-License-Identifier: Apache-2.0
"""Collects every test_*.c below: each is compiled with sanitizers and is one test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import host_c

TIMEOUT_S = 240


class HostTestFailed(Exception):
    """What the program printed before it gave up."""


class CFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        yield CTest.from_parent(self, name=self.path.stem)


class CTest(pytest.Item):
    def runtest(self) -> None:
        program = host_c.build(self.path)
        done = subprocess.run(
            [program], capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
        if done.returncode != 0:
            raise HostTestFailed(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        if isinstance(excinfo.value, HostTestFailed | host_c.CompileError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CFile | None:
    if file_path.suffix == ".c" and file_path.name.startswith("test_"):
        return CFile.from_parent(parent, path=file_path)
    return None
