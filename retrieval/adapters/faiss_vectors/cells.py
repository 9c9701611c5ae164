"""Vectors in cells of likeness, so that a search over very many compares with the likeliest cells alone.

An inverted file (Jégou, Douze and Schmid 2011, IEEE TPAMI 33(1)) over vectors that stay where they are: cells hold positions. Cells are
chosen by how many of their vectors *pass the filter*, so that a filter which holds few of the likeliest ones does not starve a search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Vector

Positions = NDArray[np.int64]
_ROUNDS = 6
_SAMPLE = 32  # vectors a cell that centres are learnt from
_BLOCK = 8192
_SEED = 11


class Cells:
    """Vectors of positions 0, 1, …, shape (n, dim), by the nearest of about √n centres (greatest inner product)."""

    def __init__(self, vectors: Vector) -> None:
        self.learnt_from = len(vectors)
        self._centres = _centres(vectors)
        self._cell = _nearest(vectors, self._centres)
        self._sort()

    def __len__(self) -> int:
        """How many vectors have a cell."""
        return self._cell.size

    def extend(self, vectors: Vector) -> None:
        """Put the next positions into the cells there are."""
        self._cell = np.concatenate([self._cell, _nearest(vectors, self._centres)])
        self._sort()

    def counts(self, positions: Positions) -> Positions:
        """How many of these positions are in each cell, shape (cells,)."""
        return np.bincount(self._cell[positions], minlength=len(self._centres))

    def likeliest(self, query: Vector, counts: Positions, enough: int) -> Positions:
        """All positions of the cells nearest to the query, as many cells as hold `enough` by `counts`; not sorted."""
        ranked = np.argsort(-(self._centres @ query), kind="stable")
        held = np.cumsum(counts[ranked])
        probed = ranked[: int(np.searchsorted(held, enough)) + 1]
        return np.concatenate([self._order[self._begin[cell] : self._begin[cell + 1]] for cell in probed])

    def _sort(self) -> None:
        self._order = np.argsort(self._cell, kind="stable")
        self._begin = np.searchsorted(self._cell[self._order], np.arange(len(self._centres) + 1))


def _centres(vectors: Vector) -> Vector:
    """Lloyd's algorithm on a sample, centres kept at length 1. The same vectors give the same centres."""
    rng = np.random.default_rng(_SEED)
    count = max(1, round(len(vectors) ** 0.5))
    sample = vectors[np.sort(rng.choice(len(vectors), min(len(vectors), _SAMPLE * count), replace=False))]
    centres = _unit(sample[rng.choice(len(sample), count, replace=False)])
    for _ in range(_ROUNDS):
        cell = _nearest(sample, centres)
        order = np.argsort(cell, kind="stable")
        cells, begin = np.unique(cell[order], return_index=True)
        # a cell that nothing is nearest to stays where it is
        centres[cells] = _unit(np.add.reduceat(sample[order], begin, axis=0))
    return centres


def _nearest(vectors: Vector, centres: Vector) -> Positions:
    """The centre of each vector, shape (n,)."""
    blocks = [vectors[start : start + _BLOCK] @ centres.T for start in range(0, len(vectors), _BLOCK)]
    return np.concatenate([np.zeros(0, np.int64), *(block.argmax(axis=1) for block in blocks)])


def _unit(rows: Vector) -> Vector:
    scaled: Vector = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return scaled
