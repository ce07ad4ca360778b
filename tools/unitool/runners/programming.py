# SPDX-License-Identifier: Apache-2.0
"""From what flash is to hold to what has to be done: compare, erase, program, read back.

A block that already holds what is wanted is left alone. One that lacks only what was never
programmed is programmed further, as the firmware does with its journal. Any other is erased, and
what was in it and nobody wants to change is put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

from tqdm import tqdm

from unitool import output
from unitool.board_model import Area, Board
from unitool.errors import VerifyError
from unitool.runners.runner import Block, Progress, Runner, Segment

_READ_BYTES = 1 << 16
_COARSE_BYTES = 1024  # a multiple of every program unit

Show = Callable[[str, int], AbstractContextManager[Progress]]


def bars(what: str, total: int) -> AbstractContextManager[Progress]:
    """Show how far `what` is, to a person who watches."""
    bar = tqdm(
        total=total,
        desc=f"{what:7}",
        unit="B",
        unit_scale=True,
        leave=False,
        delay=0.2,
        disable=not output.is_terminal(),
    )
    return _Bar(bar)


class _Bar(AbstractContextManager[Progress]):
    def __init__(self, bar: tqdm) -> None:
        self._bar = bar

    def __enter__(self) -> Progress:
        return self._bar.update  # type: ignore[no-any-return]

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def silent(what: str, total: int) -> AbstractContextManager[Progress]:
    """Show nothing."""
    return nullcontext(lambda _: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to be done to a few blocks."""

    blocks: tuple[Segment, ...]  # all of them as they are to be
    erase: tuple[Block, ...]
    program: tuple[Segment, ...]

    @property
    def touched(self) -> tuple[Segment, ...]:
        """The blocks that change."""
        changed = {block.address for block in self.erase}
        starts = [segment.address for segment in self.program]
        return tuple(
            block
            for block in self.blocks
            if block.address in changed
            or any(block.address <= s < block.address + len(block.data) for s in starts)
        )


def block_at(board: Board, address: int) -> Block:
    """Return the erase block around an address; memory that holds the bootloader alone is one."""
    boot, flash = board.memory.boot, board.flash
    if flash.base <= address < flash.base + flash.size:
        start, size = flash.block(address - flash.base)
        return Block(flash.base + start, size)
    if boot.base <= address < boot.end:
        return Block(boot.base, boot.size)
    raise ValueError(f"{address:#x} is neither flash nor the bootloader's memory")


def plan(board: Board, wanted: Iterable[Segment], read: Callable[[int, int], bytes]) -> Plan:
    """Compare what blocks hold with what they are to hold."""
    blocks: list[Segment] = []
    erase: list[Block] = []
    program: list[Segment] = []
    unit, erased = board.flash.program_bytes, board.flash.erased_value
    for block, pieces in _by_block(board, wanted):
        now = read(block.address, block.size)
        changing = bytearray(now)
        for piece in pieces:
            at = piece.address - block.address
            changing[at : at + len(piece.data)] = piece.data
        then = bytes(changing)
        blocks.append(Segment(block.address, then))
        blank = bytes([erased]) * block.size
        changed = _differing(now, then, unit)
        if any(now[at : at + unit] != blank[:unit] for at in changed):
            erase.append(block)
            changed = _differing(blank, then, unit)
        program += [
            Segment(block.address + start, then[start:end]) for start, end in _runs(changed, unit)
        ]
    return Plan(blocks=tuple(blocks), erase=tuple(erase), program=tuple(program))


def _differing(one: bytes, other: bytes, unit: int) -> list[int]:
    """Return the starts of the units that differ; looks closer only where there are some."""
    step = max(unit, _COARSE_BYTES)
    return [
        at
        for start in range(0, len(one), step)
        if one[start : start + step] != other[start : start + step]
        for at in range(start, min(start + step, len(one)), unit)
        if one[at : at + unit] != other[at : at + unit]
    ]


def _by_block(board: Board, wanted: Iterable[Segment]) -> Iterator[tuple[Block, list[Segment]]]:
    found: dict[Block, list[Segment]] = {}
    for segment in wanted:
        at = 0
        while at < len(segment.data):
            block = block_at(board, segment.address + at)
            end = block.address + block.size - segment.address
            piece = Segment(segment.address + at, segment.data[at:end])
            found.setdefault(block, []).append(piece)
            at += len(piece.data)
    yield from found.items()


