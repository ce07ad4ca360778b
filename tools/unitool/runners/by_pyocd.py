# SPDX-License-Identifier: Apache-2.0
"""Arm boards behind a debug probe, emulated or real: flash algorithms on their own core."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

from unitool import output, powered
from unitool.errors import (
    BoardRunsError,
    FlashError,
    LostConnectionError,
    NoProbeError,
    SeveralProbesError,
    UsageError,
)
from unitool.runners.runner import Block, Place, Progress, Segment
from unitool.state import State

if TYPE_CHECKING:
    from pyocd.core.session import Session
    from pyocd.probe.debug_probe import DebugProbe


def make(place: Place) -> PyocdRunner:
    """Return the runner for a place. UsageError if pyOCD cannot reach such a board."""
    if place.gdb is not None:
        raise UsageError("the runner 'pyocd' takes no --gdb", "--runner gdb does")
    if not place.board.arch.startswith("arm"):
        raise UsageError(
            f"pyOCD reaches Arm boards only; {place.board.name} is {place.board.arch}",
            "leave --runner out, or choose another",
        )
    return PyocdRunner(place)


class PyocdRunner:
    """One session of pyOCD's."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._session: Session | None = None
        self._prepared = False

    def open(self) -> None:
        """Connect, without stopping the core."""
        _Log.install()
        from pyocd.core.session import Session

        from unitool.probe import targets

        with _told(self._place):
            options = {
                "target_override": targets.register(self._place.board),
                "connect_mode": "attach",
                "resume_on_disconnect": False,
                "no_config": True,  # what a pyocd.yaml nearby wants is for other tools
            }
            session = Session(_choose(self._place), options=options)
            try:
                session.open()
            except BaseException:
                session.close()
                raise
        self._session = session

    def close(self) -> None:
        """Let go. A core that was written to and not reset stays halted."""
        session, self._session = self._session, None
        if session is not None:
            with _told(self._place):
                session.close()

    def read(self, address: int, size: int) -> bytes:
        """Return what the CPU would see."""
        with _told(self._place):
            # Past pyOCD's breakpoints: there are none, and it looks for them at every byte.
            return bytes(self._target.selected_core.ap.read_memory_block8(address, size))

    def erase(self, blocks: Sequence[Block], done: Progress) -> None:
        """Erase whole blocks."""
        with _told(self._place):
            for flash, group in self._by_flash(blocks):
                flash.init(flash.Operation.ERASE)
                for block in group:
                    flash.erase_sector(block.address)
                    done(block.size)
                flash.uninit()

    def program(self, segments: Sequence[Segment], done: Progress) -> None:
        """Program whole units that are erased."""
        with _told(self._place):
            for flash, group in self._by_flash(segments):
                flash.init(flash.Operation.PROGRAM)
                self._program(flash, [p for s in group for p in self._pages(flash, s)], done)
                flash.uninit()

    def reset(self) -> bool:
        """Let the board start anew."""
        with _told(self._place):
            self._cleanup()
            self._target.reset()
        return True

    # -- how

    @property
    def _target(self) -> Any:
        assert self._session is not None
        return self._session.target

    def _by_flash(self, pieces: Sequence[Any]) -> Iterator[tuple[Any, list[Any]]]:
        """Yield pieces that follow each other in one flash, with that flash; the core is halted."""
        if not self._prepared:
            self._target.reset_and_halt()  # nothing that ran, a watchdog least of all, interferes
            self._prepared = True
        flash: Any = None
        group: list[Any] = []
        for piece in pieces:
            found = self._flash_at(piece.address)
            if group and found is not flash:
                yield flash, group
                group = []
            flash = found
            group.append(piece)
        if group:
            yield flash, group

    def _flash_at(self, address: int) -> Any:
        region = self._target.memory_map.get_region_for_address(address)
        if region is None or not region.is_flash or region.flash is None:
            raise FlashError(
                f"{address:#x} of {self._place.board.name} is no flash that a probe can write",
                "what is loaded at power-on is written while the board is off: unitool emulate "
                f"-b {self._place.board.name} --off, then --runner file",
            )
        return region.flash

    def _pages(self, flash: Any, segment: Segment) -> Iterator[Segment]:
        """Split at pages; what an algorithm takes in whole pages only is filled up."""
        at = segment.address
        end = at + len(segment.data)
        unit = min(self._unit(flash, at), flash.get_page_info(at).size)
        erased = flash.region.erased_byte_value
        while at < end:
            page = flash.get_page_info(at)
            stop = min(end, page.base_addr + page.size)
            data = segment.data[at - segment.address : stop - segment.address]
            before, behind = at % unit, -stop % unit
            yield Segment(at - before, bytes([erased]) * before + data + bytes([erased]) * behind)
            at = stop

    def _unit(self, flash: Any, address: int) -> int:
        """Return what the algorithm programs at least: of ours the board's unit."""
        if self._place.board.pyocd_target is None:
            return self._place.board.flash.program_bytes
        return int(flash.minimum_program_length)

    def _program(self, flash: Any, pieces: Sequence[Segment], done: Progress) -> None:
        """Fill one buffer while the core programs from the other."""
        timeout_s = self._target.session.options.get("flash.timeout.program")
        busy: Segment | None = None
        for buffer, piece in zip(cycle(flash.page_buffers), pieces, strict=False):
            if busy is not None and len(flash.page_buffers) == 1:
                self._finish(flash, busy, timeout_s, done)
                busy = None
            self._target.write_memory_block8(buffer, piece.data)
            if busy is not None:
                self._finish(flash, busy, timeout_s, done)
            start = flash.flash_algo["pc_program_page"]
            flash._call_function(start, piece.address, len(piece.data), buffer)
            busy = piece
        if busy is not None:
            self._finish(flash, busy, timeout_s, done)

    def _finish(self, flash: Any, piece: Segment, timeout_s: float, done: Progress) -> None:
        code = flash.wait_for_completion(timeout=timeout_s)
        if code:
            raise FlashError(
                f"programming {len(piece.data):,} bytes at {piece.address:#x} failed with {code}",
                "flash again; if it happens again, look at the board's flash driver and supply",
            )
        done(len(piece.data))

    def _cleanup(self) -> None:
        for region in self._target.memory_map:
            if region.is_flash and region.flash is not None:
                region.flash.cleanup()


