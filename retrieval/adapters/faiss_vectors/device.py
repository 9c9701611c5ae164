"""Where flat stores are searched, and whether that place honours selectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def library() -> Any:
    """The library, loaded at first use (it takes a while), without the types it declares wrongly."""
    import faiss

    return faiss


def selector_works(index: Any) -> bool:
    """Whether a search restricted to one id returns that id. `index` holds rows of the 4-d identity matrix.

    Classic GPU indexes ignore selectors or refuse them, so this is asked of the device once at start-up.
    """
    faiss = library()
    query = np.eye(4, dtype=np.float32)[:1]
    try:
        selector = faiss.IDSelectorArray(np.array([2], np.int64))
        _, ids = index.search(query, 1, params=faiss.SearchParameters(sel=selector))
    except RuntimeError:  # how faiss says that an index takes no selector
        return False
    return bool(ids[0, 0] == 2)


class Device:
    """Where flat stores are searched, and whether that place honours selectors."""

    def __init__(self, gpu: bool | None, self_test: Callable[[Any], bool]) -> None:
        faiss = library()
        count = int(faiss.get_num_gpus()) if gpu is not False else 0
        if gpu and not count:
            raise ValueError("gpu=True, but faiss sees no GPU")
        self.gpu = count > 0
        self._resources = faiss.StandardGpuResources() if self.gpu else None
        probe = faiss.IndexFlatIP(4)
        probe.add(np.eye(4, dtype=np.float32))
        self.selects = self_test(self.place(probe))

    def place(self, index: Any) -> Any:
        """The index itself, or a copy of it on the GPU."""
        if not self.gpu:
            return index
        faiss = library()
        return faiss.index_cpu_to_gpu(self._resources, 0, index)
