"""A graph borrows the codes that it compares by."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from retrieval.adapters.faiss_vectors.codes import Codes
from retrieval.adapters.faiss_vectors.graph import Building, Graph
from retrieval.types import Vector

DIM = 64


@pytest.fixture
def vectors() -> Vector:
    made: Vector = np.random.default_rng(4).standard_normal((600, DIM)).astype(np.float32)
    return made


def coded(vectors: Vector) -> Codes:
    codes = Codes(vectors.mean(axis=0))
    codes.add(codes.encode(vectors))
    return codes


def linked(vectors: Vector) -> Graph:
    building = Building(DIM, vectors, None)
    assert list(building.add(vectors))[-1] == len(vectors)
    return building.done(64, len(vectors))


@pytest.mark.parametrize("read", [False, True])
def test_codes_go_once_nothing_compares_by_them_any_more(vectors: Vector, read: bool, tmp_path: Path) -> None:
    """Each side is freed once, whichever goes first: codes taken anew would otherwise stay beside those before them."""
    graph = linked(vectors)
    if read:
        graph.write(tmp_path / "graph")
        graph = Graph.read(tmp_path / "graph", 64, len(vectors))
    first, second = coded(vectors), coded(vectors)
    graph.over(first)
    nearest = graph.search(vectors[7], 5, 64).tolist()
    graph.over(second)
    assert first.index.thisown and second.index.thisown and not graph._index.own_fields
    del first
    gc.collect()
    assert nearest == graph.search(vectors[7], 5, 64).tolist() and nearest[0] == 7
    del graph
    gc.collect()
    assert second.search(vectors[7], 1, None).tolist() == [7]


def test_a_graph_keeps_its_codes_alive(vectors: Vector) -> None:
    graph = linked(vectors)
    graph.over(coded(vectors))
    gc.collect()
    assert [graph.search(vector, 1, 64)[0] for vector in vectors[:20]] == list(range(20))
