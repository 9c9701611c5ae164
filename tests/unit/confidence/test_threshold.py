"""The threshold keeps the stated risk: the bound against the binomial itself, the choice by drawing again and again."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.calibrate.threshold import Held, choose, keep, upper_bound


@pytest.mark.parametrize(
    ("wrong", "n", "bound"),
    # one-sided 95 % Clopper–Pearson limits as in printed tables
    [(0, 10, 0.2589), (1, 10, 0.3942), (2, 10, 0.5069), (0, 29, 0.0981), (5, 50, 0.1988)],
)
def test_the_bound_is_the_one_in_tables(wrong: int, n: int, bound: float) -> None:
    assert upper_bound(wrong, n, 0.05) == pytest.approx(bound, abs=1e-4)


@given(n=st.integers(1, 200), share=st.floats(0, 0.99), delta=st.floats(1e-4, 0.5))
def test_at_the_bound_as_few_errors_have_the_chance_delta(n: int, share: float, delta: float) -> None:
    wrong = int(share * n)
    p = upper_bound(wrong, n, delta)
    assert wrong / n < p <= 1.0
    assert sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(wrong + 1)) == pytest.approx(delta, rel=1e-6)


def test_nothing_kept_promises_nothing() -> None:
    assert upper_bound(0, 0, 0.05) == upper_bound(3, 3, 0.05) == 1.0


def test_the_worst_suite_counts() -> None:
    held = [Held("a", 0.9, True)] * 50 + [Held("b", 0.9, n > 0) for n in range(10)]
    assert keep(held, 0.5, 0.05).bound == pytest.approx(upper_bound(1, 10, 0.025))
    assert keep(held, 0.5, 0.05)[:2] == (60, 1)
    # a suite with nothing above the threshold promises nothing
    assert keep([*held, Held("c", 0.1, True)], 0.5, 0.05).bound == 1.0


def test_what_is_wrong_is_left_below() -> None:
    held = [Held("a", n / 400, n >= 160) for n in range(400)]
    found = choose(held, 0.1)
    assert found is not None
    assert 0.3 < found.threshold < 0.42 and found.bound <= 0.1
    above = [h for h in held if h.confidence >= found.threshold]
    assert (found.stated, found.kept, found.wrong) == (400, len(above), sum(not h.right for h in above))


@pytest.mark.parametrize("held", [[], [Held("a", 0.9, True)] * 5, [Held("a", 0.9, n % 2 > 0) for n in range(500)]])
def test_where_no_threshold_keeps_the_risk_there_is_none(held: list[Held]) -> None:
    assert choose(held, 0.1) is None


def test_the_stated_risk_is_kept_as_often_as_stated() -> None:
    """Answers are right with the chance 0.5 + p / 2, so the risk above a threshold t is (1 − t) / 4 exactly."""
    rng = np.random.default_rng(11)
    broken = chosen = 0
    for _ in range(200):
        p = rng.random(300)
        right = rng.random(300) < 0.5 + p / 2
        found = choose([Held("a", float(x), bool(y)) for x, y in zip(p, right, strict=True)], 0.15, 0.9)
        if found is not None:
            chosen += 1
            broken += (1 - found.threshold) / 4 > 0.15
    assert chosen > 100
    assert broken <= 0.1 * 200
