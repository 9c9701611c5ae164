"""When nothing was seen: what may be said of it. `not_observed` needs every view recorded, and examined by something able, throughout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.answer.views import View
from app.answer.wording import duration
from retrieval.intervals import covered, union
from retrieval.types import Coverage, Interval, Layer, Verdict

# a detector that misses more than this share is not trusted to say that nothing was there
ABLE_MISS_RATE = 0.35
# below this share of the window, silence means nothing
ENOUGH = 0.98


class Silence(NamedTuple):
    """What silence means: the verdict, and in words how well was looked ("" unless not_observed)."""

    verdict: Verdict
    looked: str


def silence(labels: Sequence[str], views: Sequence[View], window: Interval | None) -> Silence:
    """Judge the silence of the views about the labels in the window; without a window, in all they recorded."""
    if window is not None and not all(covered(_recorded(v), window) >= ENOUGH for v in views):
        return Silence(Verdict.NOT_RECORDED, "")
    if not labels or not views or not all(_able(v, label, window) for v in views for label in labels):
        return Silence(Verdict.INSUFFICIENT, "")
    examined = [c for v in views for label in labels for c in _looking(v, label)]
    worst = max(c.able[label] for label in labels for c in examined if label in c.able)
    step = max(c.interval_s for c in examined)
    return Silence(
        Verdict.NOT_OBSERVED,
        f"{_extent(views, window)}, one look every {step:.2g} s, measured miss rate {worst:.0%} a look",
    )


def _recorded(view: View) -> list[Interval]:
    return [c.valid for c in view.coverage if c.layer is Layer.RECORDED and c.valid]


def _looking(view: View, label: str) -> list[Coverage]:
    """Examined stretches in which the label could be seen well enough."""
    return [c for c in view.coverage if c.layer is Layer.EXAMINED and c.able.get(label, 1.0) <= ABLE_MISS_RATE]


def _able(view: View, label: str, window: Interval | None) -> bool:
    """Whether the label could be seen all through the window, or through all that was recorded."""
    looking = _looking(view, label)
    spans = [c.valid for c in looking if c.valid]
    if window is not None:
        return covered(spans, window) >= ENOUGH
    filmed = [c.span_ms for c in view.coverage if c.layer is Layer.RECORDED and c.span_ms]
    seen = [Interval(*c.span_ms) for c in looking if c.span_ms]
    recorded = union(_recorded(view))
    return (
        bool(looking)
        and all(covered(spans, r) >= ENOUGH for r in recorded)
        and all(covered(seen, Interval(*f)) >= ENOUGH for f in filmed)
    )


def _extent(views: Sequence[View], window: Interval | None) -> str:
    """How much was looked at."""
    if window is not None:
        return f"all of {duration(window.seconds)}"
    spans = [s for v in views for s in union(_recorded(v))]
    clips = [c.span_ms for v in views for c in v.coverage if c.layer is Layer.RECORDED and c.span_ms]
    seconds = sum(s.seconds for s in spans) + sum((b - a) / 1e3 for a, b in clips)
    return f"{duration(seconds)} of recording in {len(spans) + len(clips)} stretches"
