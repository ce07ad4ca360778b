# SPDX-License-Identifier: Apache-2.0
"""What is done to flash so that it holds what is wanted, on a part that obeys the rules of NOR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unitool import boards, runners
from unitool.boards import Area, Board, Flash, FlashRegion
from unitool.errors import FlashError, UsageError, VerifyError
from unitool.runners import Block, Place, Programmer, Progress, Segment

BASE = 0x2100_0000


class Part:
    """A runner that is the flash itself; refuses what real parts refuse."""

    def __init__(self, board: Board, content: bytes) -> None:
        self.board = board
        self.cells = bytearray(content)
        self.operations = 0
        self.fails_at = -1  # the operation in whose middle the connection is lost
        self.spoils = False

    def open(self) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> bool:
        return False

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.cells[address - BASE :][:size])

    def _fails(self) -> bool:
        self.operations += 1
        return self.operations == self.fails_at

    def erase(self, blocks: Sequence[Block], done: Progress) -> None:
        for block in blocks:
            at = block.address - BASE
            assert self.board.flash.block(at) == (at, block.size)
            size = block.size // 2 if self._fails() else block.size
            self.cells[at : at + size] = bytes([self.board.flash.erased_value]) * size
            done(size)
            if size != block.size:
                raise FlashError("gone", "again")

    def program(self, segments: Sequence[Segment], done: Progress) -> None:
        unit, erased = self.board.flash.program_bytes, self.board.flash.erased_value
        for segment in segments:
            at = segment.address - BASE
            assert at % unit == 0 and len(segment.data) % unit == 0
            data = segment.data
            if self._fails():
                data = data[: len(data) // 2]
            assert not self.cells[at : at + len(data)].strip(bytes([erased]))
            self.cells[at : at + len(data)] = data
            done(len(data))
            if len(data) != len(segment.data):
                raise FlashError("gone", "again")
            if self.spoils:
                self.cells[at + len(data) // 2] ^= 1


@st.composite
def parts(draw: st.DrawFn) -> Part:
    flash = Flash(
        base=BASE,
        regions=tuple(
            FlashRegion(count=draw(st.integers(1, 3)), erase_bytes=draw(st.sampled_from([64, 256])))
            for _ in range(draw(st.integers(1, 3)))
        ),
        program_bytes=draw(st.sampled_from([1, 4, 16])),
        write_once=False,
        erased_value=draw(st.sampled_from([0, 0xFF])),
        read_may_fault=False,
        stalls=False,
        erase_ms_max=1,
    )
    blank = bytes([flash.erased_value])
    pieces = st.one_of(st.just(blank * 16), st.binary(min_size=16, max_size=16))
    content = draw(st.lists(pieces, min_size=flash.size // 16, max_size=flash.size // 16))
    return Part(replace(boards.load("mps2-an385"), flash=flash), b"".join(content))


def _segments(draw: st.DrawFn, part: Part) -> list[Segment]:
    """Pieces that do not overlap, in any order: new bytes, blank ones or what is there."""
    edges = sorted(set(draw(st.lists(st.integers(0, len(part.cells)), min_size=2, max_size=6))))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        size = end - start
        blank = bytes([part.board.flash.erased_value]) * size
        there = bytes(part.cells[start:end])
        data = draw(
            st.one_of(st.just(blank), st.just(there), st.binary(min_size=size, max_size=size))
        )
        found.append(Segment(BASE + start, data))
    return draw(st.permutations(found))


def _wanted(part: Part, segments: Sequence[Segment]) -> bytes:
    cells = bytearray(part.cells)
    for segment in segments:
        cells[segment.address - BASE : segment.address - BASE + len(segment.data)] = segment.data
    return bytes(cells)


@given(parts(), st.data())
def test_flash_holds_what_is_wanted_and_nothing_else_changes(
    part: Part, data: st.DataObject
) -> None:
    segments = data.draw(st.composite(_segments)(part))
    wanted = _wanted(part, segments)
    to = Programmer(part.board, part)
    to.write(segments)
    assert bytes(part.cells) == wanted
    done = part.operations
    to.write(segments)
    assert part.operations == done, "a second time writes nothing"


@given(parts(), st.data())
def test_dry_run_says_the_same_and_does_nothing(part: Part, data: st.DataObject) -> None:
    first, second = (data.draw(st.composite(_segments)(part)) for _ in range(2))
    before = bytes(part.cells)
    dry, wet = (Programmer(part.board, part, dry_run=dry) for dry in (True, False))
    for segments in (first, second):
        dry.write(segments)
    assert (bytes(part.cells), part.operations) == (before, 0)
    for segments in (first, second):
        wet.write(segments)
    assert replace(dry.total, seconds=0) == replace(wet.total, seconds=0)


@given(parts(), st.data())
def test_what_was_cut_off_anywhere_is_mended_by_the_next_time(
    part: Part, data: st.DataObject
) -> None:
    segments = [
        Segment(BASE, data.draw(st.binary(min_size=len(part.cells), max_size=len(part.cells))))
    ]
    part.fails_at = data.draw(st.integers(1, 12))
    to = Programmer(part.board, part)
    try:
        to.write(segments)
    except FlashError:
        to.write(segments)
    assert bytes(part.cells) == segments[0].data


@given(parts())
def test_spoilt_byte_is_found_by_its_address(part: Part) -> None:
    data = bytes(0x55 for _ in part.cells)
    part.cells = bytearray([part.board.flash.erased_value]) * len(data)
    part.spoils = True
    with pytest.raises(VerifyError, match="read back otherwise than written, the first at 0x21"):
        Programmer(part.board, part).write([Segment(BASE, data)])


def test_what_is_only_missing_is_programmed_without_erasing() -> None:
    board = boards.load("mps2-an385")
    part = Part(board, b"\x11" * 64 + b"\xff" * (board.flash.size - 64))
    to = Programmer(board, part)
    to.write([Segment(BASE, b"\x11" * 64 + b"\x22" * 64)])
    assert (to.total.erased, to.total.programmed, to.total.blocks) == (0, 64, 1)
    to.erase([Area(offset=0, size=8192)])
    assert (to.total.erased, to.total.blocks) == (4096, 2)
    assert not bytes(part.cells).strip(b"\xff")


def test_runner_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    place = Place(board=boards.load("mps2-an385"), state=tmp_path)
    with (
        pytest.raises(UsageError, match="no runner is called 'magic'"),
        runners.connect(place, "magic"),
    ):
        pass
