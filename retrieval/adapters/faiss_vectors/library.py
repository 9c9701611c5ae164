"""faiss itself, loaded late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Vector

# there where NVIDIA's kernel driver is loaded
_DRIVER = Path("/proc/driver/nvidia/version")


def library() -> Any:
    """The library, loaded at first use (it takes a while), without the types it declares wrongly."""
    import faiss

    return faiss


def nearest(index: Any, query: Vector, n: int, params: Any) -> NDArray[np.int64]:
    """The positions of the n ≥ 1 best of an index, shape (at most n,), best first. As its own `search`, which takes 15 µs more to check
    what it is given. Raises ValueError for a query that is not of shape (dim,)."""
    faiss = library()
    asked = np.ascontiguousarray(query, np.float32)
    if asked.shape != (index.d,):
        raise ValueError(f"a query of shape {asked.shape} for an index of {index.d} dimensions")
    scores, found = np.empty(n, np.float32), np.empty(n, np.int64)
    index.search_c(1, faiss.swig_ptr(asked), n, faiss.swig_ptr(scores), faiss.swig_ptr(found), params)
    return found[found >= 0]


def unused() -> str:
    """What to add where a GPU is there that this faiss cannot use, in words; "" elsewhere."""
    if not _DRIVER.exists():
        return ""
    if hasattr(library(), "StandardGpuResources"):
        return "; an NVIDIA driver is loaded, but faiss sees no GPU"
    return (
        "; an NVIDIA driver is loaded, but this faiss is for CPUs: install watchfloor[gpu] in place of watchfloor[cpu]"
    )
