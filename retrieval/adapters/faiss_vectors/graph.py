"""A graph of neighbours over vectors that lie elsewhere (HNSW; Malkov and Yashunin 2020, IEEE TPAMI 42(4)).

It holds links only: 140 bytes a vector. It is searched by codes (codes.py), and what it finds is compared exactly. A graph that is
published never changes: one that holds more is made from a copy of its links, away from those who search.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.adapters.faiss_vectors.codes import Codes
from retrieval.adapters.faiss_vectors.floats import Positions
from retrieval.adapters.faiss_vectors.library import library, nearest
from retrieval.types import Vector

# 16 links and a search of 100 when building: 0.999 of the ten nearest of grouped vectors at breadth 64, as 32 links and 40 find 0.97
_LINKS, _BUILDING = 16, 100
# vectors a step of building: it can be stopped between two
_STEP = 512


@lru_cache(256)
def _everywhere(breadth: int) -> Any:
    """How to search so broadly among all: searches only read it, and making it takes a tenth of finding the nearest."""
    faiss = library()
    return faiss.SearchParametersHNSW(efSearch=breadth, sel=faiss.IDSelectorAll())


class Graph:
    """Links between positions 0, 1, … `breadth`: how many of the best it must keep in sight so that it finds enough (0 = unknown)."""

    def __init__(self, index: Any, breadth: int, judged_at: int) -> None:
        self._index, self.breadth, self.judged_at = index, breadth, judged_at

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def links(self) -> Any:
        return self._index.hnsw

    @property
    def sound(self) -> bool:
        """Whether every link leads to a position it knows; following one that does not would end the process."""
        links, total = self.links, len(self)
        if links.levels.size() != total or links.offsets.size() != total + 1 or not links.neighbors.size():
            return False
        ends = library().rev_swig_ptr(links.neighbors.data(), links.neighbors.size())
        offsets = library().vector_to_array(links.offsets)
        inside = bool(ends.min() >= -1 and ends.max() < total) and 0 <= links.entry_point < total
        return inside and bool((np.diff(offsets.astype(np.int64)) >= 0).all() and offsets[-1] == links.neighbors.size())

    def over(self, codes: Codes) -> None:
        """Compare by these codes from now on; they hold at least the positions that are linked."""
        self._index.storage = codes.index
        # the library's wrapper takes it that what is set belongs to the graph from now on, which frees nothing: codes would stay in memory
        # for good. They are their own; the graph only keeps them alive.
        codes.index.thisown, self._index.own_fields = True, False
        self._index.referenced_objects = [codes.index]

    def search(self, query: Vector, n: int, breadth: int) -> Positions:
        """The positions of about the n best by code, best first."""
        return nearest(self._index, query, min(n, len(self)), _everywhere(max(breadth, n)))

    def write(self, path: Path) -> None:
        """The links without what they link."""
        faiss = library()
        # faiss 1.14, which builds for GPUs still are, writes a graph only together with the name of some storage
        named = faiss.IndexHNSWFlat(self._index.d, _LINKS, faiss.METRIC_INNER_PRODUCT)
        named.hnsw, named.ntotal = self._index.hnsw, self._index.ntotal
        faiss.write_index(named, str(path), faiss.IO_FLAG_SKIP_STORAGE)

    @classmethod
    def read(cls, path: Path, breadth: int, judged_at: int) -> Graph:
        """What `write` wrote. Raises RuntimeError (of faiss) for a file that is none."""
        return cls(library().read_index(str(path)), breadth, judged_at)


class Building:
    """A graph on its way: vectors are put in by eight-bit copies of their own, which are thrown away at the end."""

    def __init__(self, dim: int, sample: Vector, before: Graph | None) -> None:
        """`sample`, shape (n, dim), says in which range numbers lie. `before` is taken over, and stays as it is."""
        faiss = library()
        self._copies = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        self._copies.train(np.ascontiguousarray(sample))
        self._index = faiss.IndexHNSW(self._copies, _LINKS)
        self._index.hnsw.efConstruction = _BUILDING
        if before is not None:
            self._index.hnsw = before.links
            self._linked = len(before)
        else:
            self._linked = 0

    def copy(self, vectors: Vector) -> None:
        """Take the next of the vectors that are linked already, in order."""
        self._copies.add(np.ascontiguousarray(vectors))
        self._index.ntotal = self._copies.ntotal

    def add(self, vectors: Vector) -> Iterator[int]:
        """Link the next vectors, a step at a time; yields how many are linked."""
        for start in range(0, len(vectors), _STEP):
            self._index.add(np.ascontiguousarray(vectors[start : start + _STEP]))
            yield int(self._index.ntotal)

    def so_far(self, codes: Codes) -> Graph:
        """What is linked already, to be tried by these codes."""
        index = library().IndexHNSW(codes.index, _LINKS)
        index.hnsw, index.ntotal = self._index.hnsw, self._index.ntotal
        return Graph(index, 0, 0)

    def done(self, breadth: int, judged_at: int) -> Graph:
        """The graph without the copies."""
        self._index.storage, self._index.referenced_objects = None, []
        return Graph(self._index, breadth, judged_at)
