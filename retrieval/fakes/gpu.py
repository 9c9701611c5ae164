"""A GPU that is none: faiss on the CPU, with a GPU's limits and, on cue, its failures, in the words that faiss has for them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from retrieval.adapters.faiss_vectors.gpu import MOST_K, Found, GpuLost, Positions
from retrieval.adapters.faiss_vectors.gpu_likely import InvertedFile, Likely
from retrieval.adapters.faiss_vectors.gpu_shelf import GATHERED, LIKELY_FROM, GpuShelf
from retrieval.adapters.faiss_vectors.library import library
from retrieval.types import Vector

Selectors = Literal["honoured", "ignored", "refused"]
# full: no memory for this call. lost: as its own process tells of a CUDA error. abort: such an error itself, which ends the process.
# hang: it never answers. others: right rows' neighbours. short: fewer rows than there are. scores, nan: wrong numbers
Cue = Literal["full", "lost", "abort", "hang", "others", "short", "scores", "nan"]
_SOURCE = "/project/faiss/faiss/gpu"
_CUDA = "CUDA error 719 unspecified launch failure"


class FakeDriver:
    """The Driver protocol. `cues`: what happens at which call; adding and searching count, from 0, those of the self-test do not."""

    name = "fake GPU"
    memory = 0
    most_k = MOST_K
    kinds: Sequence[str] = ("ivf",)

    def __init__(
        self,
        cues: Sequence[tuple[int, Cue]] = (),
        selectors: Selectors = "ignored",
        lends: bool = True,
        room: int | None = None,
    ) -> None:
        """`room`: rows that all stores together may have; None = any number."""
        self._cues, self.selectors, self.lends = dict(cues), selectors, lends
        self._left, self._calls, self._tested = room, 0, False

    def flat(self, dim: int) -> Any:
        """The first one is the self-test's."""
        tested, self._tested = self._tested, True
        return _Flat(self, dim, tested)

    def among(self, flat: Any, positions: Positions, queries: Vector, k: int) -> Found:
        if k > MOST_K:
            raise too_many(k)
        scores = queries @ flat.rows()[positions].T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found = Found(positions[order], np.take_along_axis(scores, order, axis=1).astype(np.float32))
        return _spoilt(found, flat.cue(), flat.ntotal)

    def likely(self, vectors: Vector, kind: str) -> Likely:
        faiss, dim = library(), vectors.shape[1]
        lists = max(1, round(len(vectors) ** 0.5))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
        return InvertedFile(index, vectors, MOST_K)

    def take(self, rows: int) -> None:
        """Room for rows. Raises RuntimeError as faiss does when there is none."""
        if self._left is not None:
            if rows > self._left:
                raise out_of_memory()
            self._left -= rows

    def give_back(self, rows: int) -> None:
        if self._left is not None:
            self._left += rows

    def cue(self) -> Cue | None:
        """The cue of this call; one that gives no answer happens here."""
        cue, self._calls = self._cues.get(self._calls), self._calls + 1
        _fail(cue)
        return cue


class _Flat:
    """As GpuIndexFlatIP: no more than 2048 at once, and selectors as the driver was told."""

    def __init__(self, driver: FakeDriver, dim: int, counts: bool) -> None:
        faiss = library()
        self._driver, self._index, self.d, self._counts = driver, faiss.IndexFlatIP(dim), dim, counts

    def __del__(self) -> None:
        if self._counts:
            self._driver.give_back(self.ntotal)

    @property
    def ntotal(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vector) -> None:
        self.cue()
        if self._counts:
            self._driver.take(len(vectors))
        self._index.add(vectors)

    def cue(self) -> Cue | None:
        return self._driver.cue() if self._counts else None

    def rows(self) -> Vector:
        return self.reconstruct_n(0, self.ntotal)

    def reconstruct_n(self, begin: int, count: int) -> Vector:
        rows: Vector = self._index.reconstruct_n(begin, count)
        return rows

    def search(self, queries: Vector, k: int, params: Any = None) -> tuple[Any, Any]:
        if k > MOST_K:
            raise too_many(k)
        if params is not None and self._driver.selectors == "refused":
            raise RuntimeError("Error: '!params' failed: search params not supported for this index")
        held = params if self._driver.selectors == "honoured" else None
        scores, positions = self._index.search(queries, k, params=held)
        found = _spoilt(Found(positions, scores), self.cue(), self.ntotal)
        return found.scores, found.positions


def fake_gpu(
    cues: Sequence[tuple[int, Cue]] = (),
    selectors: Selectors = "ignored",
    lends: bool = True,
    room: int | None = None,
    likely_from: int = LIKELY_FROM,
    gathered: int = GATHERED,
) -> GpuShelf:
    """Stores on a fake GPU; the arguments are plain JSON, so that it can be made in another process."""
    return GpuShelf(FakeDriver(cues, selectors, lends, room), likely_from, gathered)


def out_of_memory() -> RuntimeError:
    """What faiss 1.14 raises where cudaMalloc fails."""
    return RuntimeError(
        "Error in virtual void* faiss::gpu::StandardGpuResourcesImpl::allocMemory(const faiss::gpu::AllocRequest&) at "
        f"{_SOURCE}/StandardGpuResources.cpp:570: Error: 'err == cudaSuccess' failed: StandardGpuResources: alloc fail type FlatData "
        "dev 0 space Device stream 0x55d0c0 size 1610612736 bytes (cudaMalloc error out of memory [2])\n"
    )


def too_many(k: int) -> RuntimeError:
    """What faiss 1.14 raises for a k beyond what a GPU selects."""
    return RuntimeError(
        f"Error in void faiss::gpu::validateKSelect(int, bool) at {_SOURCE}/impl/IndexUtils.cu:35: Error: 'k > 0 && k <= "
        f"getMaxKSelection(use_cuvs)' failed: GPU index only supports min/max-K selection up to {MOST_K} (requested {k})"
    )


def _fail(cue: Cue | None) -> None:
    """The cues that give no answer at all."""
    if cue == "full":
        raise out_of_memory()
    if cue == "lost":
        raise GpuLost(_CUDA)
    if cue == "abort":
        where = f"in void faiss::gpu::fromDevice(T*, T*, size_t, cudaStream_t) at {_SOURCE}/utils/CopyUtils.cuh:140"
        print(f"Faiss assertion 'err__ == cudaSuccess' failed {where}; details: {_CUDA}", file=sys.stderr, flush=True)
        os.abort()
    if cue == "hang":
        time.sleep(3600)


def _spoilt(found: Found, cue: Cue | None, total: int) -> Found:
    positions, scores = found.positions.copy(), found.scores.copy()
    if cue == "others":
        positions = (positions + 1) % total
    elif cue == "short":
        positions[:, -1], scores[:, -1] = -1, -np.inf
    elif cue == "scores":
        scores[:, 0] += 1.0
    elif cue == "nan":
        scores[:, 0] = np.nan
    return Found(positions, scores)