def _runs(starts: Sequence[int], unit: int) -> Iterator[tuple[int, int]]:
    """Join units that follow each other."""
    first = last = None
    for at in starts:
        if last is not None and first is not None and at != last:
            yield first, last
            first = None
        first = at if first is None else first
        last = at + unit
    if first is not None and last is not None:
        yield first, last


@dataclass(slots=True, kw_only=True)
class Written:
    """What was done, or under `dry_run` would have been."""

    wanted: int = 0  # bytes that were to be in flash
    erased: int = 0
    programmed: int = 0
    blocks: int = 0  # erased or programmed
    seconds: float = 0.0

    def line(self, *, dry_run: bool = False) -> str:
        """Return the closing line."""
        if not self.blocks:
            return f"nothing to write: all {self.wanted:,} bytes match, {self.seconds:.2f} s"
        amount = f"{self.programmed:,} bytes in {output.count(self.blocks, 'block')}"
        if dry_run:
            return f"would erase {self.erased:,} bytes and write {amount}; nothing was changed"
        speed = self.programmed / 1000 / max(self.seconds, 1e-6)
        return f"wrote and verified {amount}, {self.seconds:.2f} s, {speed:,.0f} KB/s"

    def facts(self) -> dict[str, object]:
        """Return it for machines."""
        return asdict(self)


class Programmer:
    """A board's flash behind a runner that is open: reads, and writes what differs."""

    def __init__(
        self, board: Board, runner: Runner, *, show: Show = silent, dry_run: bool = False
    ) -> None:
        self.board = board
        self.runner = runner
        self.dry_run = dry_run
        self.total = Written()
        self._show = show
        self._pretended: dict[int, bytes] = {}  # blocks as they would be, under dry_run

    def read(self, address: int, size: int) -> bytes:
        """Return what is there."""
        return self.runner.read(address, size)

    def area(self, name: str) -> bytes:
        """Return an area of the board's layout."""
        area = self.board.layout[name]
        return self.read(self.board.flash.base + area.offset, area.size)

    def boot(self) -> bytes:
        """Return what lies where the bootloader runs."""
        memory = self.board.memory.boot
        return self.read(memory.base, memory.size)

    def write(self, wanted: Sequence[Segment]) -> None:
        """Make flash hold `wanted`. VerifyError if it does not afterwards."""
        began = time.monotonic()
        total = sum(len(segment.data) for segment in wanted)
        with self._show("compare", total) as done:
            todo = plan(self.board, wanted, lambda at, size: self._compared(at, size, done))
        if self.dry_run:
            self._pretended |= {block.address: block.data for block in todo.blocks}
        else:
            self._do(todo)
        self.total.wanted += total
        self.total.erased += sum(block.size for block in todo.erase)
        self.total.programmed += sum(len(segment.data) for segment in todo.program)
        self.total.blocks += len(todo.touched)
        self.total.seconds += time.monotonic() - began

    def erase(self, areas: Iterable[Area]) -> None:
        """Leave nothing in them."""
        base, erased = self.board.flash.base, bytes([self.board.flash.erased_value])
        self.write([Segment(base + area.offset, erased * area.size) for area in areas])

    def _compared(self, address: int, size: int, done: Progress) -> bytes:
        pretended = self._pretended.get(address)
        return self._read_on(address, size, done) if pretended is None else pretended

    def _do(self, todo: Plan) -> None:
        if todo.erase:
            with self._show("erase", sum(block.size for block in todo.erase)) as done:
                self.runner.erase(todo.erase, done)
        if todo.program:
            with self._show("program", sum(len(s.data) for s in todo.program)) as done:
                self.runner.program(todo.program, done)
        if todo.touched:
            with self._show("verify", sum(len(s.data) for s in todo.touched)) as done:
                for block in todo.touched:
                    self._verify(block, done)

    def _verify(self, block: Segment, done: Progress) -> None:
        found = self._read_on(block.address, len(block.data), done)
        if found == block.data:
            return
        wrong = [at for at, byte in enumerate(found) if byte != block.data[at]]
        raise VerifyError(
            f"{output.count(len(wrong), 'byte')} of the block at {block.address:#x} read back "
            f"otherwise than written, the first at {block.address + wrong[0]:#x}",
            "flash again; if it happens again, the flash is worn or its driver is wrong",
        )

    def _read_on(self, address: int, size: int, done: Progress) -> bytes:
        pieces = []
        for at in range(0, size, _READ_BYTES):
            pieces.append(self.read(address + at, min(_READ_BYTES, size - at)))
            done(len(pieces[-1]))
        return b"".join(pieces)
