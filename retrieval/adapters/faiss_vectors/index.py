"""Nearest neighbours by FAISS, filtered before ranking.

There is one store of vectors for each tenant and space; the columns beside it turn a filter and a principal into slots that pass, and
a plan (plan.py) says how the nearest of those are found: compared one by one, by short codes, or by a graph; what leaves was always
compared exactly. Vectors are rebuilt from the catalog at start, or come from a snapshot.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from retrieval.adapters.faiss_vectors import described, dumping
from retrieval.adapters.faiss_vectors.builder import Builder, give_back
from retrieval.adapters.faiss_vectors.columns import Columns
from retrieval.adapters.faiss_vectors.device import Device, Wanted, selector_works
from retrieval.adapters.faiss_vectors.plan import NOTHING, Plan, Thresholds
from retrieval.adapters.faiss_vectors.selection import Slots
from retrieval.adapters.faiss_vectors.store import Store
from retrieval.errors import BadQuery
from retrieval.locks import ReadWriteLock
from retrieval.ports import Explained, LogEntry, LogReader, Projected, Scored
from retrieval.projecting import Change, changes, last
from retrieval.types import Filter, Interval, Principal, Vector

_PIECE = 1024
# own vectors of a store that are looked for by the canary; near enough: float32 sums in another order differ by less
_PROBES, _TOLERANCE = 8, 1e-3


class FaissVectors:
    """The VectorIndex port over faiss.

    `gpu`: None uses one when there is one, False never, True insists (ValueError without one), Gpus is one of the caller's own.
    `self_test` is asked once whether flat indexes honour selectors; where they do not, candidates are gathered and compared exactly.
    `at` says from which counts on codes and graphs are used (plan.EXACT: never). `folder`: where files hold the vectors, so that memory
    holds only codes, graphs and columns; None = memory holds them.
    Vectors that are not finite, or not of their space's dimension, are left out, logged, and listed in `left_out`. Codes and graphs are
    built by a thread while searches go on; `close` ends it.
    """

    name = "vectors"

    def __init__(
        self,
        gpu: Wanted = None,
        self_test: Callable[[Any], bool] = selector_works,
        at: Thresholds | None = None,
        folder: Path | None = None,
    ) -> None:
        self._device, self._at, self._folder = Device(gpu, self_test), at or Thresholds(), folder
        self._lock = ReadWriteLock()
        self._log = structlog.get_logger(__name__)
        self._columns: dict[str, Columns] = {}
        self._stores: dict[tuple[str, str], Store] = {}
        self._dims: dict[str, int] = {}
        self._left_out: dict[tuple[int, str], str] = {}
        self._applied = 0
        self._builder = Builder(self._lock, lambda: list(self._stores.values()))
        self._device.when_lost(self._builder.wake)

    @property
    def device(self) -> str:
        """Where vectors are searched, and how filters reach them: e.g. "cpu, selectors"."""
        return self._device.told

    @property
    def storage(self) -> str:
        """Where vectors are held: "memory", or "files in …"."""
        return "memory" if self._folder is None else f"files in {self._folder}"

    @property
    def trouble(self) -> str:
        """What a GPU, or the thread that builds, cannot do at present, in words; "" where nothing is amiss."""
        return "; ".join(filter(None, (self._device.trouble, self._builder.trouble)))

    @property
    def left_out(self) -> Mapping[tuple[int, str], str]:
        """(row, space) → why its vector cannot be searched."""
        return dict(self._left_out)

    def applied(self) -> int:
        return self._applied

    def rows(self) -> set[int]:
        """Catalog rows this index knows, for reconciling."""
        with self._lock.reading():
            return set().union(*(columns.rows() for columns in self._columns.values()))

    def described(self) -> list[tuple[int, int]]:
        """(row, digest of its columns) of each row, for reconciling."""
        with self._lock.reading():
            return [told for columns in self._columns.values() for told in described.held(columns)]

    def describe(self, item: Projected) -> int:
        """The digest that the columns of this revision should have."""
        return described.wanted(item)

    def held(self) -> Iterator[tuple[int, str, int]]:
        """(row, space, CRC-32 of the little-endian float32 bytes) of each vector; of a store that changes meanwhile, as it was and is."""
        with self._lock.reading():
            names = list(self._stores)
        for tenant, space in names:
            begin = 0
            while (piece := self._told(tenant, space, begin)) is not None:
                yield from ((row, space, crc) for row, crc in piece)
                begin += _PIECE

    def spaces(self) -> Mapping[str, int]:
        with self._lock.reading():
            counts: dict[str, int] = {}
            for (_, space), store in self._stores.items():
                counts[space] = counts.get(space, 0) + len(store)
            return {space: count for space, count in counts.items() if count}

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        due = False
        for change in changes(entries, log):
            vectors = list(log.embeddings(change.ids))
            with self._lock.writing():
                self._take(change, vectors)
                due = self._builder.due
        self._applied = last(entries, self._applied)
        # a thread that wakes takes its turn from whoever woke it, for each piece that comes
        if due:
            self._builder.wake()

    def forget(self, rows: Collection[int]) -> None:
        """Drop rows, whoever's they are; unknown ones are ignored. Raises nothing."""
        with self._lock.writing():
            for tenant, columns in self._columns.items():
                self._drop(tenant, columns, {row for row in rows if columns.slot(row) is not None})
        self._builder.wake()

    def compact(self) -> None:
        """Overwrite dropped vectors now, so that their bytes are nowhere in this index, nor are names that only they had."""
        with self._lock.writing():
            for store in self._stores.values():
                store.compact()
            self._columns = {tenant: columns.tidied() for tenant, columns in self._columns.items()}
            self._device.clear()
        self._builder.wake()

    def reset(self) -> None:
        with self._lock.writing():
            self._become(dumping.Whole({}, {}, {}, {}, 0))

    def close(self) -> None:
        self._builder.close()
        self.reset()
        self._device.close()

    def settle(self, timeout_s: float = 600.0) -> bool:
        """Wait until codes and graphs are as far as they come; whether they were in time."""
        return self._builder.settle(timeout_s)

    def seen(self) -> dumping.Seen:
        """Everything held at this moment, to be written to files while the index goes on."""
        with self._lock.reading():
            whole = dumping.Whole(self._columns, self._stores, self._dims, self._left_out, self._applied)
            return dumping.seen(whole)

    def restore(self, folder: Path) -> int:
        """Become what was written there; the sequence applied. Raises ProjectionError when the files do not fit together."""
        whole = dumping.restore(folder, lambda dim: Store(dim, self._device, self._at, self._folder))
        with self._lock.writing():
            self._become(whole)
        give_back()
        self._builder.wake()
        return self._applied

    def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
        """As the port says. `query` has shape (dim,); an unknown space gives nothing."""
        return self._searched(space, query, k, filter_, principal)[0]

    def explain(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Explained:
        """As the port says."""
        start = time.perf_counter()
        found, total, how = self._searched(space, query, k, filter_, principal, standing=True)
        ms = (time.perf_counter() - start) * 1e3
        return Explained(space, total, how.passing, k, how.way.value, how.why, how.compared, found.rows.size, ms)

    def by_time(self, k: int, filter_: Filter, principal: Principal, near: Interval | None = None) -> Scored:
        """As the port says."""
        with self._lock.reading():
            columns = self._columns.get(principal.tenant)
            if columns is None or k < 1:
                return _none()
            slots = columns.by_time(columns.select(filter_, principal), near, k)
            return Scored(columns.row_numbers(slots), -np.arange(slots.size, dtype=np.float32))

    def canary(self) -> list[str]:
        """Stores that do not find their own vectors, in words; a search by a vector held must come as near as that vector itself."""
        with self._lock.reading():
            return [
                f"space {space} of tenant {tenant}: {why}"
                for (tenant, space), store in self._stores.items()
                for why in store.canary(_PROBES, _TOLERANCE)
            ]

    def _searched(
        self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal, standing: bool = False
    ) -> tuple[Scored, int, Plan]:
        """`standing`: only among what has not ended."""
        asked = np.asarray(query, np.float32)
        if asked.ndim != 1 or not np.isfinite(asked).all():
            raise BadQuery("the query vector must be one row of finite numbers")
        with self._lock.reading():
            store = self._stores.get((principal.tenant, space))
            self._check_dim(space, asked.size)
            if store is None or k < 1:
                return _none(), 0 if store is None else len(store), NOTHING
            columns = self._columns[principal.tenant]
            passing = columns.select(filter_, principal)
            if standing and filter_.as_of is not None:
                passing = columns.standing(passing)
            (slots, scores), how = store.search(asked, k, passing)
            return Scored(columns.row_numbers(slots), scores), len(store), how

    def _told(self, tenant: str, space: str, begin: int) -> list[tuple[int, int]] | None:
        """(row, CRC-32) of the live vectors among the next positions; None past the end."""
        with self._lock.reading():
            store = self._stores.get((tenant, space))
            if store is None or begin >= store.places.size:
                return None
            slots = store.places.slot[begin : begin + _PIECE]
            live = np.flatnonzero(slots >= 0)
            rows = self._columns[tenant].row_numbers(slots[live].astype(np.int64)).tolist()
            vectors = store.floats.rows[begin + live].astype("<f4")
        return [(row, zlib.crc32(vector.tobytes())) for row, vector in zip(rows, vectors, strict=True)]

    def _check_dim(self, space: str, size: int) -> None:
        dim = self._dims.get(space, size)
        if dim != size:
            raise BadQuery(f"space {space} has {dim} dimensions, the query {size}")

    def _become(self, whole: dumping.Whole) -> None:
        for store in self._stores.values():
            store.close()
        self._columns, self._stores = whole.columns, whole.stores
        self._dims, self._left_out, self._applied = whole.dims, whole.left_out, whole.applied

    def _take(self, change: Change, vectors: Sequence[tuple[int, str, Vector]]) -> None:
        columns = self._columns.get(change.tenant)
        if columns is None:
            columns = self._columns[change.tenant] = Columns()
        present = {item.row for item in change.present}
        held = set().union(*(columns.rows_of(id_) for id_ in change.ids))
        self._drop(change.tenant, columns, held - present)
        columns.put(change.present)
        self._left_out = {key: why for key, why in self._left_out.items() if key[0] not in present}
        usable = [each for each in vectors if each[0] in present and self._usable(*each)]
        self._put(change.tenant, dict(zip(present, _slots(columns, present).tolist(), strict=True)), usable)
        if columns.overgrown:
            self._columns[change.tenant] = columns.tidied()

    def _put(self, tenant: str, slots: Mapping[int, int], vectors: Sequence[tuple[int, str, Vector]]) -> None:
        """Give these slots, by row, these vectors, and no others in any space."""
        by_space: dict[str, list[tuple[int, Vector]]] = {}
        for row, space, vector in vectors:
            by_space.setdefault(space, []).append((slots[row], vector))
        for (owner, space), store in self._stores.items():
            if owner == tenant:
                store.forget(_ascending({*slots.values()} - {slot for slot, _ in by_space.get(space, ())}))
        for space, given in by_space.items():
            stacked = np.stack([vector for _, vector in given]).astype(np.float32)
            self._store(tenant, space).put(np.array([slot for slot, _ in given], np.int64), stacked)

    def _drop(self, tenant: str, columns: Columns, rows: set[int]) -> None:
        if not rows:
            return
        slots = np.sort(_slots(columns, rows))
        for (owner, _), store in self._stores.items():
            if owner == tenant:
                store.forget(slots)
        for row in rows:
            columns.drop(row)
        self._left_out = {key: why for key, why in self._left_out.items() if key[0] not in rows}

    def _usable(self, row: int, space: str, vector: Vector) -> bool:
        why = ""
        if vector.ndim != 1 or not np.isfinite(vector).all():
            why = "not finite"
        elif vector.size != self._dims.setdefault(space, vector.size):
            why = f"{vector.size} dimensions where the space has {self._dims[space]}"
        if why:
            self._left_out[row, space] = why
            self._log.warning("vector left out", row=row, space=space, why=why)
        return not why

    def _store(self, tenant: str, space: str) -> Store:
        key = (tenant, space)
        if key not in self._stores:
            self._stores[key] = Store(self._dims[space], self._device, self._at, self._folder)
        return self._stores[key]


def _slots(columns: Columns, rows: Collection[int]) -> Slots:
    """Of rows that are held, in their order."""
    return np.array([columns.slot(row) for row in rows], np.int64)


def _ascending(slots: Collection[int]) -> Slots:
    return np.array(sorted(slots), np.int64)


def _none() -> Scored:
    return Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
