"""What everything is set against: one bare flat scan, in the same run."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np

from eval.bench.encoders import QuickText, unit
from eval.bench.talking import now

K = 10
_SEED = 3


class FlatScan:
    """`IndexFlatIP.search`, one thread, one query, k = 10, over n vectors of 384 dimensions, called as anybody would call it."""

    def __init__(self, n: int) -> None:
        # the control is the library itself, so that this is the one place beside its adapter that calls it
        from importlib import import_module

        self._faiss: Any = import_module("faiss")
        rng = np.random.default_rng(_SEED)
        self._index = self._faiss.IndexFlatIP(QuickText.dim)
        for start in range(0, n, 10_000):
            self._index.add(unit(rng.standard_normal((min(10_000, n - start), QuickText.dim), np.float32)))
        self._queries = unit(rng.standard_normal((64, QuickText.dim), np.float32))

    def times_ms(self, count: int = 40) -> list[float]:
        """Milliseconds of so many scans, each of another query."""
        before = self._faiss.omp_get_max_threads()
        self._faiss.omp_set_num_threads(1)
        try:
            return [self._timed(self._queries[n % len(self._queries)][None]) for n in range(count)]
        finally:
            self._faiss.omp_set_num_threads(before)

    def cpu_ms(self, count: int = 40) -> float:
        """Processor milliseconds of one scan, over so many."""
        started = process_time()
        self.times_ms(count)
        return (process_time() - started) * 1e3 / count

    def _timed(self, query: Any) -> float:
        started = now()
        self._index.search(query, K)
        return (now() - started) * 1e3
