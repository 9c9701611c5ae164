"""Nearest neighbours by comparing with everything that passes the filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrieval.errors import BadQuery
from retrieval.fakes.shelf import Shelf
from retrieval.ports import LogReader, Scored
from retrieval.projecting import UNKNOWN, Times
from retrieval.types import Evidence, Filter, Interval, Micros, Principal, Vector


class MemoryVectors(Shelf):
    """The VectorIndex port in plain numpy."""

    name = "vectors"

    def __init__(self) -> None:
        super().__init__()
        self._vectors: dict[int, dict[str, list[Vector]]] = {}
        self._dims: dict[str, int] = {}

    def spaces(self) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for spaces in self._vectors.values():
            for space, vectors in spaces.items():
                counts[space] = counts.get(space, 0) + len(vectors)
        return counts

    def reset(self) -> None:
        super().reset()
        self._dims = {}

    def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
        asked = np.asarray(query, np.float32)
        if asked.ndim != 1 or not np.isfinite(asked).all() or asked.size != self._dims.get(space, asked.size):
            raise BadQuery("the query vector must be finite numbers, as many as the space has dimensions")
        scores = {
            row: max(float(vector @ asked) for vector in self._vectors[row][space])
            for row in self._passing(filter_, principal)
            if space in self._vectors.get(row, {})
        }
        best = sorted(scores, key=lambda row: (-scores[row], row))[: max(k, 0)]
        return Scored(np.array(best, np.int64), np.array([scores[row] for row in best], np.float32))

    def by_time(self, k: int, filter_: Filter, principal: Principal, near: Interval | None = None) -> Scored:
        def far(row: int) -> Micros:
            times = Times.of(self._held[row])
            if near is None or times.t0 == UNKNOWN:
                return -times.t0
            return abs((times.t0 + times.t1) - (near.t0 + near.t1))

        best = sorted(self._passing(filter_, principal), key=lambda row: (far(row), row))[: max(k, 0)]
        return Scored(np.array(best, np.int64), -np.arange(len(best), dtype=np.float32))

    def _added(self, ids: Sequence[str], present: dict[int, Evidence], log: LogReader) -> None:
        for row in present:
            self._vectors.pop(row, None)
        for row, space, vector in log.embeddings(ids):
            if row not in present or vector.ndim != 1 or not np.isfinite(vector).all():
                continue
            if vector.size == self._dims.setdefault(space, vector.size):
                self._vectors.setdefault(row, {}).setdefault(space, []).append(vector)

    def _dropped(self, row: int) -> None:
        self._vectors.pop(row, None)
