"""Tail probabilities against scipy's distributions, and what a distance is measured by."""

import math
from collections import deque
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ingest.series.anomaly.movement import Movement
from ingest.series.anomaly.tails import MOST, Sorted, Tail, TailSettings

NOISE = {
    "normal": stats.halfnorm(), "laplace": stats.expon(), "uniform": stats.uniform(), "t3": stats.t(3), "gamma": stats.gamma(2),
}  # fmt: skip


@cache
def filled(noise, n=10_000, seed=1):
    tail = Tail(TailSettings())
    for distance in np.abs(noise.rvs(n, random_state=seed)).tolist():
        tail.add(distance)
    return tail


def beyond(noise, p):
    """The distance with this probability of a larger one: twice the upper tail where the noise has two sides."""
    return float(noise.isf(p / 2 if noise.dist.name == "t" else p))


@pytest.mark.parametrize("name", NOISE)
@pytest.mark.parametrize("p", [0.5, 0.1, 0.01, 0.003])
def test_where_there_are_ranks_the_probability_is_the_true_one(name, p):
    assert filled(NOISE[name]).surprise(beyond(NOISE[name], p), 0.0) == pytest.approx(-math.log10(p), abs=0.12)


def test_beyond_the_ranks_the_tail_is_exponential_and_never_bold_on_lighter_noise():
    assert filled(NOISE["laplace"]).surprise(beyond(NOISE["laplace"], 1e-5), 0.0) == pytest.approx(5, abs=0.4)
    for lighter in ("normal", "uniform"):
        assert filled(NOISE[lighter]).surprise(beyond(NOISE[lighter], 1e-5), 0.0) < 5
    assert filled(NOISE["normal"]).surprise(1e6, 0.0) == MOST


@pytest.mark.parametrize("name", NOISE)
def test_fresh_noise_is_as_improbable_as_it_says(name):
    tail = filled(NOISE[name])
    told = np.array([tail.surprise(float(d), 0.0) for d in np.abs(NOISE[name].rvs(4000, random_state=2))])
    for level in (1, 2):
        assert (told >= level).mean() == pytest.approx(10.0**-level, rel=0.35)


def test_surprise_rises_with_the_distance():
    tail = filled(NOISE["gamma"], 500)
    told = [tail.surprise(d, 0.0) for d in np.linspace(0, 40, 400)]
    assert told == sorted(told) and told[0] == 0


def test_equal_distances_surprise_nobody_within_the_floor():
    tail = Tail(TailSettings())
    for _ in range(200):
        tail.add(0.0)
    assert tail.surprise(0.0, 1.0) == 0 and tail.surprise(1e-9, 1.0) < 1.0 and tail.spread(1.0) == 1.0
    assert tail.surprise(20.0, 1.0) == MOST


@settings(max_examples=50, deadline=None)
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
