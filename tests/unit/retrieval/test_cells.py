"""Cells: every vector is in one, and those likeliest for a query hold as many of the wanted as was asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors.cells import Cells


def vectors(n: int, seed: int = 0, dim: int = 8) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@given(n=st.integers(1, 300), more=st.integers(0, 50), seed=st.integers(0, 99))
def test_every_position_is_in_one_cell(n: int, more: int, seed: int) -> None:
    cells = Cells(vectors(n, seed))
    cells.extend(vectors(more, seed + 1))
    assert len(cells) == n + more
    counts = cells.counts(np.arange(n + more))
    assert counts.sum() == n + more
    everything = cells.likeliest(vectors(1)[0], counts, n + more)
    assert sorted(everything.tolist()) == list(range(n + more))


@given(enough=st.integers(1, 400), step=st.integers(1, 7))
def test_the_likeliest_hold_enough_of_what_passes(enough: int, step: int) -> None:
    made = vectors(400)
    cells, wanted = Cells(made), np.arange(0, 400, step)
    near = cells.likeliest(made[3], cells.counts(wanted), enough)
    assert np.isin(near, wanted).sum() >= min(enough, wanted.size)
    assert np.unique(near).size == near.size


def test_a_query_looks_into_its_own_cell_first() -> None:
    tight = np.repeat(np.eye(8, dtype=np.float32), 50, axis=0) + 0.01 * vectors(400)
    cells = Cells(tight)
    near = cells.likeliest(np.eye(8, dtype=np.float32)[2], cells.counts(np.arange(400)), 20)
    assert set(near.tolist()) <= set(range(100, 150))


def test_the_same_vectors_give_the_same_cells() -> None:
    one, other = Cells(vectors(200)), Cells(vectors(200))
    query, every = vectors(1, 9)[0], np.arange(200)
    assert (one.counts(every) == other.counts(every)).all()
    near = [c.likeliest(query, c.counts(every), 30).tolist() for c in (one, other)]
    assert near[0] == near[1]
