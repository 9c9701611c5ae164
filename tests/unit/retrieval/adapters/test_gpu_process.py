"""Positions on their way to another process."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors.gpu_process import _packed, _unpacked


@given(st.sets(st.integers(0, 5000)), st.integers(0, 200))
def test_positions_arrive_as_they_were_in_the_shorter_form(chosen, run):
    positions = np.array(sorted(chosen | set(range(run))), np.int64)
    packed, bits = _packed(positions)
    np.testing.assert_array_equal(_unpacked(packed, bits), positions)
    assert len(packed) <= min(positions.nbytes, 626 + 8) or not positions.size
    assert _unpacked(*_packed(None)) is None
