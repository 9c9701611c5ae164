"""faiss asked past its wrapper: what the wrapper gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors.library import library, nearest

_RNG = np.random.default_rng(7)
VECTORS = _RNG.standard_normal((50, 8), np.float32)


@given(st.integers(1, 50), st.sets(st.integers(0, 49)), st.integers(0, 2**32 - 1))
def test_the_same_as_through_the_wrapper(n: int, allowed: set[int], seed: int) -> None:
    faiss = library()
    index = faiss.IndexFlatIP(8)
    index.add(VECTORS)
    selector = faiss.IDSelectorBatch(np.array(sorted(allowed), np.int64))
    params, query = faiss.SearchParameters(sel=selector), np.random.default_rng(seed).standard_normal(8)
    found = nearest(index, query.astype(np.float32), n, params)
    wanted = index.search(query.astype(np.float32)[None], n, params=params)[1][0]
    assert found.tolist() == [each for each in wanted.tolist() if each >= 0]
    assert len(found) == min(n, len(allowed))


@pytest.mark.parametrize("shape", [(7,), (9,), (1, 8), ()])
def test_a_query_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """The library would read beyond its end."""
    index = library().IndexFlatIP(8)
    with pytest.raises(ValueError, match="8 dimensions"):
        nearest(index, np.ones(shape, np.float32), 1, None)
