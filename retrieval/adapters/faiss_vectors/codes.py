"""Short codes of vectors: what is likely near is found by comparing them, and then compared exactly.

RaBitQ (Gao and Long 2024, SIGMOD; its extension to several bits, Gao et al. 2025) as faiss has it: at 384 dimensions two bits each, 116
bytes where the vector takes 1,536.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.floats import Positions
from retrieval.adapters.faiss_vectors.library import library, nearest
from retrieval.types import Vector

Bytes = NDArray[np.uint8]
# its error falls with the root of the dimensions and by half with each bit: as many bits as make it what two are at 384
_BITS, _AT = 2, 384
# bits a query's dimension is rounded to: more than 4 changed neither recall nor, by much, the time
_QUERY_BITS = 4


def bits(dim: int) -> int:
    """Bits a dimension: 2 from 384 dimensions on, 4 at 64, 5 at 8."""
    return max(_BITS, math.ceil(_BITS + math.log2(_AT / dim) / 2))


class Codes:
    """Codes of positions 0, 1, …; `centre` is what vectors are taken relative to, shape (dim,)."""

    def __init__(self, centre: Vector) -> None:
        faiss = library()
        self.centre = centre.astype(np.float32)
        self._index = faiss.IndexRaBitQ(centre.size, faiss.METRIC_INNER_PRODUCT, bits(centre.size))
        faiss.copy_array_to_vector(self.centre, self._index.center)
        self._index.is_trained = True
        self._index.qb = _QUERY_BITS

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def index(self) -> Any:
        """The faiss index: what a graph compares by."""
        return self._index

    @property
    def width(self) -> int:
        """Bytes a code."""
        return int(self._index.sa_code_size())

    @property
    def bytes(self) -> Bytes:
        """A view of all codes, shape (n, width); good until more are added."""
        if not len(self):
            return np.zeros((0, self.width), np.uint8)
        flat = library().rev_swig_ptr(self._index.codes.data(), len(self) * self.width)
        view: Bytes = flat.reshape(len(self), self.width)
        return view

    def encode(self, vectors: Vector) -> Bytes:
        """The codes of these vectors, shape (n, width). Takes 28 µs each; nothing here changes, so no lock is needed."""
        coded: Bytes = self._index.sa_encode(np.ascontiguousarray(vectors))
        return coded

    def add(self, codes: Bytes) -> None:
        """Append codes that `encode` gave."""
        if len(codes):
            self._index.add_sa_codes(np.ascontiguousarray(codes))

    def search(self, query: Vector, n: int, passing: NDArray[np.bool_] | None) -> Positions:
        """The positions of the n best by code, best first, of those that pass (a mask over all with a code; None = all)."""
        faiss = library()
        if passing is None:
            selector = faiss.IDSelectorAll()
        else:
            bits = np.packbits(passing, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        params = faiss.RaBitQSearchParameters(sel=selector, qb=_QUERY_BITS)
        return nearest(self._index, query, min(n, len(self)), params)
