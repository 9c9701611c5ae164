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
from retrieval.adapters.faiss_vectors.plan import LEAST_BY_GRAPH, broad
from retrieval.adapters.faiss_vectors.store import JUDGE_AGAIN, Store
from retrieval.locks import ReadWriteLock
from retrieval.types import Vector

# rows copied at once: a millisecond, and so little memory (1.5 MB at 384 dimensions) that what a thread keeps of it does not weigh
_PIECE = 1024
_SAMPLE = 4096
# vectors that codes are judged by (they have one), and the share of their ten nearest that must be found: by a graph at one of the
# breadths, by codes among the best that are compared exactly, as multiples of plan.broad
_JUDGES, _NEAREST, _ENOUGH, _ENOUGH_BY_CODE = 64, 10, 0.98, 0.99
# a graph is judged at so many stops of its building, by so many vectors each
_STOPS, _AT_ONCE = 16, 8
_BREADTHS, _REACHES = (64, 128, 256), (1, 3, 12, 48)
# inner products of unit vectors that differ by less are the same number summed up in another order
_SAME = 5e-7


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

    @property
    def due(self) -> bool:
        """Whether there is something to do, or to be tried again; asked under the lock."""
        return bool(self.trouble) or any(self._step(store) for store in self._stores())

    def wake(self) -> None:
        """There may be something to do."""
        with self._turn:
            if self._ended:
                return
            self._asked = True
            if self._thread is None or not self._thread.is_alive():
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
                self.trouble = self._round()
            except Exception as error:  # noqa: BLE001 - the thread's edge: it is told, and the next work begun
                self.trouble = self._failed(error)
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()

    def _next(self) -> bool:
        with self._turn:
            self._turn.wait_for(lambda: self._asked or self._ended)
            self._asked, self._busy = False, not self._ended
            return self._busy

    def _round(self) -> str:
        """Until no store needs anything; what could not be built, in words. A store that fails is left till the next round."""
        failed: dict[int, str] = {}
        while not self._ended:
            with self._lock.reading():
                steps = [(store, self._step(store)) for store in self._stores() if id(store) not in failed]
            needy = [(store, step) for store, step in steps if step is not None]
            if not needy:
                break
            for store, step in needy:
                if why := self._tried(store, step):
                    failed[id(store)] = why
                give_back()
        return "; ".join(dict.fromkeys(failed.values()))

    def _tried(self, store: Store, step: Callable[[_Work], None]) -> str:
        """Take this step; why it failed, "" where it did not, or is void."""
        try:
            step(_Work(store, self._lock, lambda: self._ended))
        except _Stopped:
            return ""
        except Exception as error:  # noqa: BLE001 - the edge of the work on one store: the others do not wait for it
            return self._failed(error)
        return ""

    def _failed(self, error: Exception) -> str:
        # a MemoryError says nothing more than its name
        why = str(error) or type(error).__name__
        self._log.warning("vectors are searched without what could not be built", why=why, exc_info=error)
        return f"codes or graph could not be built, searches compare more than they need to: {why}"

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

    def sampled(self, total: int, most: int) -> Positions:
        """At most so many live positions of the first `total`, evenly spread."""
        with self.lock.reading():
            self.check()
            alive = np.flatnonzero(self.store.places.slot[:total] >= 0)
        return alive[_spread(alive.size, most)]

    def hits(self, query: Vector, seen: Positions, least: float, k: int) -> int:
        """How many of these are among the k nearest, of which `least` is the last one's inner product: any of equal ones will do."""
        return min(k, int(np.count_nonzero(self.copied(seen) @ query >= least - _SAME)))

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
    try:
        fresh.reserve(kept.size)
        for rows in work.pieces(kept):
            fresh.add(rows)
        with work.lock.writing():
            work.check()
            store.move(kept, fresh)
    # even where the process is ending: the file has no name by which it could be found again
    except BaseException:
        if store.floats is not fresh:
            fresh.close()
        raise


def _encode(work: _Work) -> None:
    """Codes for all that have none; new ones for all, about a new centre, once there are many more than it was taken from.

    New ones are judged before they are used, and again whenever they have grown by a quarter.
    """
    store, codes = work.store, work.store.codes
    if codes is None or store.recentre:
        _encode_anew(work)
        return
    for rows in work.pieces(np.arange(len(codes), store.places.size)):
        more = codes.encode(rows)
        with work.lock.writing():
            work.check()
            codes.add(more)
    if store.unjudged:
        reach = _reach(work, codes)
        with work.lock.writing():
            work.check()
            store.reaching(reach)


def _encode_anew(work: _Work) -> None:
    codes = Codes(_centre(work))
    for rows in work.pieces(np.arange(work.store.places.size)):
        codes.add(codes.encode(rows))
    reach = _reach(work, codes)
    with work.lock.writing():
        work.check()
        work.store.coded_by(codes, reach)


