"""What the vector index asks of a GPU: copies of flat vectors, searched by inner product. Plain values, so that they can cross to another
process, where a GPU belongs: faiss ends the process it runs in when CUDA reports an error (CUDA_VERIFY in its DeviceUtils.h aborts); only
running out of memory raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrieval.types import Vector

# faiss refuses a larger k on a GPU (getMaxKSelection in its IndexUtils.cu), and as many lists of an inverted file
MOST_K, MOST_K_CUVS = 2048, 16_384
# how faiss 1.14's StandardGpuResources, CUDA and torch say that memory is short
_FULL = ("out of memory", "alloc fail", "cudaMalloc", "bad_alloc")

Positions = NDArray[np.int64]
# "selectors": faiss's own, tested; "gathered": rows are copied out on the GPU and compared; "cpu": no filtered search on the GPU
Way = Literal["selectors", "gathered", "cpu"]


class GpuLost(RuntimeError):
    """The GPU, or the process that holds it, answers no more or answers wrongly; what it held is gone."""


class GpuFull(RuntimeError):
    """The GPU has no memory left for this; what it held before is still there."""


class GpuBusy(RuntimeError):
    """The GPU is at work on something long."""


class Hello(msgspec.Struct, frozen=True):
    """What a GPU says of itself: its name, memory in bytes (0 = unknown), how filters reach it, the largest k."""

    name: str
    memory: int
    way: Way
    most_k: int = MOST_K


class Found(NamedTuple):
    """Positions and inner products, best first, both of shape (queries, k). Position −1 with score −inf where there are no more."""

    positions: Positions
    scores: NDArray[np.float32]


class Gpu(Protocol):
    """One GPU. Not thread-safe. Every method may raise GpuLost, GpuFull or GpuBusy; none waits for long."""

    def hello(self) -> Hello | None:
        """None while it is starting."""

    def put(self, key: int, vectors: Vector) -> None:
        """Append rows, shape (n, dim), to the store of this key; the first ones make it."""

    def settle(self, key: int) -> None:
        """All rows are there for now: build what makes very many quick to search."""

    def drop(self, key: int) -> None:
        """Forget a store; an unknown one is no error."""

    def search(self, key: int, queries: Vector, k: int, positions: Positions | None = None) -> Found:
        """The k nearest of all rows, or of those at `positions` (ascending), to each of the queries, shape (queries, dim)."""

    def close(self) -> None: ...


@contextmanager
def told_apart() -> Iterator[None]:
    """faiss's and torch's RuntimeError and MemoryError → GpuFull, or GpuLost for what is no lack of memory."""
    try:
        yield
    except (GpuLost, GpuFull, GpuBusy):
        raise
    except MemoryError as error:
        raise GpuFull(str(error) or "no memory") from error
    except RuntimeError as error:
        # faiss says more than anyone wants to read: what failed stands at the end of the first line
        why = str(error).partition("\n")[0].rpartition("failed: ")[2][-300:]
        raise (GpuFull if any(sign in str(error) for sign in _FULL) else GpuLost)(why) from error
