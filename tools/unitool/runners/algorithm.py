# SPDX-License-Identifier: Apache-2.0
"""A board's flash algorithm at work: in RAM, run by the board's own CPU, driven through gdb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unitool import flash_algo
from unitool.board_model import Board
from unitool.elf_image import Elf
from unitool.errors import FlashError, WrongBoardError
from unitool.gdb_remote import GdbRemote
from unitool.runners.runner import Block, Progress, Segment

_CODE = "PrgCode"
_ERASE, _PROGRAM = 1, 2  # what Init and UnInit are told
_STACK_BYTES = 1024
_BUFFER_BYTES_MAX = 1 << 16
_PAGE = 4096
_SLACK_S = 5.0
_BYTES_PER_S_MIN = 2000  # slower is not programming, but hanging


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How an instruction set calls functions."""

    arguments: tuple[str, ...]
    stack: str
    link: str  # return address
    trap: bytes  # where calls return to
    thumb: int = 0  # set in addresses of code


_RISCV = Calls(arguments=("a0", "a1", "a2"), stack="sp", link="ra", trap=bytes.fromhex("73001000"))
_ARM = Calls(arguments=("r0", "r1", "r2"), stack="sp", link="lr", trap=b"\x00\xbe", thumb=1)


def calls_of(board: Board) -> Calls:
    """Return how the board's CPU calls functions."""
    return _ARM if board.arch.startswith("arm") else _RISCV


def _up(value: int, step: int) -> int:
    return value + -value % step


def check_target(board: Board, remote: GdbRemote) -> None:
    """Raise WrongBoardError if what answers cannot be this board's CPU."""
    calls, found = calls_of(board), remote.registers
    first = found.get(calls.arguments[0])
    if first is None or first.size != board.word_bytes or calls.link not in found:
        said = "other registers" if first is None else f"registers of {8 * first.size} bits"
        raise WrongBoardError(
            f"what answers there is no {board.cpu}: it has {said}",
            f"connect a {board.name}, or name the board that is connected with -b",
        )


class Algorithm:
    """The functions of hal/flash_algo. The CPU must be stopped, with no protection on."""

    def __init__(self, board: Board, remote: GdbRemote) -> None:
        """Load it."""
        self._board = board
        self._remote = remote
        self._calls = calls_of(board)
        elf = Elf(flash_algo.build(board))
        section = next(s for s in elf.sections if s.name == _CODE)
        ram = board.memory.ram
        self._functions = {
            name: (elf.find(name) or 0) + ram.base - section.address
            for name in ("Init", "UnInit", "EraseSector", "ProgramPage")
        }
        code = elf.contents(section.load)[: section.size]
        # A large RAM has a page between: an emulator runs code slowly that shares one with a trap.
        page = _PAGE if ram.size > 16 * _PAGE else 16
        self._stack = ram.base + _up(len(code) + _STACK_BYTES, 16)
        self._trap = _up(self._stack, page)
        self._buffer = self._trap + page
        room = min(_BUFFER_BYTES_MAX, ram.end - self._buffer)
        self._room = room - room % board.flash.program_bytes
        if self._room <= 0:
            raise FlashError(
                f"the RAM of {board.name} has no room for its flash algorithm",
                "memory.ram in board.toml says how much there is",
            )
        for at, content in ((ram.base, code), (self._trap, self._calls.trap)):
            remote.write(at, content)
            if remote.read(at, len(content)) != content:
                raise WrongBoardError(
                    f"there is no RAM at {at:#x}, or it cannot be written",
                    f"connect a {board.name}, or mend memory.ram in its board.toml",
                )
        remote.insert(0, self._trap, len(self._calls.trap))

    def remove(self) -> None:
        """Take the breakpoint away."""
        self._remote.remove(0, self._trap, len(self._calls.trap))

    def erase(self, blocks: Sequence[Block], done: Progress) -> None:
        """Erase whole blocks."""
        self._begin(_ERASE)
        for block in blocks:
            limit_s = _SLACK_S + self._board.flash.erase_ms_max / 500
            if self._call("EraseSector", block.address, limit_s=limit_s):
                raise FlashError(
                    f"the block at {block.address:#x} could not be erased",
                    "flash again; if it happens again, the flash is worn or write-protected",
                )
            done(block.size)
        self._call("UnInit", _ERASE)

    def program(self, segments: Sequence[Segment], done: Progress) -> None:
        """Program erased units."""
        self._begin(_PROGRAM)
        for segment in segments:
            for at in range(0, len(segment.data), self._room):
                piece, address = segment.data[at : at + self._room], segment.address + at
                self._remote.write(self._buffer, piece)
                limit_s = _SLACK_S + len(piece) / _BYTES_PER_S_MIN
                if self._call("ProgramPage", address, len(piece), self._buffer, limit_s=limit_s):
                    raise FlashError(
                        f"{len(piece):,} bytes at {address:#x} could not be programmed",
                        "flash again; if it happens again, the flash is worn or write-protected",
                    )
                done(len(piece))
        self._call("UnInit", _PROGRAM)

    def _begin(self, operation: int) -> None:
        if self._call("Init", self._board.flash.base, self._board.clk_hz, operation):
            raise FlashError(
                f"the flash of {self._board.name} does not answer its driver",
                "see that the board is powered, and that it is the one that board.toml describes",
            )

    def _call(self, name: str, *arguments: int, limit_s: float = _SLACK_S) -> int:
        remote, calls = self._remote, self._calls
        for register, value in zip(calls.arguments, arguments, strict=False):
            remote.write_register(register, value)
        remote.write_register(calls.stack, self._stack)
        remote.write_register(calls.link, self._trap | calls.thumb)
        remote.write_register("pc", self._functions[name] & ~calls.thumb)
        if calls.thumb:
            remote.write_register("xpsr", 1 << 24)
        remote.resume()
        if remote.wait(limit_s) is None:
            remote.interrupt()
        at = remote.read_register("pc")
        if at != self._trap:
            raise FlashError(
                f"{name} of the flash algorithm did not return; the CPU is at {at:#x}",
                "reset the board and flash again: what runs on it may forbid code in RAM",
            )
        return remote.read_register(calls.arguments[0])
