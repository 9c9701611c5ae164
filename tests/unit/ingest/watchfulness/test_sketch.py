"""Quantiles of the sketch beside numpy's own, and sketches of parts beside that of the whole."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.watchfulness.sketch import ACCURACY, LONGEST, SHORTEST, Sketch, merged

durations = st.lists(st.integers(SHORTEST, LONGEST), min_size=1, max_size=200)


def sketch(values: list[int]) -> Sketch:
    made = Sketch()
    for value in values:
        made.add(value)
    return made


@given(durations, st.sampled_from([0.0, 0.25, 0.5, 0.95, 0.99, 1.0]))
@example([SHORTEST], 0.5)
@example([LONGEST, SHORTEST], 1.0)
def test_a_quantile_is_off_by_five_per_cent_at_most(values: list[int], q: float) -> None:
    true = float(np.quantile(values, q, method="lower"))
    found = sketch(values).quantile(q)
    # half a microsecond is lost in rounding
    assert found is not None and abs(found - true) <= ACCURACY * true + 0.5


@given(durations, durations)
def test_sketches_of_parts_are_that_of_the_whole(one: list[int], other: list[int]) -> None:
    assert merged([sketch(one), sketch(other)]) == sketch(one + other)


def test_what_lies_outside_counts_as_the_shortest_or_the_longest() -> None:
    assert sketch([-5, 0, 3]).quantile(1.0) == sketch([SHORTEST]).quantile(0.5)
    assert sketch([10 * LONGEST]) == sketch([LONGEST])
    assert Sketch().quantile(0.5) is None


@given(st.lists(st.integers(0, 2 * LONGEST), max_size=2000))
def test_it_stays_small_and_survives_being_written(values: list[int]) -> None:
    made = sketch(values)
    assert len(made.buckets) <= 256 and made.count == len(values)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Sketch) == made
