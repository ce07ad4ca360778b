# SPDX-License-Identifier: Apache-2.0
"""The library for the processors that it is for: no warning, and no frame above 512 bytes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import host_c
import pytest

SOURCES = sorted(host_c.LIBRARY.rglob("*.c"))
WARNINGS = (
    "-Wall -Wextra -Wconversion -Wshadow -Wundef -Wvla -Wmissing-prototypes -Wstack-usage=512"
)
CORES = {
    "cortex-m3": "arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -mword-relocations",
    "rv32imac": "riscv64-unknown-elf-gcc -march=rv32imac -misa-spec=2.2 -mabi=ilp32",
    "rv64imac": "riscv64-unknown-elf-gcc -march=rv64imac -misa-spec=2.2 -mabi=lp64",
}


@pytest.mark.parametrize("core", sorted(CORES))
def test_compiles_without_warnings(core: str, tmp_path: Path) -> None:
    compiler, *flags = CORES[core].split()
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    for source in SOURCES:
        folders = [host_c.ROOT / folder for folder in host_c.INCLUDE]
        folders += host_c.private_include(source)
        command = [compiler, *flags, "--specs=picolibc.specs", "-std=c11", "-Os"]
        command += [*WARNINGS.split(), "-Werror", *(f"-I{folder}" for folder in folders)]
        command += ["-c", str(source), "-o", str(tmp_path / "object.o")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
