"""Interval algebra against a model: sets of whole microseconds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from retrieval.intervals import clip, covered, gaps, union
from retrieval.types import Interval

spans = st.builds(lambda a, n: Interval(a, a + n), st.integers(0, 60), st.integers(0, 20))


def instants(found: list[Interval]) -> set[int]:
    return {t for s in found for t in range(s.t0, s.t1)}


@given(st.lists(spans, max_size=8))
def test_union_covers_the_same_and_is_disjoint(given_spans: list[Interval]) -> None:
    merged = union(given_spans)
    assert instants(merged) == instants(given_spans)
    assert all(a.t1 < b.t0 for a, b in pairwise(merged))


@given(st.lists(spans, max_size=8), spans)
def test_clip_and_gaps_divide_the_window(given_spans: list[Interval], window: Interval) -> None:
    inside, holes = instants(clip(given_spans, window)), instants(gaps(given_spans, window))
    assert inside | holes == set(range(window.t0, window.t1))
    assert not inside & holes
    if window.t1 > window.t0:
        assert covered(given_spans, window) == len(inside) / (window.t1 - window.t0)


@given(spans, spans)
def test_overlap_is_symmetric(a: Interval, b: Interval) -> None:
    assert a.overlaps(b) == b.overlaps(a)
