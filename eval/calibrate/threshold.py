"""The threshold of abstention: the lowest confidence from which a stated risk is kept, with a stated certainty.

Selection with guaranteed risk (Geifman and El-Yaniv 2017, algorithm 1): a binary search over the confidences of held-out answers; each
of its k = ⌈log₂ n⌉ thresholds is judged by an upper bound of the risk among what lies above it. The bound is the exact one-sided
Clopper–Pearson (1934) bound of a binomial share, at certainty 1 − δ / (k · suites): it holds for all thresholds tried, in every suite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.confidence.calibrator import Abstention

METHOD = "selection with guaranteed risk (Geifman and El-Yaniv 2017), Clopper-Pearson, in every suite"


class Held(NamedTuple):
    """A held-out answer that stated something."""

    suite: str
    confidence: float
    right: bool


class Kept(NamedTuple):
    """What lies at or above a threshold, and the upper bound of its risk in the worst suite."""

    kept: int
    wrong: int
    bound: float


def upper_bound(wrong: int, n: int, delta: float) -> float:
    """The Clopper–Pearson upper bound of a share of which `wrong` of `n` was seen; it fails with probability at most `delta`."""
    from scipy.special import betaincinv

    return 1.0 if wrong >= n else float(betaincinv(wrong + 1, n - wrong, 1.0 - delta))


def keep(held: Sequence[Held], threshold: float, delta: float) -> Kept:
    """Count what a threshold keeps; the bound is the highest of the suites', each at certainty 1 − delta / suites."""
    suites = sorted({h.suite for h in held})
    above = [h for h in held if h.confidence >= threshold]
    bounds = []
    for suite in suites:
        own = [h.right for h in above if h.suite == suite]
        bounds.append(upper_bound(own.count(False), len(own), delta / len(suites)))
    return Kept(len(above), sum(not h.right for h in above), max(bounds, default=1.0))


def choose(held: Sequence[Held], risk: float, certainty: float = 0.95) -> Abstention | None:
    """The threshold that keeps most while its bound is at most `risk`; None where no threshold does."""
    levels = sorted(h.confidence for h in held)
    rounds = max(1, math.ceil(math.log2(max(len(levels), 2))))
    delta = (1.0 - certainty) / rounds
    low, high = 0, len(levels) - 1
    found: tuple[float, Kept] | None = None
    for _ in range(rounds):
        if low > high:
            break
        middle = (low + high) // 2
        kept = keep(held, levels[middle], delta)
        if kept.bound <= risk:
            found, high = (levels[middle], kept), middle - 1
        else:
            low = middle + 1
    if found is None:
        return None
    threshold, kept = found
    return Abstention(
        threshold=threshold,
        risk=risk,
        certainty=certainty,
        method=METHOD,
        stated=len(held),
        kept=kept.kept,
        wrong=kept.wrong,
        bound=kept.bound,
    )