def _choose(place: Place) -> DebugProbe:
    """Return the probe that is meant."""
    from pyocd.probe.aggregator import DebugProbeAggregator

    board, name = place.board, place.probe
    if name is None and board.emulator is not None and State.is_held(place.state):
        name = powered.uid(board.name, place.state)
        if all(entry.uid != name for entry in powered.boards()):
            raise BoardRunsError(
                f"the {board.name} in {place.state} is running without a debug probe",
                f"leave that run, then unitool emulate -b {board.name}",
            )
    probes = DebugProbeAggregator.get_all_connected_probes(name)
    if name is None:
        emulated = {entry.uid for entry in powered.boards()}
        probes = [probe for probe in probes if probe.unique_id not in emulated]
    if not probes:
        what = "no debug probe is connected" if name is None else f"no debug probe is called {name}"
        raise NoProbeError(what, "plug one in, or unitool emulate; unitool devices lists them")
    if len(probes) > 1:
        names = ", ".join(probe.unique_id for probe in probes)
        raise SeveralProbesError(f"several debug probes: {names}", "choose one with --probe")
    return probes[0]


@contextmanager
def _told(place: Place) -> Iterator[None]:
    """Turn pyOCD's errors into ours."""
    from pyocd.core import exceptions

    try:
        yield
    except exceptions.ProbeDisconnected as error:
        raise LostConnectionError(
            f"the debug probe of {place.board.name} is lost: {error}",
            "see that the board is on (unitool devices); flashing again mends what is half written",
        ) from None
    except exceptions.ProbeError as error:
        raise FlashError(str(error), "end what uses the probe, or plug it in anew") from None
    except exceptions.FlashFailure as error:
        raise FlashError(
            f"{place.board.name}: {error}",
            "flash again; if it happens again, the flash is protected, worn, or its driver wrong",
        ) from None
    except exceptions.Error as error:
        raise FlashError(
            f"{place.board.name}: {error}", "unitool flash -v shows what pyOCD says about it"
        ) from None


class _Log(logging.Handler):
    """What pyOCD logs is for those who ask for details; what matters comes as an error."""

    def emit(self, record: logging.LogRecord) -> None:
        output.detail(f"pyocd: {record.getMessage()}")

    @classmethod
    def install(cls) -> None:
        logger = logging.getLogger("pyocd")
        if not any(isinstance(handler, cls) for handler in logger.handlers):
            logger.addHandler(cls())
            logger.propagate = False
