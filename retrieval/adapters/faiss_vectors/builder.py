"""A thread that brings codes and graphs up to their vectors, and gives back the room of dead ones, while searches go on.

It copies rows under the readers' lock, a piece at a time, works on the copies without it, and takes the writers' lock only to put the
result in place.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import structlog

from retrieval.adapters.faiss_vectors.codes import Codes
from retrieval.adapters.faiss_vectors.floats import Positions
from retrieval.adapters.faiss_vectors.graph import Building, Graph
from retrieval.adapters.faiss_vectors.library import library
from retrieval.adapters.faiss_vectors.store import Store
from retrieval.errors import ProjectionError
from retrieval.locks import ReadWriteLock
from retrieval.types import Vector

# rows copied at once: a millisecond, and so little memory (1.5 MB at 384 dimensions) that what a thread keeps of it does not weigh
_PIECE = 1024
_SAMPLE = 4096
# held-out vectors that a new graph is judged by, and the share of their ten nearest it must find at one of the breadths
_JUDGES, _NEAREST, _ENOUGH = 64, 10, 0.98
_BREADTHS = (64, 128, 256)
_JUDGE_AGAIN = 1.25
_LOOSE = 64  # of the best by graph that are compared exactly when it is judged


class _Stopped(Exception):
    """The work has become void: the store's positions have moved, or all is ending."""


class Builder:
    """One for all stores of an index; `stores` is called under the readers' lock.

    Its thread begins with the first work and ends by `close`. What could not be built is in `trouble`, "" while nothing is amiss; it is
    tried again when next there is something to do.
    """

    def __init__(self, lock: ReadWriteLock, stores: Callable[[], Sequence[Store]]) -> None:
        self._lock, self._stores = lock, stores
        self._turn = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asked = self._busy = self._ended = False
        self.trouble = ""
        self._log = structlog.get_logger(__name__)

    def wake(self) -> None:
        """There may be something to do."""
        with self._turn:
            if self._ended:
                return
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)
                self._thread.start()
            self._turn.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do; whether that was so in time."""
        with self._turn:
            return self._turn.wait_for(lambda: self._ended or not (self._asked or self._busy), timeout_s)

    def close(self) -> None:
        """End the thread at its next step, and wait for it."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        # searches keep the other processors
        library().omp_set_num_threads(max(1, (os.cpu_count() or 1) - 1))
        while self._next():
            try:
                self._round()
                self.trouble = ""
            except _Stopped:
                pass
            # MemoryError and RuntimeError are how numpy and faiss say that there is no room
            except (ProjectionError, MemoryError, RuntimeError) as error:
                self.trouble = f"codes or graph could not be built, searches compare more than they need to: {error}"
                self._log.warning("vectors are searched without what could not be built", why=str(error))
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()

    def _next(self) -> bool:
        with self._turn:
            self._turn.wait_for(lambda: self._asked or self._ended)
            self._asked, self._busy = False, not self._ended
            return self._busy

    def _round(self) -> None:
        """Until no store needs anything."""
        while True:
            with self._lock.reading():
                needy = [(store, step) for store in self._stores() if (step := self._step(store)) is not None]
            if not needy:
                return
            for store, step in needy:
                step(_Work(store, self._lock, lambda: self._ended))
                give_back()

    def _step(self, store: Store) -> Callable[[_Work], None] | None:
        if store.wasteful:
            return _compact
        if store.uncoded:
            return _encode
        return _link if store.unlinked else None


class _Work:
    """A store as it was when the work on it began; raises _Stopped once that has no future."""

    def __init__(self, store: Store, lock: ReadWriteLock, ended: Callable[[], bool]) -> None:
        self.store, self.lock = store, lock
        self._generation, self._ended = store.generation, ended

    def check(self) -> None:
        if self._ended() or self.store.generation != self._generation:
            raise _Stopped

    def copied(self, positions: Positions) -> Vector:
        """Copies of these rows."""
        with self.lock.reading():
            self.check()
            rows: Vector = self.store.floats.rows[positions]
            return rows

    def pieces(self, positions: Positions) -> Iterator[Vector]:
        """The same, some rows at a time."""
        for start in range(0, positions.size, _PIECE):
            yield self.copied(positions[start : start + _PIECE])


