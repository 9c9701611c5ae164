"""The same on a real GPU, where there is one: its rows are the CPU's."""

from __future__ import annotations

import time

import numpy as np
import pytest

from retrieval.adapters.faiss_vectors.device import Device, Gpus
from retrieval.adapters.faiss_vectors.gpu_faiss import has_cuvs, installed, shelf
from retrieval.adapters.faiss_vectors.gpu_process import GpuProcess

pytestmark = pytest.mark.skipif(not installed(), reason="this faiss sees no GPU")
DIM = 96


class Owner:
    """What vectors belong to."""


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((200, DIM))[rng.integers(200, size=60_000)] + 0.3 * rng.standard_normal((60_000, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def right(vectors: np.ndarray, query: np.ndarray, positions: np.ndarray) -> list[int]:
    return positions[np.argsort(-(vectors[positions] @ query), kind="stable")[:10]].tolist()


def test_in_its_own_process_it_finds_what_a_scan_finds_under_every_filter(vectors: np.ndarray) -> None:
    device, owner, until = Device(Gpus(GpuProcess, few=0)), Owner(), time.monotonic() + 120
    while device.nearest(owner, vectors, vectors[0], 10) is None:
        assert not device.trouble and time.monotonic() < until, device.told
        time.sleep(0.05)
    rng = np.random.default_rng(3)
    for size in (1, 10, 3000, 59_999, 60_000):
        positions = np.sort(rng.choice(60_000, size, replace=False))
        for query in vectors[rng.integers(60_000, size=5)]:
            found = device.nearest(owner, vectors, query, 10, None if size == 60_000 else positions)
            assert found is not None, (device.told, device.trouble)
            assert found.positions.tolist() == right(vectors, query, positions)
    device.close()


@pytest.mark.parametrize(
    "kind", ["ivf", pytest.param("cagra", marks=pytest.mark.skipif(not has_cuvs(), reason="no cuVS"))]
)
def test_what_finds_most_of_very_many_finds_most(vectors: np.ndarray, kind: str) -> None:
    gpu = shelf(likely_from=50_000, kind=kind)
    gpu.put(0, vectors)
    gpu.settle(0)
    likely = gpu._held[0].likely
    assert likely is not None and likely.kind == kind
    found = gpu.search(0, vectors[:200], 10).positions
    everything = np.arange(60_000)
    shared = [
        np.isin(right(vectors, query, everything), got).mean() for query, got in zip(vectors, found, strict=False)
    ]
    assert np.mean(shared) >= 0.95
