"""The figures of the suite `grounding`, worked out by hand, and the suite on its own data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import grounding
from eval.grounding import Rated, Verdicts, balanced, best_threshold, crossed, measured
from eval.resampling import interval
from retrieval.errors import InputError

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", "../shared/data"))


def verdicts(truth: list[int], verifier: list[int], shares: list[float], files: list[int]) -> Verdicts:
    return Verdicts(
        np.array(truth, bool), np.array(verifier, bool), np.array(shares), np.array(files), np.zeros(len(truth), bool)
    )


SMALL = verdicts([1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 1, 1], [0.9, 0.7, 0.8, 0.2, 0.5, 0.4], [0, 0, 0, 0, 1, 1])


def test_balanced_accuracy_is_the_mean_over_both_sorts() -> None:
    # 2 of 3 attributable kept, 2 of 3 others refused
    assert balanced(SMALL.verifier, SMALL.truth) == pytest.approx(2 / 3)
    assert balanced(np.ones(6, bool), SMALL.truth) == 0.5
    assert np.isnan(balanced(np.ones(2, bool), np.ones(2, bool)))


def test_the_best_threshold_is_the_lowest_of_the_best() -> None:
    # from 0.5 on: 3 of 3 kept, 2 of 3 refused
    found = best_threshold(SMALL)
    assert (found.at, found.accuracy) == (0.5, pytest.approx((1 + 2 / 3) / 2))


def test_each_file_is_judged_at_the_others_threshold() -> None:
    # file 0 alone is best from 0.7, file 1 from 0.5: crossed, file 0 at 0.5 keeps 2 of 2 and refuses 1 of 2; file 1 at 0.7 keeps none
    assert best_threshold(SMALL.some(SMALL.files == 0)).at == 0.7
    assert best_threshold(SMALL.some(SMALL.files == 1)).at == 0.5
    assert crossed(SMALL) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert np.isnan(crossed(SMALL.some(SMALL.files == 0)))


def test_the_baseline_counts_content_words() -> None:
    said = Rated("begin_dev_wow.tsv", "The pump tripped at night.", "The pump tripped twice.", True, False)
    assert grounding.share(said) == pytest.approx(2 / 3)
    assert grounding.share(said._replace(response="it is")) == 0.0


def test_the_lead_is_over_the_words_at_their_best() -> None:
    told = measured(SMALL)
    assert told["ahead"] == pytest.approx(2 / 3 - 5 / 6)
    assert told["verifier low"] <= told["verifier"] <= told["verifier high"]  # type: ignore[operator]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_an_interval_of_a_mean_holds_it_and_is_the_same_again(values: list[float]) -> None:
    column = np.array(values)
    spread = interval(lambda at: float(column[at].mean()), [0] * len(values), draws=50)
    assert min(values) - 1e-9 <= spread.low <= spread.high <= max(values) + 1e-9
    assert spread == interval(lambda at: float(column[at].mean()), [0] * len(values), draws=50)


def test_groups_keep_their_sizes() -> None:
    groups = ["a"] * 3 + ["b"] * 5
    interval(lambda at: float(np.all([(at < 3).sum() == 3, len(at) == 8]) or pytest.fail("sizes changed")), groups, 20)
    with pytest.raises(ValueError, match="nothing to draw"):
        interval(lambda at: 0.0, [])


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("knowledge\tresponse\tbegin_label\na\tb\tMaybe\n")
    with pytest.raises(InputError, match="not a file of BEGIN"):
        grounding.read(tmp_path / "x.tsv")
    with pytest.raises(InputError, match="not a file of BEGIN"):
        grounding.read(tmp_path / "none.tsv")


@pytest.mark.data
def test_labels_are_those_that_were_counted_by_hand() -> None:
    if not (DATA / "grounding").is_dir():
        pytest.skip(f"{DATA / 'grounding'} is not here")
    replies = [one for name in grounding.FILES for one in grounding.read(DATA / "grounding" / name)]
    assert (len(replies), sum(r.attributable for r in replies), sum(r.generic for r in replies)) == (846, 239, 79)
