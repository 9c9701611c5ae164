"""Stores on one GPU: a flat copy of each, filtered by selectors where they work, else by rows gathered on the GPU itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from retrieval.adapters.faiss_vectors.gpu import Found, GpuFull, GpuLost, Hello, Positions, Way, told_apart
from retrieval.adapters.faiss_vectors.gpu_likely import Likely, chosen
from retrieval.adapters.faiss_vectors.library import library
from retrieval.adapters.faiss_vectors.selector import selector_works
from retrieval.types import Vector

# A scan reads everything once: of 4 million 384-d vectors 6 GB, 2 ms at the 3.35 TB/s of an H100 (NVIDIA's data sheet). An index that
# finds most of them pays beyond that
LIKELY_FROM = 4_000_000
_OUTGROWN = 1.25
# rows gathered at once: 400 MB at 384-d, so that a filter which lets nearly all through does not take the memory twice
GATHERED = 262_144


class Driver(Protocol):
    """What makes indexes on a GPU. Its calls raise RuntimeError as faiss does.

    `lends`: whether rows can be gathered on the GPU. `memory` in bytes, 0 = unknown. `kinds` of indexes over very many, the one to be
    tried first in front.
    """

    name: str
    memory: int
    most_k: int
    lends: bool
    kinds: Sequence[str]

    def flat(self, dim: int) -> Any:
        """An empty index of inner products: `add`, `search`, `reconstruct_n`, `ntotal` and `d` as faiss has them."""

    def among(self, flat: Any, positions: Positions, queries: Vector, k: int) -> Found:
        """The k nearest of the rows at these positions, which never leave the GPU."""

    def likely(self, vectors: Vector, kind: str) -> Likely:
        """An index of this kind over very many."""


class GpuShelf:
    """The Gpu protocol in the process that the driver is in: see gpu.py for why that should be one of its own."""

    def __init__(self, driver: Driver, likely_from: int = LIKELY_FROM, gathered: int = GATHERED) -> None:
        self._driver, self._likely_from, self._at_once = driver, likely_from, gathered
        self._held: dict[int, _Held] = {}
        with told_apart():
            self._way = self._tested()

    def hello(self) -> Hello:
        return Hello(self._driver.name, self._driver.memory, self._way, self._driver.most_k)

    def put(self, key: int, vectors: Vector) -> None:
        with told_apart():
            if key not in self._held:
                self._held[key] = _Held(self._driver.flat(vectors.shape[1]))
            self._held[key].flat.add(np.ascontiguousarray(vectors))

    def settle(self, key: int) -> None:
        """Build, or build anew what the store has outgrown. Where memory is short for it the flat copy alone answers."""
        held = self._held[key]
        total = held.flat.ntotal
        if total < self._likely_from or (held.likely is not None and total <= _OUTGROWN * held.likely.size):
            return
        held.likely = None
        try:
            with told_apart():
                self._build(held, total)
        except GpuFull:
            held.likely = None

    def drop(self, key: int) -> None:
        self._held.pop(key, None)

    def search(self, key: int, queries: Vector, k: int, positions: Positions | None = None) -> Found:
        held = self._held[key]
        with told_apart():
            if positions is None:
                return self._whole(held, queries, k)
            if self._way == "selectors":
                return _flat_search(held.flat, queries, k, positions)
            return self._gathered(held.flat, queries, k, positions)

    def close(self) -> None:
        self._held = {}

    def _tested(self) -> Way:
        probe = self._driver.flat(4)
        probe.add(np.eye(4, dtype=np.float32))
        if selector_works(probe):
            return "selectors"
        return "gathered" if self._driver.lends and self._gathers(probe) else "cpu"

    def _gathers(self, probe: Any) -> bool:
        """Whether rows that are gathered are the right ones: buffers are lent by another library than the one that fills them."""
        try:
            found = self._driver.among(probe, np.array([1, 3]), np.eye(4, dtype=np.float32)[3:], 2)
        except RuntimeError:
            return False
        return bool(np.array_equal(found.positions, [[3, 1]]))

    def _build(self, held: _Held, total: int) -> None:
        starts = range(0, total, self._at_once)
        vectors = np.concatenate([held.flat.reconstruct_n(at, min(self._at_once, total - at)) for at in starts])
        found = chosen(
            self._driver.kinds,
            lambda kind: self._driver.likely(vectors, kind),
            vectors,
            lambda queries, k: _flat_search(held.flat, queries, k),
        )
        if found is not None:
            held.likely, held.effort = found

    def _whole(self, held: _Held, queries: Vector, k: int) -> Found:
        """By the index over very many where there is one; rows that came after it are compared one by one."""
        total, likely = held.flat.ntotal, held.likely
        if likely is None or (likely.size < total and not self._driver.lends):
            return _flat_search(held.flat, queries, k)
        found = likely.search(queries, k, held.effort)
        if (found.positions < 0).any():
            return _flat_search(held.flat, queries, k)
        if likely.size == total:
            return found
        late = np.arange(likely.size, total)
        return best([found, self._gathered(held.flat, queries, min(k, late.size), late)], k)

    def _gathered(self, flat: Any, queries: Vector, k: int, positions: Positions) -> Found:
        blocks = [positions[at : at + self._at_once] for at in range(0, positions.size, self._at_once)]
        return best([_whole_answer(self._driver.among(flat, each, queries, min(k, each.size))) for each in blocks], k)


class _Held:
    """One store: everything flat, and beside it what finds most of very many."""

    def __init__(self, flat: Any) -> None:
        self.flat = flat
        self.likely: Likely | None = None
        self.effort = 0


def _whole_answer(found: Found) -> Found:
    """Raises GpuLost where rows are missing: beside other blocks' rows nobody could see it any more."""
    if (found.positions < 0).any() or not np.isfinite(found.scores).all():
        raise GpuLost("it returned fewer rows than there are")
    return found


def best(parts: list[Found], k: int) -> Found:
    """The k best of several answers to the same queries."""
    if len(parts) == 1:
        return parts[0]
    positions, scores = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return Found(np.take_along_axis(positions, order, axis=1), np.take_along_axis(scores, order, axis=1))


def _flat_search(flat: Any, queries: Vector, k: int, positions: Positions | None = None) -> Found:
    faiss, params = library(), None
    if positions is not None:
        mask = np.zeros(flat.ntotal, np.bool_)
        mask[positions] = True
        params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little")))
    scores, found = flat.search(np.ascontiguousarray(queries), k, params=params)
    return Found(found, scores)
