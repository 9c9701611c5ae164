"""What looks like words stands out from what the clip looks like at most times, by as much as what was seen does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.video.likely import Shown, margins, median_over_time, stands_out

EMPTY = [Shown(f"empty{n}", 5_000, frozenset()) for n in range(20)]
PEOPLE = [Shown(f"person{n}", 1_000, frozenset({"person"})) for n in range(40)]
CLIP = [*EMPTY, *PEOPLE]


def _scores(of_person: float, of_hat: float) -> Mapping[str, Mapping[str, float]]:
    """Frames with a person, of whom the first ten wear a hat: there are more of them, but they stand for less time."""
    person = {each.id: 0.1 + (of_person if each in PEOPLE else 0.0) for each in CLIP}
    hat = {each.id: 0.05 + (of_hat if each in PEOPLE[:10] else 0.0) for each in CLIP}
    return {"person": person, "hat": hat}


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(1, 50)), min_size=1, max_size=30))
def test_the_median_is_that_of_time(values: list[tuple[float, int]]) -> None:
    """Against NumPy's lower median of each value repeated for as many milliseconds."""
    every = np.repeat([value for value, _ in values], [length for _, length in values])
    assert median_over_time(values) == np.percentile(every, 50, method="inverted_cdf")


def test_usual_is_what_is_there_for_longest_not_in_most_frames() -> None:
    found = margins(CLIP, _scores(0.4, 0.2)["hat"])
    assert found["empty3"] == 0.0 and found["person0"] == pytest.approx(0.2)
    assert margins(CLIP, {}) == {} and set(margins(CLIP, {"empty1": 0.3, "gone": 0.9})) == {"empty1"}


@pytest.mark.parametrize(("of_hat", "enough"), [(0.2, True), (0.09, True), (0.07, False), (-0.2, False)])
def test_enough_is_a_fifth_of_what_is_seen(of_hat: float, enough: bool) -> None:
    scores = _scores(0.4, of_hat)
    assert stands_out("person0", margins(CLIP, scores["hat"]), CLIP, scores.__getitem__) is enough


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_the_encoder_s_own_scale_does_not_count(scale: float) -> None:
    for of_hat, enough in ((0.2, True), (0.07, False)):
        scores = {words: {id_: scale * each for id_, each in of.items()} for words, of in _scores(0.4, of_hat).items()}
        assert stands_out("person0", margins(CLIP, scores["hat"]), CLIP, scores.__getitem__) is enough


def test_where_nothing_was_seen_the_rest_of_the_clip_tells() -> None:
    bare = [each._replace(labels=frozenset()) for each in CLIP]
    flicker = {each.id: 0.001 * (n % 5) for n, each in enumerate(bare)}
    assert stands_out("person0", margins(bare, {**flicker, "person0": 0.3}), bare, {}.__getitem__)
    assert not stands_out("person4", margins(bare, flicker), bare, {}.__getitem__)
