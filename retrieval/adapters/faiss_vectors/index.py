"""Nearest neighbours over flat FAISS storage, filtered before ranking.

Vectors live in memory and are rebuilt from the catalog at start. There is one flat inner-product store for each tenant and
space; the columns beside it turn a filter and a principal into candidate positions, and only those are compared. The result is
exact, except where more than 40,000 pass on a CPU: then those in the likeliest cells are compared (cells.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import structlog

from retrieval.adapters.faiss_vectors.columns import Columns
from retrieval.adapters.faiss_vectors.device import Device, selector_works
from retrieval.adapters.faiss_vectors.store import ENOUGH, EXACT, Store
from retrieval.errors import BadQuery
from retrieval.locks import ReadWriteLock
from retrieval.ports import LogEntry, LogReader, Scored
from retrieval.projecting import Change, changes, last
from retrieval.types import Filter, Interval, Principal, Vector


class FaissVectors:
    """The VectorIndex port over faiss.

    `gpu`: None uses one when there is one, False never, True insists (ValueError without one). `self_test` is asked once
    whether the device's flat index honours selectors; where it does not, candidates are gathered and compared exactly. Up to `exact`
    candidates are all compared, of more at least `enough`.
    Vectors that are not finite, or not of their space's dimension, are left out, logged, and listed in `left_out`.
    """

    name = "vectors"

    def __init__(
        self,
        gpu: bool | None = None,
        self_test: Callable[[Any], bool] = selector_works,
        exact: int = EXACT,
        enough: int = ENOUGH,
    ) -> None:
        self._device, self._exact, self._enough = Device(gpu, self_test), exact, enough
        self._lock = ReadWriteLock()
        self._log = structlog.get_logger(__name__)
        self._applied = 0
        self._forget_all()

    @property
    def device(self) -> str:
        """Where vectors are searched, and how filters reach them: e.g. "cpu, selectors"."""
        return f"{'gpu' if self._device.gpu else 'cpu'}, {'selectors' if self._device.selects else 'gathered'}"

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

    def spaces(self) -> Mapping[str, int]:
        with self._lock.reading():
            counts: dict[str, int] = {}
            for (_, space), store in self._stores.items():
                counts[space] = counts.get(space, 0) + len(store)
            return {space: count for space, count in counts.items() if count}

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for change in changes(entries, log):
            vectors = list(log.embeddings(change.ids))
            with self._lock.writing():
                self._take(change, vectors)
        self._applied = last(entries, self._applied)

    def reset(self) -> None:
        with self._lock.writing():
            self._forget_all()

    def close(self) -> None:
        self.reset()

    def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
        """As the port says. `query` has shape (dim,); an unknown space gives nothing."""
        asked = np.asarray(query, np.float32)
        if asked.ndim != 1 or not np.isfinite(asked).all():
            raise BadQuery("the query vector must be one row of finite numbers")
        with self._lock.reading():
            store = self._stores.get((principal.tenant, space))
            self._check_dim(space, asked.size)
            if store is None or k < 1:
                return Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
            columns = self._columns[principal.tenant]
            slots, scores = store.search(asked, k, columns.select(filter_, principal))
            return Scored(columns.row_numbers(slots), scores)

    def by_time(self, k: int, filter_: Filter, principal: Principal, near: Interval | None = None) -> Scored:
        """As the port says."""
        with self._lock.reading():
            columns = self._columns.get(principal.tenant)
            if columns is None or k < 1:
                return Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
            slots = columns.by_time(columns.select(filter_, principal), near, k)
            return Scored(columns.row_numbers(slots), -np.arange(slots.size, dtype=np.float32))

    def _check_dim(self, space: str, size: int) -> None:
        dim = self._dims.get(space, size)
        if dim != size:
            raise BadQuery(f"space {space} has {dim} dimensions, the query {size}")

    def _forget_all(self) -> None:
        self._columns: dict[str, Columns] = {}
        self._stores: dict[tuple[str, str], Store] = {}
        self._dims: dict[str, int] = {}
        self._left_out: dict[tuple[int, str], str] = {}
        self._applied = 0

    def _take(self, change: Change, vectors: Sequence[tuple[int, str, Vector]]) -> None:
        columns = self._columns.setdefault(change.tenant, Columns())
        present = {item.row for item in change.present}
        held = set().union(*(columns.rows_of(id_) for id_ in change.ids))
        self._drop(change.tenant, columns, held - present)
        columns.put(change.present)
        by_space: dict[str, list[tuple[int, Vector]]] = {}
        for row, space, vector in vectors:
            if row in present and self._usable(row, space, vector):
                by_space.setdefault(space, []).append((row, vector))
        for space, rows in by_space.items():
            slots = np.array([columns.slot(row) for row, _ in rows], np.int64)
            self._store(change.tenant, space).put(slots, np.stack([vector for _, vector in rows]).astype(np.float32))
        for (tenant, _), store in self._stores.items():
            if tenant == change.tenant:
                store.settle()

    def _drop(self, tenant: str, columns: Columns, rows: set[int]) -> None:
        slots = np.array([columns.slot(row) for row in rows], np.int64)
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
            self._stores[key] = Store(self._dims[space], self._device, self._exact, self._enough)
        return self._stores[key]
