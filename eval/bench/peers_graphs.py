"""Graph libraries beside ours: hnswlib, filtered by its callback; usearch, which has no filter and is asked for more than is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.retrieval_data import FILTERS, K, Material
from eval.bench.retrieval_rounds import Way, tuned
from retrieval.types import Vector

_GRID = (16, 32, 48, 64, 96, 128, 256, 512)
_RECALL = 0.95
_LINKS, _WIDTH = 16, 100
_FILTERED = tuple(name for name in FILTERS if name != "none")


def hnswlib(material: Material, folder: Path) -> Sequence[Way]:
    """M = 16, ef at building 100, ef of searching the least with recall 0.95 unfiltered. It raises where it cannot find ten."""
    library: Any = import_module("hnswlib")
    index = library.Index(space="ip", dim=material.vectors.shape[1])
    index.init_index(max_elements=material.n, ef_construction=_WIDTH, M=_LINKS)
    index.add_items(np.ascontiguousarray(material.vectors), np.arange(material.n))
    index.set_num_threads(1)

    def search(query: Vector, name: str, value: int) -> Sequence[int]:
        if name == "none":
            found: Sequence[int] = index.knn_query(query, k=K)[0][0]
            return found
        passes = material.mask(name, value)
        try:
            found = index.knn_query(query, k=K, num_threads=1, filter=lambda label: bool(passes[label]))[0][0]
        except RuntimeError:
            return []
        return found

    chosen = tuned(search, material, index.set_ef, _GRID, _RECALL)
    return [Way(f"hnswlib ef {chosen}, callback", search)]


def usearch(material: Material, folder: Path) -> Sequence[Way]:
    """Connectivity 16, expansion at building 100; ten, then ten and two hundred times as many asked for, and those that pass kept."""
    library: Any = import_module("usearch.index")
    index = library.Index(
        ndim=material.vectors.shape[1], metric="ip", dtype="f32", connectivity=_LINKS, expansion_add=_WIDTH
    )
    index.add(np.arange(material.n), np.ascontiguousarray(material.vectors))

    def search(times: int, query: Vector, name: str, value: int) -> Sequence[int]:
        found = np.asarray(index.search(query, times * K, threads=1).keys, np.int64)
        kept: Sequence[int] = (
            found[material.mask(name, value)[found]][:K].tolist() if name != "none" else found.tolist()
        )
        return kept

    def choose(expansion: int) -> None:
        index.expansion_search = expansion

    chosen = tuned(partial(search, 1), material, choose, _GRID, _RECALL)
    ways = [Way(f"usearch expansion {chosen}", partial(search, 1), ("none",))]
    return ways + [
        Way(f"usearch, {times * K} kept if they pass", partial(search, times), _FILTERED) for times in (10, 200)
    ]
