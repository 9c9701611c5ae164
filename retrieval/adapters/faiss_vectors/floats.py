"""The vectors themselves: float32 rows in memory, or in a file that the operating system keeps as much of in memory as there is room."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.library import library
from retrieval.errors import ProjectionError
from retrieval.types import Vector

Positions = NDArray[np.int64]
Found = tuple[Positions, NDArray[np.float32]]
_LEAST, _PIECE = 1024, 4096


class Floats:
    """Rows of shape (dim,), only ever appended. `folder`: where a file holds them instead of memory.

    The file is scratch: it has no name once it is open, so that it goes with the process, and a new one is filled from the catalog or
    a snapshot. Raises ProjectionError where it cannot be made or has no room.
    """

    def __init__(self, dim: int, folder: Path | None = None) -> None:
        self.dim, self.size = dim, 0
        self._file = None if folder is None else _scratch(folder)
        self._rows: Vector = np.zeros((0, dim), np.float32)

    @property
    def rows(self) -> Vector:
        """A view of shape (size, dim). What it shows stays as it is when more is added."""
        return self._rows[: self.size]

    def reserve(self, total: int) -> None:
        """Room for so many in all."""
        if total > len(self._rows):
            self._grow(total)

    def add(self, vectors: Vector) -> None:
        """Append, shape (n, dim)."""
        total = self.size + len(vectors)
        if total > len(self._rows):
            self._grow(max(_LEAST, total, len(self._rows) * 3 // 2))
        self._rows[self.size : total] = vectors
        self.size = total

    def compare(self, query: Vector, k: int, selector: Any) -> Found:
        """The k best of those the selector lets through: positions and inner products, best first; at least k must pass."""
        faiss = library()
        asked = np.ascontiguousarray(query, np.float32)
        scores, found = np.empty(k, np.float32), np.empty(k, np.int64)
        faiss.knn_inner_product(
            faiss.swig_ptr(asked),
            faiss.swig_ptr(self._rows),
            self.dim,
            1,
            self.size,
            k,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(found),
            selector,
        )
        return found, scores

    def ranked(self, query: Vector, positions: Positions) -> Found:
        """All of these positions and their inner products, best first. Nothing is copied, and no other thread is waited for, as numpy and
        faiss' function for this do: on a busy machine that is 20 ms at times, for what takes 0.01."""
        if not positions.size:
            return positions, np.zeros(0, np.float32)
        listed = np.ascontiguousarray(positions, np.int64)
        return self.compare(query, listed.size, library().IDSelectorArray(listed))

    def gathered(self, query: Vector, positions: Positions) -> NDArray[np.float32]:
        """Inner products with these rows, same shape; by copies of some at a time, which needs no selector."""
        pieces = [positions[start : start + _PIECE] for start in range(0, positions.size, _PIECE)]
        return np.concatenate([np.zeros(0, np.float32), *(self.rows[piece] @ query for piece in pieces)])

    def close(self) -> None:
        """Give the file's room back; the rows may not be used any more."""
        if self._file is not None:
            self._rows = np.zeros((0, self.dim), np.float32)
            os.close(self._file)
            self._file = None

    def _grow(self, capacity: int) -> None:
        if self._file is None:
            grown: Vector = np.empty((capacity, self.dim), np.float32)
            grown[: self.size] = self.rows
        else:
            grown = _mapped(self._file, capacity, self.dim)
        self._rows = grown


def _scratch(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix="vectors-", dir=folder)
        Path(name).unlink()
    except OSError as error:
        raise ProjectionError(f"no file for the vectors can be made in {folder}: {error}") from error
    return descriptor


def _mapped(descriptor: int, capacity: int, dim: int) -> Vector:
    """The file at a new length. Room is taken up front: a write to a map on a full disk would end the process."""
    import mmap

    before = os.fstat(descriptor).st_size
    try:
        os.posix_fallocate(descriptor, 0, capacity * dim * 4)
        whole = mmap.mmap(descriptor, capacity * dim * 4)
    except OSError as error:
        # what was found of the room is of no use
        os.ftruncate(descriptor, before)
        raise ProjectionError(f"the vectors' file cannot grow to {capacity * dim * 4} bytes: {error}") from error
    return np.frombuffer(whole, np.float32).reshape(capacity, dim)
