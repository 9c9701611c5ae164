"""Reading sources before their turn comes: each in its own thread, a few batches ahead, while the one before is being committed.

Decoders run in processes of their own; the thread only waits for them, and for the detectors, which take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from queue import Empty, Full, Queue
from typing import Final

from ingest.ports import Batch

_WAITING: Final = 2
_TICK_S = 0.1


class ReadAhead:
    """The batches of one source, read in a thread from the moment this is made. To be consumed once, or closed.

    What the reading raises is raised where the batches are taken, after those that came before it.
    """

    def __init__(self, read: Callable[[], Iterator[Batch]]) -> None:
        self._read = read
        self._queue: Queue[Batch | BaseException | None] = Queue(_WAITING)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Batch]:
        while (came := self._queue.get()) is not None:
            if isinstance(came, BaseException):
                raise came
            yield came

    def close(self) -> None:
        """Stop reading; returns when the decoder has ended."""
        self._stopped.set()
        while self._thread.is_alive():
            self._drain()
            self._thread.join(_TICK_S)
        self._drain()

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            self._forward()
        except BaseException as problem:  # noqa: BLE001 - the edge of the thread: raised again where the batches are taken
            last = problem
        self._put(last)

    def _forward(self) -> None:
        batches = self._read()
        with closing(batches):  # type: ignore[type-var]  # readers are generators: closing one ends its decoder
            for batch in batches:
                if not self._put(batch):
                    return

    def _put(self, thing: Batch | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(thing, timeout=_TICK_S)
            except Full:
                continue
            return True
        return False

    def _drain(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            return


def with_last(batches: Iterable[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Each batch with whether it is the last; a reader that yields none gives one empty last batch."""
    waiting: Batch | None = None
    for batch in batches:
        if waiting is not None:
            yield waiting, False
        waiting = batch
    yield waiting if waiting is not None else Batch(), True
