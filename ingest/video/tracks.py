"""What was counted in a clip, as a piece of evidence in words: how many at once, how many different ones, from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ingest.ports import Draft
from ingest.vision.tracking import Counted
from retrieval.times import to_datetime
from retrieval.types import FrameAt, Interval, Kind, Mention, Micros, Relation


class Looked(NamedTuple):
    """How a clip was looked at: its name, its camera and first frame's UTC time in µs where known, the longest time between two
    looks in ms, and each detector's miss rates by label (1.0 = not measured)."""

    label: str
    camera: str | None
    start: Micros | None
    longest_ms: int
    able: Mapping[str, Mapping[str, float]]


def summary(counted: Counted, looked: Looked, models: dict[str, str], notes: tuple[str, ...]) -> Draft:
    """A passage over the whole span in which the label was seen.

    `most` at once is a lower bound on how many different ones there were, as far as the detector's boxes are right. `tracks` is an
    estimate: one that is lost from view and comes back counts again, two that pass for one count once, and what no look caught does not.
    """
    span = counted.span_ms
    missed = looked.able.get(counted.by, {}).get(counted.label, 1.0)
    subject = looked.camera or looked.label
    return Draft(
        kind=Kind.PASSAGE,
        locator=FrameAt(*span),
        text=_words(counted, looked, subject, missed),
        valid=None if looked.start is None else Interval(looked.start + span[0] * 1000, looked.start + span[1] * 1000),
        mentions=(Mention(looked.camera, Relation.OBSERVED_AT),) if looked.camera else (),
        data=_data(counted, looked, missed),
        models=models,
        notes=notes,
        embed=f"{subject} counts {counted.label}: {_how_many(counted)}",
    )


def _words(counted: Counted, looked: Looked, subject: str, missed: float) -> str:
    first, last = (_when(ms, looked.start) for ms in counted.span_ms)
    times = len(counted.stretches)
    apart = f", in {times} stretches" if times > 1 else ""
    rate = "how many a look misses is not measured" if missed >= 1.0 else f"a look misses {missed:.0%} of them"
    doubt = " (an estimate: one lost and found again counts twice, two taken for one count once)"
    return (
        f"{subject} counts {counted.label}: {_how_many(counted)}{doubt if counted.tracks > 1 else ''}. "
        f"Most at once at {_when(counted.most_ms, looked.start)}. Seen from {first} to {last}{apart}. "
        f"Looked at every {looked.longest_ms / 1000:.2g} s at the least; {rate}."
    )


def _how_many(counted: Counted) -> str:
    at_once = f"at most {counted.most} at once"
    if counted.tracks == counted.most:
        return f"{at_once} and {counted.tracks} in all, followed from look to look"
    once = counted.tracks - counted.lasting
    followed = f"{counted.lasting} were followed from look to look" + (
        f" and {once} more seen in one look only" if once else ""
    )
    return f"{at_once}, so {counted.most} different ones or more if every box is right; {followed}"


def _when(ms: int, start: Micros | None) -> str:
    if start is None:
        minutes, seconds = divmod(round(ms / 1000), 60)
        return f"{minutes:02}:{seconds:02} into the clip"
    return f"{to_datetime(start + ms * 1000):%Y-%m-%d %H:%M:%S} UTC"


def _data(counted: Counted, looked: Looked, missed: float) -> dict[str, Any]:
    return {
        "label": counted.label,
        "by": counted.by,
        "most": counted.most,
        "most_ms": counted.most_ms,
        "tracks": counted.tracks,
        "lasting": counted.lasting,
        "stretches": msgspec.to_builtins([list(each) for each in counted.stretches]),
        "looked_every_s": round(looked.longest_ms / 1000, 3),
        "missed": None if missed >= 1.0 else missed,
    }
