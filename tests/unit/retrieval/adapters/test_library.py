"""faiss asked past its wrapper: what the wrapper gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors.library import library, nearest

_RNG = np.random.default_rng(7)
VECTORS = _RNG.standard_normal((50, 8), np.float32)


def made(kind: str, allowed: set[int]) -> tuple[Any, Any]:
    """An index of the kind over the vectors, and how to search it among some."""
    faiss = library()
    selector = faiss.IDSelectorBatch(np.array(sorted(allowed), np.int64))
    index, params = {
        "flat": lambda: (faiss.IndexFlatIP(8), faiss.SearchParameters(sel=selector)),
        "graph": lambda: (
            faiss.IndexHNSWFlat(8, 16, faiss.METRIC_INNER_PRODUCT),
            faiss.SearchParametersHNSW(efSearch=64, sel=selector),
        ),
        "codes": lambda: (
            faiss.IndexRaBitQ(8, faiss.METRIC_INNER_PRODUCT),
            faiss.RaBitQSearchParameters(sel=selector, qb=4),
        ),
    }[kind]()
    index.train(VECTORS)
    index.add(VECTORS)
    return index, params


@given(
    st.sampled_from(["flat", "graph", "codes"]),
    st.integers(1, 50),
    st.sets(st.integers(0, 49)),
    st.integers(0, 2**32 - 1),
)
def test_the_same_as_through_the_wrapper(kind: str, n: int, allowed: set[int], seed: int) -> None:
    index, params = made(kind, allowed)
    query = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    wanted = index.search(query[None], n, params=params)[1][0]
    found = nearest(index, query, n, params)
    assert found.tolist() == [each for each in wanted.tolist() if each >= 0]
    assert kind != "flat" or len(found) == min(n, len(allowed))


@pytest.mark.parametrize("shape", [(7,), (9,), (1, 8), ()])
def test_a_query_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """The library would read beyond its end."""
    index = library().IndexFlatIP(8)
    with pytest.raises(ValueError, match="8 dimensions"):
        nearest(index, np.ones(shape, np.float32), 1, None)
