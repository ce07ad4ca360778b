# SPDX-License-Identifier: Apache-2.0
"""Compilers and the flags that every object of a board gets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from unitool.boards import Board
from unitool.errors import BoardError, BuildError, SetupError

# Reproducible (no time, no folder, no host's build id) and without what bare metal never uses.
_COMMON = (
    "--specs=picolibc.specs",
    "-Os",
    "-g",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-ident",
    "-flto",
    "-Wdate-time",
)
_C = ("-std=c11",)
_CXX = (
    "-std=c++17",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-use-cxa-atexit",
)
# For firmware/, hal/ and boards/; applications get the first two.
WARNINGS_APP = ("-Wall", "-Wextra")
WARNINGS = (
    *WARNINGS_APP,
    "-Wconversion",
    "-Wshadow",
    "-Wundef",
    "-Wvla",
)
WARNINGS_C = ("-Wmissing-prototypes",)
_LINK = (
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--no-warn-rwx-segments",
)


_DISK_FULL = ("No space left on device", "Disk quota exceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch:
    """An instruction set family: its compiler and how relocation sees it."""

    prefix: str
    flags: tuple[str, ...]  # {cpu} and {abi} are replaced
    granule: int  # of the relocation table
    small: tuple[str, ...] = ()  # for the bootloader, where a few more instructions cost nothing


_ARM = Arch(
    prefix="arm-none-eabi-",
    flags=("-mcpu={cpu}", "-mthumb", "-mfloat-abi=soft", "-mword-relocations"),
    granule=4,
)
# With isa-spec 2.2 the base ISA has CSRs and fence.i, and picolibc's library for it is found.
_RISCV = Arch(
    prefix="riscv64-unknown-elf-",
    flags=("-march={cpu}", "-misa-spec=2.2", "-mabi={abi}", "-mcmodel=medany"),
    granule=2,
    small=("-msave-restore",),  # measured: 5 % less flash, no slower start
)
_ABIS = {4: "ilp32", 8: "lp64"}  # of RISC-V, without floating-point registers
_ARCHES = {"armv6m": _ARM, "armv7m": _ARM, "armv8m": _ARM, "riscv": _RISCV}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """The tools for one board."""

    prefix: str
    machine: tuple[str, ...]
    granule: int

    def tool(self, name: str) -> str:
        """Return the program's name, such as arm-none-eabi-gcc."""
        return f"{self.prefix}{name}"

    @property
    def c_flags(self) -> tuple[str, ...]:
        """Flags for C and assembler."""
        return (*self.machine, *_COMMON, *_C)

    @property
    def cxx_flags(self) -> tuple[str, ...]:
        """Flags for C++."""
        return (*self.machine, *_COMMON, *_CXX)

    @property
    def lto_flags(self) -> tuple[str, ...]:
        """Flags for the link that optimises: code is made there, so those of C too."""
        return (*self.c_flags, *_LINK)

    @property
    def link_flags(self) -> tuple[str, ...]:
        """Flags for the compiler driver when it links."""
        return (*self.machine, "--specs=picolibc.specs", "-g", "-fno-lto", *_LINK)


def for_board(board: Board, *, small: bool = False) -> Toolchain:
    """Return the board's toolchain. BoardError: unknown arch; SetupError: not installed."""
    arch = _ARCHES.get(board.arch)
    if arch is None:
        raise BoardError(
            f"{board.dir / 'board.toml'}: board.arch: unknown {board.arch!r}",
            f"known: {', '.join(sorted(_ARCHES))}",
        )
    if shutil.which(f"{arch.prefix}gcc") is None:
        raise SetupError(f"{arch.prefix}gcc is not installed", "unitool doctor")
    return Toolchain(
        prefix=arch.prefix,
        machine=(
            *(flag.format(cpu=board.cpu, abi=_ABIS[board.word_bytes]) for flag in arch.flags),
            *(arch.small if small else ()),
        ),
        granule=arch.granule,
    )


def disk_full(what: str, said: str) -> BuildError | None:
    """What to raise if compiler, linker or ninja failed for want of room; None if they did not."""
    if not any(text in said for text in _DISK_FULL):
        return None
    return BuildError(
        f"no space left on the disk to {what}",
        f"make room in the build's folder and in {os.environ.get('TMPDIR', '/tmp')}; the variable "
        "TMPDIR names another folder for temporary files",
    )


def prefix_maps(folders: Iterable[tuple[str, str]], *, assembler: bool) -> tuple[str, ...]:
    """Flags that write `name` for each folder into debug information and __FILE__.

    The compiler takes the last that fits: list the inner folder behind the outer one. The
    `assembler` describes assembly sources itself and wants to be told separately.
    """
    if assembler:
        options = [("-Xassembler", f"--debug-prefix-map={old}={new}") for old, new in folders]
        return tuple(word for option in options for word in option)
    return tuple(f"-ffile-prefix-map={folder}={name}" for folder, name in folders)
