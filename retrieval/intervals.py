"""Interval algebra over half-open spans of UTC microseconds. Lists are sorted and disjoint on the way out."""

from __future__ import annotations

from collections.abc import Iterable

from retrieval.types import Interval


def union(spans: Iterable[Interval], join_within: int = 0) -> list[Interval]:
    """Merge spans that overlap, touch, or lie within `join_within` microseconds of each other."""
    merged: list[Interval] = []
    for span in sorted(spans):
        if merged and span.t0 <= merged[-1].t1 + join_within:
            merged[-1] = Interval(merged[-1].t0, max(merged[-1].t1, span.t1))
        else:
            merged.append(span)
    return merged


def clip(spans: Iterable[Interval], window: Interval) -> list[Interval]:
    """The parts of the spans that lie in the window; empty parts are dropped."""
    inside = (
        Interval(max(s.t0, window.t0), min(s.t1, window.t1)) for s in spans if s.t0 < window.t1 and window.t0 < s.t1
    )
    return union(inside)


def gaps(spans: Iterable[Interval], window: Interval) -> list[Interval]:
    """The parts of the window that no span covers."""
    holes: list[Interval] = []
    at = window.t0
    for span in clip(spans, window):
        if span.t0 > at:
            holes.append(Interval(at, span.t0))
        at = max(at, span.t1)
    if at < window.t1:
        holes.append(Interval(at, window.t1))
    return holes


def covered(spans: Iterable[Interval], window: Interval) -> float:
    """The share of the window that the spans cover, in [0, 1]. An instant is covered wholly or not at all."""
    spans = list(spans)
    if window.t0 == window.t1:
        return float(any(s.t0 <= window.t0 < s.t1 for s in spans))
    return sum(s.t1 - s.t0 for s in clip(spans, window)) / (window.t1 - window.t0)
