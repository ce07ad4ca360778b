# SPDX-License-Identifier: Apache-2.0
"""One thread that writes: what arrives while a commit is under way shares the next one."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

log = logging.getLogger("ota_server")

W = TypeVar("W")


class WriteError(Exception):
    """The database did not take a write; nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[W]):
    what: W
    epoch: int
    future: asyncio.Future[object]


class Writer(Generic[W]):
    """Hands batches to `commit`, which stores all of a batch or raises.

    After a failure, what had been submitted until `resume` fails too: it was decided on facts
    that were not stored.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[W]], Sequence[object]],
        on_failure: Callable[[], None],
    ) -> None:
        """Start the thread; from within the loop. `on_failure` reloads, and calls `resume`."""
        self._loop = asyncio.get_running_loop()
        self._commit = commit
        self._on_failure = on_failure
        self._jobs: queue.SimpleQueue[_Job[W] | None] = queue.SimpleQueue()
        self._epoch = 1
        self._failed_epoch = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, what: W) -> asyncio.Future[object]:
        """Queue a write; the future is set after the commit that holds it."""
        future: asyncio.Future[object] = self._loop.create_future()
        future.add_done_callback(_retrieved)
        self._jobs.put(_Job(what, self._epoch, future))
        return future

    def resume(self) -> None:
        """Take writes again."""
        self._epoch += 1

    async def close(self) -> None:
        """Write what is queued, then end the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        open_ = True
        while open_:
            jobs = [self._jobs.get()]
            while not self._jobs.empty():
                jobs.append(self._jobs.get())
            open_ = None not in jobs
            self._write([job for job in jobs if job is not None])

    def _write(self, jobs: list[_Job[W]]) -> None:
        stale = [job for job in jobs if job.epoch <= self._failed_epoch]
        fresh = [job for job in jobs if job.epoch > self._failed_epoch]
        results: Sequence[object] = ()
        failed = False
        try:
            if fresh:
                results = self._commit([job.what for job in fresh])
        except Exception:
            log.exception("the database refused a write")
            self._failed_epoch = fresh[0].epoch
            stale, fresh, failed = [*stale, *fresh], [], True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, fresh, results, stale, failed)

    def _finish(
        self, done: list[_Job[W]], results: Sequence[object], lost: list[_Job[W]], failed: bool
    ) -> None:
        for job, result in zip(done, results, strict=True):
            if not job.future.done():
                job.future.set_result(result)
        for job in lost:
            if not job.future.done():
                job.future.set_exception(WriteError())
        if failed:
            self._on_failure()


def _retrieved(future: asyncio.Future[object]) -> None:
    """Not everybody waits for a write; the log has its failure."""
    if not future.cancelled():
        future.exception()
