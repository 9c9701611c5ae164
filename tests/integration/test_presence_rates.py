"""The rates of the suite `presence` against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from eval.eyes import presence


@given(st.tuples(*[st.integers(0, 500)] * 3))
def test_rates_agree_with_scikit_learn(counts: tuple[int, int, int]) -> None:
    both, only_seen, only_there = counts
    truth = [1] * both + [0] * only_seen + [1] * only_there
    seen = [1] * (both + only_seen) + [0] * only_there
    theirs = precision_recall_fscore_support(truth or [0], seen or [0], average="binary", zero_division=1.0)[:3]
    assert presence.rates(np.array(counts, np.float64)) == pytest.approx(theirs)
