import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.resampling import breaks, resampled

SAMPLES = st.lists(st.tuples(st.integers(0, 2000), st.floats(-1e6, 1e6) | st.just(float("nan"))), max_size=80)


def arrays(samples):
    ordered = sorted(samples, key=lambda sample: sample[0])
    return np.array([t for t, _ in ordered], np.int64), np.array([v for _, v in ordered], np.float64)


@given(SAMPLES, st.integers(1, 500), st.integers(-300, 300))
def test_each_bucket_is_what_a_mask_over_its_time_gives(samples, length, origin):
    t, v = arrays(samples)
    found = resampled(t, v, length, origin)
    edges = range(origin + (min(t, default=0) - origin) // length * length, max(t, default=0) + 1, length)
    masks = [(edge, (t >= edge) & (t < edge + length) & ~np.isnan(v)) for edge in edges]
    held = [(edge, v[mask]) for edge, mask in masks if mask.any()]
    assert found.t0.tolist() == [edge for edge, _ in held]
    assert found.samples.tolist() == [len(part) for _, part in held]
    np.testing.assert_allclose(found.mean, [part.mean() for _, part in held], rtol=1e-9, atol=1e-6)
    assert found.low.tolist() == [part.min() for _, part in held]
    assert found.high.tolist() == [part.max() for _, part in held]


@given(SAMPLES, st.integers(1, 500))
def test_no_extreme_and_no_sample_is_lost(samples, length):
    t, v = arrays(samples)
    found, held = resampled(t, v, length), v[~np.isnan(v)]
    assert found.samples.sum() == len(held)
    if len(held):
        assert (found.low.min(), found.high.max()) == (held.min(), held.max())
        assert not found.empty_before[0]
        assert found.empty_before[1:].tolist() == (np.diff(found.t0) > length).tolist()


def test_breaks_lie_behind_more_than_five_steps():
    assert breaks(np.array([0, 10, 20, 70, 121]), 10).tolist() == [3]


def test_a_bucket_has_a_length():
    with pytest.raises(ValueError, match="at least"):
        resampled(np.array([0]), np.array([1.0]), 0)
