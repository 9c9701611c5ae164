"""Metrics of probabilities against what came true. Each is a plain function of (probabilities, right), float64 and bool of shape (n,).

None where a metric is not defined: for no answers, or for a ranking of answers that are all right or all wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Metric: TypeAlias = Callable[[Floats, Bools], float | None]
BINS = 10


class Reliability(NamedTuple):
    """A reliability diagram, each float64 of shape (bins,): answers in a bin, their mean probability, the share that was right."""

    n: Floats
    probability: Floats
    accuracy: Floats


def reliability(probabilities: Floats, right: Bools, bins: int = BINS) -> Reliability:
    """Bins of equal mass, by probability, lowest first; fewer than `bins` where there are fewer answers.

    Answers of one probability that a border parts are shared out evenly, so that the order of the answers does not matter.
    """
    total = len(right)
    starts = np.unique(np.arange(bins) * total // bins)[:total]
    n = np.diff(starts, append=total).astype(np.float64)
    order = np.argsort(probabilities, kind="stable")
    if not total:
        return Reliability(n[:0], n[:0], n[:0])
    _, place, alike = np.unique(probabilities, return_inverse=True, return_counts=True)
    share = (np.bincount(place, weights=right) / alike)[place]
    sums = (np.add.reduceat(column[order], starts) for column in (probabilities, share))
    mean, accuracy = (found / n for found in sums)
    return Reliability(n, mean, accuracy)


def ece(probabilities: Floats, right: Bools) -> float | None:
    """Expected calibration error over ten bins of equal mass: Σ n_b/n · |accuracy_b − probability_b| (Naeini et al. 2015).

    Biased upwards for few answers, since each bin's accuracy has an error of its own; see `calibration_error`.
    """
    n, mean, accuracy = reliability(probabilities, right)
    return float(np.sum(n * np.abs(accuracy - mean)) / len(right)) if len(right) else None


def calibration_error(probabilities: Floats, right: Bools) -> float | None:
    """Root of the debiased squared calibration error over the same bins (Kumar, Liang and Ma 2019, section 4).

    From each bin's squared gap the variance of its accuracy, accuracy · (1 − accuracy) / (n_b − 1), is taken away; 0 where less
    than nothing is left. None where a bin has a single answer.
    """
    n, mean, accuracy = reliability(probabilities, right)
    if not len(right) or n.min() < 2:
        return None
    gaps = n * ((accuracy - mean) ** 2 - accuracy * (1 - accuracy) / (n - 1))
    return float(np.sqrt(max(0.0, gaps.sum() / len(right))))


def brier(probabilities: Floats, right: Bools) -> float | None:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return float(np.mean((probabilities - right) ** 2)) if len(right) else None


def auroc(probabilities: Floats, right: Bools) -> float | None:
    """Probability that a right answer has the higher one of two, ties counting half (Mann–Whitney U / (n₁ n₀))."""
    ones = int(right.sum())
    zeros = len(right) - ones
    if not ones or not zeros:
        return None
    _, place, count = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]  # (n,) midranks from 1
    return float((ranks[right].sum() - ones * (ones + 1) / 2) / (ones * zeros))


class RiskCoverage(NamedTuple):
    """Keeping the k surest of n answers, k = 1 … n: the share kept and the share of those that is wrong, both (n,)."""

    coverage: Floats
    risk: Floats


def risk_coverage(probabilities: Floats, right: Bools) -> RiskCoverage:
    """The risk–coverage curve (El-Yaniv and Wiener 2010). Answers of one probability are kept in random order: the expectation."""
    values, place = np.unique(-probabilities, return_inverse=True)
    size = np.bincount(place, minlength=len(values))
    wrong = np.bincount(place, weights=~right, minlength=len(values))
    errors = np.cumsum(np.repeat(wrong / np.maximum(size, 1), size))  # (n,) expected wrong among the k surest
    kept = np.arange(1, len(right) + 1, dtype=np.float64)
    return RiskCoverage(kept / max(len(right), 1), errors / kept)


def aurc(probabilities: Floats, right: Bools) -> float | None:
    """Area under the risk–coverage curve: the mean of the n risks (Geifman, Uziel and El-Yaniv 2019)."""
    return float(risk_coverage(probabilities, right).risk.mean()) if len(right) else None


METRICS: Mapping[str, Metric] = {
    "ece": ece,
    "calibration_error": calibration_error,
    "brier": brier,
    "auroc": auroc,
    "aurc": aurc,
}


class Estimate(NamedTuple):
    """A metric with its 95 % interval, None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def estimate(
    probabilities: Floats, right: Bools, families: Sequence[str], seed: int = 1, rounds: int = 1000
) -> dict[str, Estimate]:
    """Every metric with the percentile interval of `rounds` bootstrap samples (Efron 1979); the same seed gives the same interval.

    Whole families are drawn: paraphrases of one question are right and wrong together.
    """
    rng = np.random.default_rng(seed)
    members = _members(families)
    drawn: dict[str, list[float]] = {name: [] for name in METRICS}
    for _ in range(rounds):
        picked = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[i] for i in picked])
        for name, metric in METRICS.items():
            value = metric(probabilities[rows], right[rows])
            if value is not None:
                drawn[name].append(value)
    return {name: _estimated(metric(probabilities, right), drawn[name]) for name, metric in METRICS.items()}


def _members(families: Sequence[str]) -> list[NDArray[np.intp]]:
    _, place = np.unique(np.asarray(families), return_inverse=True)
    return [np.flatnonzero(place == family) for family in range(int(place.max()) + 1)]


def _estimated(value: float | None, drawn: Sequence[float]) -> Estimate:
    if value is None or not drawn:
        return Estimate(value, None, None)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(value, float(low), float(high))
