"""Very many vectors on a GPU: an index that finds most of the nearest, with its effort set by what it finds of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from retrieval.adapters.faiss_vectors.gpu import Found
from retrieval.adapters.faiss_vectors.library import library
from retrieval.types import Vector

RECALL, _MARGIN = 0.95, 0.02
_NEAREST = 10
_ASKED = 256
_SEED = 11
_TRAINED = 64  # vectors a list that centres are learnt from: faiss warns below 39
# of a million vectors in 500 clusters a search from as many beginnings as cuVS takes itself misses the query's cluster for two to eight
# questions in ten; with 64 candidates from 8 times as many, for one in fifty (eval/bench/gpu.v1.md)
_WIDTH, _BEGINNINGS = 64, 8
Search = Callable[[Vector, int], Found]
Maker = Callable[[str], "Likely"]


class Likely(Protocol):
    """An index over the first `size` positions. `efforts` ascend; more effort finds more and takes longer."""

    kind: str
    size: int
    efforts: Sequence[int]

    def search(self, queries: Vector, k: int, effort: int) -> Found: ...


class Effort(NamedTuple):
    """The least effort at which `recall` reached its bar; None = none did."""

    effort: int | None
    recall: float


def calibrated(likely: Likely, vectors: Vector, exact: Search) -> Effort:
    """Against exact search for vectors of its own, which it must not be credited for finding: recall of the ten nearest but itself."""
    drawn = np.random.default_rng(_SEED).choice(len(vectors), min(_ASKED, len(vectors)), replace=False)
    queries = np.ascontiguousarray(vectors[drawn])
    right = exact(queries, _NEAREST + 1).positions[:, 1:]
    recall = 0.0
    for effort in likely.efforts:
        found = likely.search(queries, _NEAREST + 1, effort).positions
        recall = float(np.mean([np.isin(want, got).mean() for want, got in zip(right, found, strict=True)]))
        if recall >= RECALL + _MARGIN:
            return Effort(effort, recall)
    return Effort(None, recall)


class Chosen(NamedTuple):
    """An index that found enough, and the effort it takes."""

    likely: Likely
    effort: int


def chosen(kinds: Sequence[str], make: Maker, vectors: Vector, exact: Search) -> Chosen | None:
    """The first of the kinds that finds enough, each given back before the next is made; None where none does."""
    for kind in kinds:
        likely = make(kind)
        effort = calibrated(likely, vectors, exact).effort
        if effort is not None:
            return Chosen(likely, effort)
        del likely
    return None


class InvertedFile:
    """faiss's IVF with flat lists; the effort is the number of lists that are looked at."""

    kind = "ivf"

    def __init__(self, index: Any, vectors: Vector, most: int) -> None:
        """`index` is an untrained IVF index, on a GPU or not; it looks at `most` lists at most."""
        sample = np.random.default_rng(_SEED).permutation(len(vectors))[: _TRAINED * index.nlist]
        index.train(np.ascontiguousarray(vectors[sample]))
        index.add(np.ascontiguousarray(vectors))
        self._index, self.size = index, len(vectors)
        self.efforts: Sequence[int] = [2**n for n in range(12) if 2**n <= min(most, index.nlist)]

    def search(self, queries: Vector, k: int, effort: int) -> Found:
        self._index.nprobe = effort
        scores, positions = self._index.search(queries, k)
        return Found(positions, scores)


class Cagra:
    """cuVS's graph for GPUs (Ootomo and others 2024, arXiv 2308.15136); the effort is how many candidates a search keeps.

    Embeddings lie in clusters, and from where a search begins it must reach the right one: it begins at more places, and follows more
    nodes at once, the more candidates it keeps.
    """

    kind = "cagra"
    efforts: Sequence[int] = (32, 64, 128, 256, 512)

    def __init__(self, index: Any, vectors: Vector) -> None:
        index.train(np.ascontiguousarray(vectors))
        self._index, self.size = index, len(vectors)

    def search(self, queries: Vector, k: int, effort: int) -> Found:
        faiss = library()
        params = faiss.SearchParametersCagra()
        params.itopk_size = max(effort, k)
        params.search_width = max(1, effort // _WIDTH)
        params.num_random_samplings = _BEGINNINGS
        scores, positions = self._index.search(queries, k, params=params)
        return Found(positions, scores)
