"""Tail probabilities and the multivariate chart against scipy's distributions."""

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from ingest.series.anomaly import mewma
from ingest.series.anomaly.mewma import Mewma, MewmaSettings
from ingest.series.anomaly.tails import MOST, Tail, TailSettings

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


def correlated(n):
    """Rows of three series that go together."""
    mix = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.5, 0.2, 0.8]])
    return np.random.default_rng(1).normal(size=(n, 3)) @ mix.T * [1, 10, 0.1] + [5, -200, 0]


@pytest.mark.parametrize("weight", [1.0, 0.2])
def test_on_normal_rows_the_statistic_is_chi_squared(weight):
    plain = MewmaSettings(train=4000, weight=weight, clip=8.0, shrink=0.0)
    chart = Mewma(plain)
    told = np.array([found.statistic for row in correlated(14_000) if (found := chart.update(row))])
    for share in (0.5, 0.9, 0.99):
        assert np.quantile(told, share) == pytest.approx(stats.chi2(3).ppf(share), rel=0.15)


@pytest.mark.parametrize("columns", [1, 3, 8, 40])
def test_the_least_limit_is_a_quantile_of_chi_squared(columns):
    true = stats.chi2(columns).isf(1e-6)
    assert 0.999 * true <= mewma._least_limit(columns) <= 1.16 * true
