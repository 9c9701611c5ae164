"""What the suite of moments counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.moments.site import Asked, Found, iou, queries, summary
from eval.site.story import tell
from retrieval.times import to_datetime
from retrieval.types import Interval

SECOND = 1_000_000
spans = st.tuples(st.integers(0, 10_000), st.integers(1, 10_000)).map(lambda p: Interval(p[0], p[0] + p[1]))


@given(spans, spans)
def test_likeness_of_spans_is_shared_time_over_time_of_either(one: Interval, other: Interval) -> None:
    seconds = [set(range(each.t0, each.t1)) for each in (one, other)]
    assert iou(one, other) == pytest.approx(len(seconds[0] & seconds[1]) / len(seconds[0] | seconds[1]))
    assert iou(one, other) == iou(other, one)


def test_every_sighting_of_five_seconds_is_asked_for_once_a_recording() -> None:
    sights = tell(3, 1).sights
    asked = queries(sights)
    long = [sight for sight in sights if sight.end - sight.start >= timedelta(seconds=5)]
    assert sum(len(each.truth) for each in asked) == len(long)
    assert len({(each.attribute, each.camera, each.window) for each in asked}) == len(asked)
    assert all(each.window.t0 <= span.t0 < span.t1 <= each.window.t1 for each in asked for span in each.truth)
    assert to_datetime(asked[0].window.t0).tzinfo is UTC and isinstance(long[0].start, datetime)


def test_half_of_the_time_shared_counts_and_less_does_not() -> None:
    asked = Asked("truck", "CAM-01", Interval(0, 600 * SECOND), (Interval(0, 10 * SECOND),))
    told = summary([Found(asked, 0.5, 0.0), Found(asked, 0.499, 0.9)])
    assert (told["n"], told["r_at_1"], told["r_at_1_as_ingested"]) == (2, 0.5, 0.5)
    assert [row["iou"] for row in told["missed"]] == [0.499]
