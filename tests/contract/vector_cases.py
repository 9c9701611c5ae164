"""Every vector index there is, and evidence for it: shared by the contract's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.adapters.faiss_vectors import FaissVectors, Gpus
from retrieval.adapters.faiss_vectors.plan import Thresholds
from retrieval.fakes import MemoryLog, MemoryVectors
from retrieval.fakes.gpu import fake_gpu
from retrieval.types import Embedding, Evidence, Filter, Kind, Principal, Provenance, RowKey

DIM = 8
SPACE = "text:test"
ME = Principal("acme")
MAKERS: dict[str, Callable[[], Any]] = {
    "memory": MemoryVectors,
    "faiss": lambda: FaissVectors(gpu=False),
    "gathered": lambda: FaissVectors(gpu=False, self_test=lambda index: False),
    "codes": lambda: FaissVectors(gpu=False, at=Thresholds(exact=0, coded=1, graphed=2**62, gain=0)),
    "graph": lambda: FaissVectors(gpu=False, at=Thresholds(exact=0, coded=1, graphed=1, worth=1, gain=0)),
    "gpu": lambda: FaissVectors(gpu=Gpus(fake_gpu, few=0)),
    "gpu selectors": lambda: FaissVectors(gpu=Gpus(lambda: fake_gpu(selectors="honoured"), few=0)),
}


def quantised(folder: Path) -> FaissVectors:
    """Vectors in a file, codes and a graph from the start."""
    return FaissVectors(gpu=False, at=Thresholds(exact=0, coded=1, graphed=1, worth=1, gain=0), folder=folder)


def make(id_: str, **more: object) -> Evidence:
    fields: dict[str, object] = {
        "tenant": "acme",
        "source": "file:///a",
        "kind": Kind.PASSAGE,
        "locator": RowKey("t", id_),
        "text": id_,
        "provenance": Provenance("test"),
    }
    return Evidence(id=id_, **(fields | more))


def unit(*values: float) -> np.ndarray:
    vector = np.zeros(DIM, np.float32)
    vector[: len(values)] = values
    norm = np.linalg.norm(vector)
    return vector / norm if norm else vector


def follow(index: Any, log: MemoryLog) -> None:
    index.apply(log.log(index.applied(), 10_000), log)


def put(index: Any, log: MemoryLog, *pairs: Any, space: str = SPACE, recorded_at: int | None = None) -> list[int]:
    rows = log.add([e for e, _ in pairs], [Embedding(e.id, space, v) for e, v in pairs], recorded_at=recorded_at)
    follow(index, log)
    return rows


def find(
    index: Any,
    query: np.ndarray,
    k: int = 10,
    filter_: Filter | None = None,
    principal: Principal = ME,
    space: str = SPACE,
) -> list[int]:
    return index.search(space, query, k, filter_ or Filter(), principal).rows.tolist()
