"""What a distance is measured by, and how much one surprises."""

import math
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.series.anomaly.movement import Movement
from ingest.series.anomaly.tails import MOST, Sorted, Tail, TailSettings


def test_equal_distances_surprise_nobody_within_the_floor():
    tail = Tail(TailSettings())
    for _ in range(200):
        tail.add(0.0)
    assert tail.surprise(0.0, 1.0) == 0 and tail.surprise(1e-9, 1.0) < 1.0 and tail.spread(1.0) == 1.0
    assert tail.surprise(20.0, 1.0) == MOST


@given(st.lists(st.integers(-5, 5), max_size=60), st.integers(1, 20))
def test_the_last_values_stay_in_order(values, size):
    kept, last = Sorted(size), deque(maxlen=size)
    for value in values:
        kept.add(float(value))
        last.append(float(value))
    assert kept.ordered == sorted(last)


def test_what_a_series_is_measured_by_at_least():
    moves = Movement()
    assert 0 < moves.floor(0.0) < 1e-200
    for _ in range(100):
        moves.add(20.0)
    assert moves.floor(20.0) == pytest.approx(0.1)  # still: half a per cent of its level
    moves.add(20.01)
    assert moves.floor(20.0) == pytest.approx(0.01)  # its sensor tells hundredths
    for v in np.random.default_rng(1).normal(20, 1, 5000).tolist():
        moves.add(v)
    assert moves.floor(20.0) == pytest.approx(0.02, rel=0.1)  # two per cent of its deviation


def test_rounding_is_no_movement():
    moves = Movement()
    for i in range(100):
        moves.add(0.3 if i % 2 else math.nextafter(0.3, 1))
    assert moves.floor(0.3) == pytest.approx(0.0015)
