"""Metrics against worked examples and against what must hold; tests/integration/test_confidence.py holds them against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from eval.calibrate.metrics import (
    METRICS,
    Bools,
    Floats,
    aurc,
    auroc,
    brier,
    calibration_error,
    ece,
    estimate,
    reliability,
    risk_coverage,
)

NOBODY = (np.zeros(0), np.zeros(0, np.bool_))
answers = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])),
        arrays.arrays(np.bool_, n),
    )
)


def of(probabilities: list[float], right: list[int]) -> tuple[Floats, Bools]:
    return np.array(probabilities, np.float64), np.array(right, np.bool_)


def test_bins_hold_as_many_each_lowest_first() -> None:
    n, probability, accuracy = reliability(*of([0.9, 0.1, 0.8, 0.2], [1, 0, 0, 1]), bins=2)
    assert (n.tolist(), accuracy.tolist()) == ([2, 2], [0.5, 0.5])
    assert probability.tolist() == pytest.approx([0.15, 0.85])
    assert reliability(*of([0.5, 0.6], [1, 0]), bins=10).n.tolist() == [1, 1]
    assert reliability(*NOBODY).n.tolist() == []


@given(n=st.integers(1, 200), bins=st.integers(1, 20))
def test_no_bin_is_empty_and_no_answer_left_out(n: int, bins: int) -> None:
    p = np.linspace(0, 1, n)
    found = reliability(p, p > 0.5, bins)
    assert found.n.sum() == n and len(found.n) == min(n, bins) and found.n.max() - found.n.min() <= 1
    assert (found.n * found.probability).sum() == pytest.approx(p.sum())
    assert (found.n * found.accuracy).sum() == pytest.approx((p > 0.5).sum())


def test_ece_by_hand() -> None:
    # ten bins of two: |accuracy − probability| is 0.2 in five of them and 0.3 in the others
    low, high = [0.2] * 10, [0.7] * 10
    assert ece(*of(low + high, [0] * 10 + [1] * 10)) == pytest.approx((0.2 * 10 + 0.3 * 10) / 20)


def test_the_debiased_error_of_what_is_calibrated_is_near_0_where_ece_is_not() -> None:
    rng = np.random.default_rng(5)
    p = rng.random(200)
    errors = [(ece(p, rng.random(200) < p), calibration_error(p, rng.random(200) < p)) for _ in range(200)]
    biased, debiased = np.mean(errors, axis=0)
    assert biased > 0.05 and debiased < biased


def test_the_debiased_error_by_hand() -> None:
    # one bin a pair is too few to have a variance taken; ten bins of four, half right, 0.2 too low
    p, right = np.full(40, 0.3), np.tile([True, False, True, False], 10)
    assert calibration_error(p, right) == pytest.approx(np.sqrt(max(0, 0.2**2 - 0.5 * 0.5 / 3)))
    p, right = np.full(40, 0.3), np.ones(40, np.bool_)
    assert calibration_error(p, right) == pytest.approx(0.7)
    assert calibration_error(*of([0.5], [1])) is None


def test_brier_by_hand() -> None:
    assert brier(*of([0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0])) == pytest.approx((0.01 + 0.01 + 0.04 + 0.09) / 4)


def test_auroc_by_hand() -> None:
    # of the four pairs (right, wrong) three are in order
    assert auroc(*of([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])) == pytest.approx(0.75)
    assert auroc(*of([0.5, 0.5], [1, 0])) == 0.5
    assert auroc(*of([0.5, 0.7], [1, 1])) is None


def test_risk_and_coverage_by_hand() -> None:
    curve = risk_coverage(*of([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(*of([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0])) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_without_an_order_every_share_has_the_same_risk() -> None:
    assert risk_coverage(*of([0.5] * 4, [1, 0, 0, 1])).risk.tolist() == pytest.approx([0.5] * 4)


@pytest.mark.parametrize("metric", METRICS.values())
def test_of_nothing_there_is_no_metric(metric) -> None:
    assert metric(*NOBODY) is None


@given(answers)
def test_metrics_are_shares_and_do_not_depend_on_the_order(found: tuple[Floats, Bools]) -> None:
    p, right = found
    turned = np.random.default_rng(0).permutation(len(p))
    for metric in METRICS.values():
        value, again = metric(p, right), metric(p[turned], right[turned])
        assert value is None or (0.0 <= value <= 1.0 and again == pytest.approx(value, abs=1e-6))


@given(answers)
def test_no_order_beats_the_true_one(found: tuple[Floats, Bools]) -> None:
    p, right = found
    best = aurc(right.astype(np.float64), right)
    assert best is not None and best <= (aurc(p, right) or 0.0) + 1e-9
    assert risk_coverage(p, right).risk[-1] == pytest.approx(1 - right.mean())


def test_an_interval_holds_the_value_narrows_with_more_and_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(2)
    widths = []
    for n in (50, 500):
        p = rng.random(n)
        right = rng.random(n) < p
        found = estimate(p, right, [str(i) for i in range(n)], seed=3, rounds=200)
        assert found == estimate(p, right, [str(i) for i in range(n)], seed=3, rounds=200)
        low, value, high = found["brier"].low, found["brier"].value, found["brier"].high
        assert low is not None and value is not None and high is not None and low < value < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_paraphrases_are_drawn_together() -> None:
    p = np.full(40, 0.5)
    right = np.repeat([True, False], 20)
    apart = estimate(p, right, [str(n) for n in range(40)], rounds=200)["aurc"]
    together = estimate(p, right, [str(n // 10) for n in range(40)], rounds=200)["aurc"]
    assert together.high - together.low > 1.5 * (apart.high - apart.low)  # type: ignore[operator]