def give_back() -> None:
    """Return freed memory to the system: the C library would keep 70 MB of what a graph of 200,000 took while it was built."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    # glibc alone has it
    if trim is not None:
        trim(0)


def _compact(work: _Work) -> None:
    """Copy what lives, then let it take the old rows' place."""
    store = work.store
    with work.lock.reading():
        work.check()
        kept, fresh = store.places.alive(), store.empty()
    fresh.reserve(kept.size)
    for rows in work.pieces(kept):
        fresh.add(rows)
    with work.lock.writing():
        work.check()
        store.move(kept, fresh)


def _encode(work: _Work) -> None:
    """Codes for all that have none; new ones for all, about a new centre, once there are many more than it was taken from."""
    store = work.store
    codes = store.codes
    if codes is None or store.recentre:
        codes = Codes(_centre(work))
        for rows in work.pieces(np.arange(store.places.size)):
            codes.add(codes.encode(rows))
        with work.lock.writing():
            work.check()
            store.coded_by(codes)
    for rows in work.pieces(np.arange(len(codes), store.places.size)):
        more = codes.encode(rows)
        with work.lock.writing():
            work.check()
            codes.add(more)


def _link(work: _Work) -> None:
    """A graph of all that have codes; one that grew by a quarter is judged anew."""
    store, codes = work.store, work.store.codes
    if codes is None:
        return
    before, total = store.graph, len(codes)
    building = Building(store.dim, work.copied(_sampled(total)), before)
    linked = 0 if before is None else len(before)
    for rows in work.pieces(np.arange(linked)):
        building.copy(rows)
    if before is None or total > _JUDGE_AGAIN * before.judged_at:
        judges = np.arange(max(linked, total - min(_JUDGES, total // 4)), total)
        _grow(work, building, np.arange(linked, total - judges.size))
        breadth, judged_at = _judged(work, building.so_far(codes), judges), total
        linked = total - judges.size
    else:
        breadth, judged_at = before.breadth, before.judged_at
    if breadth:
        _grow(work, building, np.arange(linked, total))
    with work.lock.writing():
        work.check()
        store.linked_by(building.done(breadth, judged_at))


def _grow(work: _Work, building: Building, positions: Positions) -> None:
    for rows in work.pieces(positions):
        for _ in building.add(rows):
            work.check()


def _judged(work: _Work, graph: Graph, judges: Positions) -> int:
    """The least breadth at which the graph finds enough of the nearest of vectors that are not in it; 0 = none does."""
    if not judges.size:
        return _BREADTHS[0]
    queries = work.copied(judges)
    right = _nearest(work, queries, len(graph))
    for breadth in _BREADTHS:
        found = 0
        for query, near in zip(queries, right, strict=True):
            seen = graph.search(query, _LOOSE, breadth)
            best = seen[np.argsort(-(work.copied(seen) @ query))[:_NEAREST]]
            found += np.intersect1d(best, near).size
        if found >= _ENOUGH * right.size:
            return breadth
    return 0


def _nearest(work: _Work, queries: Vector, total: int) -> Positions:
    """The nearest of positions 0 … total - 1 by comparing all, shape (queries, 10)."""
    best = np.zeros((len(queries), 0), np.float32)
    at = np.zeros((len(queries), 0), np.int64)
    begin = 0
    for rows in work.pieces(np.arange(total)):
        best = np.concatenate([best, queries @ rows.T], axis=1)
        at = np.concatenate(
            [at, np.broadcast_to(np.arange(begin, begin + len(rows)), (len(queries), len(rows)))], axis=1
        )
        kept = np.argsort(-best, axis=1)[:, :_NEAREST]
        best, at = np.take_along_axis(best, kept, 1), np.take_along_axis(at, kept, 1)
        begin += len(rows)
    return at


def _centre(work: _Work) -> Vector:
    with work.lock.reading():
        total = work.store.places.size
    centre: Vector = work.copied(_sampled(total)).mean(axis=0)
    return centre


def _sampled(total: int) -> Positions:
    """At most 4,096 positions, evenly spread."""
    return np.unique(np.linspace(0, total - 1, min(total, _SAMPLE)).astype(np.int64))
