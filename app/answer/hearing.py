"""When no alert was found: whether one could have been heard. A feed that was away or silent tells nothing of its time."""

from __future__ import annotations

from collections.abc import Sequence

from app.answer.desk import Desk, Finding
from app.answer.question import Wants
from app.answer.wording import duration, stretch
from retrieval.intervals import gaps
from retrieval.types import CoverageNote, Interval, Layer, Verdict

_FEED = "feed:///"
# what was listened to last is told a minute later
_UNTOLD_S = 120.0


def unheard(desk: Desk) -> Finding | None:
    """`not_recorded` where a question about alerts of a time asks of one in which a feed, listened to before it, was not heard.

    None for every other question: that a feed was heard all the time does not say that it would have told of the thing asked about.
    """
    when = desk.question.when
    if when is None or Wants.ALERT not in desk.question.wants:
        return None
    window = Interval(when.window.t0, max(when.window.t0, min(when.window.t1, desk.question.asked_at)))
    notes = tuple(
        CoverageNote(
            feed,
            "gap",
            gap,
            f"feed {feed.removeprefix(_FEED)}: not heard for {duration(gap.seconds)}, {stretch(gap, desk.tools.zone)}",
        )
        for feed, spans in sorted(_listened(desk).items())
        for gap in gaps(spans, window)
        if gap.seconds >= _UNTOLD_S and min(spans).t0 <= window.t0
    )
    return Finding(Verdict.NOT_RECORDED, (), (), notes) if notes else None


def _listened(desk: Desk) -> dict[str, Sequence[Interval]]:
    """By feed, when it was listened to."""
    found: dict[str, list[Interval]] = {}
    for told in desk.coverage(()):
        if told.layer is Layer.EXAMINED and told.valid is not None and told.subject.startswith(_FEED):
            found.setdefault(told.subject, []).append(told.valid)
    return dict(found)