def _reach(work: _Work, codes: Codes) -> int:
    """The least multiple of plan.broad that are to be compared exactly of the best by code; 0 = not even the greatest is enough."""
    judges, nearest = work.sampled(len(codes), _JUDGES), min(_NEAREST + 1, len(codes))
    if not judges.size:
        return _REACHES[0]
    queries = work.copied(judges)
    right = _nearest(work, queries, len(codes), nearest)[:, -1]
    for reach in _REACHES:
        wanted, found = reach * broad(_NEAREST), 0
        for query, least in zip(queries, right, strict=True):
            # each finds itself, which proves nothing
            found += work.hits(query, codes.search(query, wanted, None), least, nearest) - 1
        if wanted >= len(codes) or found >= _ENOUGH_BY_CODE * judges.size * (nearest - 1):
            return reach
    return 0


def _link(work: _Work) -> None:
    """A graph of all that have codes; one that grew by a quarter is judged anew."""
    store, codes = work.store, work.store.codes
    if codes is None:
        return
    before, total = store.graph, len(codes)
    building = Building(store.dim, work.copied(_spread(total, _SAMPLE)), before)
    linked = 0 if before is None else len(before)
    for rows in work.pieces(np.arange(linked)):
        building.copy(rows)
    if before is None or total > JUDGE_AGAIN * before.judged_at:
        breadth, judged_at = _grow_judged(work, building, codes, linked), total
    else:
        breadth, judged_at = before.breadth, before.judged_at
        _grow(work, building, np.arange(linked, total))
    with work.lock.writing():
        work.check()
        store.linked_by(building.done(breadth, judged_at))


def _grow(work: _Work, building: Building, positions: Positions) -> None:
    for rows in work.pieces(positions):
        for _ in building.add(rows):
            work.check()


def _grow_judged(work: _Work, building: Building, codes: Codes, linked: int) -> int:
    """Link all that have codes; the least breadth at which the graph finds enough of the nearest of vectors that are not in it, 0 = none
    does.

    It stops on the way and tries those that come next: the last to come alone would judge all by one burst of alarms, or by one
    document that is like no other.
    """
    total, judged, found = len(codes), 0, dict.fromkeys(_BREADTHS, 0)
    for stop in _stops(linked, total):
        _grow(work, building, np.arange(linked, stop))
        linked = stop
        queries, nearest = work.copied(np.arange(stop, min(stop + _AT_ONCE, total))), min(_NEAREST, stop)
        judged += len(queries) * nearest
        for breadth, hits in _found(work, building.so_far(codes), queries, nearest).items():
            found[breadth] += hits
    _grow(work, building, np.arange(linked, total))
    return next((breadth for breadth in _BREADTHS if found[breadth] >= _ENOUGH * judged), 0)


def _found(work: _Work, graph: Graph, queries: Vector, nearest: int) -> dict[int, int]:
    """By breadth, how many of the nearest of these queries the graph finds."""
    right = list(zip(queries, _nearest(work, queries, len(graph), nearest)[:, -1], strict=True))
    return {
        breadth: sum(
            work.hits(query, graph.search(query, LEAST_BY_GRAPH, breadth), least, nearest) for query, least in right
        )
        for breadth in _BREADTHS
    }


def _stops(linked: int, total: int) -> list[int]:
    """In the middle of each of equal parts of what is still to be linked, when nearly all is: a small graph finds more than the same one
    grown large."""
    first = max(linked, total - total // 8)
    middles = first + (np.arange(_STOPS) + 0.5) * (total - first) / _STOPS
    return [stop for stop in np.unique(middles.astype(np.int64)).tolist() if stop]


def _nearest(work: _Work, queries: Vector, total: int, k: int) -> Vector:
    """The k greatest inner products with positions 0 … total - 1 by comparing all, greatest first, shape (queries, k)."""
    best: Vector = np.zeros((len(queries), 0), np.float32)
    for rows in work.pieces(np.arange(total)):
        best = np.concatenate([best, queries @ rows.T], axis=1)
        best = -np.sort(-best, axis=1)[:, :k]
    return best


def _centre(work: _Work) -> Vector:
    """The mean of what lives; where nothing does, nothing is searched."""
    sample = work.copied(work.sampled(work.store.places.size, _SAMPLE))
    centre: Vector = sample.mean(axis=0) if len(sample) else np.zeros(work.store.dim, np.float32)
    return centre


def _spread(total: int, most: int) -> Positions:
    """At most so many of the numbers below `total`, evenly spread."""
    return np.unique(np.linspace(0, total - 1, min(total, most)).astype(np.int64))
