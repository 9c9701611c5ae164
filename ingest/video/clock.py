"""Clocks burnt into the picture: what a line of read text says, and whether several of them agree with media time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from statistics import median
from typing import NamedTuple

from ingest.video.start import offset_zone
from retrieval.times import to_micros
from retrieval.types import Micros

# readers lose blanks and take ":" for "." or ";": "2026-03-0402:10:00UTC"
_TIME = r"[T ,_-]*(?P<h>[0-2]\d)\s*[:;.]\s*(?P<m>[0-5]\d)\s*[:;.]\s*(?P<s>[0-5]\d)(?:[.,]\d{1,6})?(?!\d)"
_ZONE = r"\s*(?P<zone>Z\b|UTC|GMT|[+-]\d\d:?\d\d)?"
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?P<Y>(?:19|20)\d\d)\s*[-/.]\s*(?P<M>[01]\d)\s*[-/.]\s*(?P<D>[0-3]\d)" + _TIME + _ZONE
)
_YEAR_LAST = re.compile(
    r"(?<!\d)(?P<a>[0-3]\d)\s*[-/.]\s*(?P<b>[0-3]\d)\s*[-/.]\s*(?P<Y>(?:19|20)\d\d)" + _TIME + _ZONE
)
_ANY_TIME = re.compile(r"(?<!\d)[0-2]?\d[:;.][0-5]\d[:;.][0-5]\d(?!\d)")
_TOLERANCE = 1_500_000
_PACE_AFTER = 20_000_000


class Reading(NamedTuple):
    """One clock as read: UTC µs, whether the line names its zone, and the span of characters it takes in the line."""

    at: Micros
    zoned: bool
    span: tuple[int, int]


class ClockFit(NamedTuple):
    """`start`: UTC µs of media time 0. `agreeing` of `read` clocks lie within 1.5 s of it; `pace` is clock time per media time, where
    the readings span 20 s (else None)."""

    start: Micros
    agreeing: int
    read: int
    zoned: bool
    pace: float | None


def read_clock(line: str, zone: tzinfo, dates: str) -> Reading | None:
    """The date and time in a line of text; None without both. `dates` "us" or "eu" decides 03/04/2026; with "iso" it is refused."""
    for pattern in (_YEAR_FIRST, _YEAR_LAST):
        if found := pattern.search(line):
            moment = _moment(found, zone, dates)
            if moment is not None:
                return Reading(to_micros(moment), found["zone"] is not None, found.span())
    return None


def without_clock(line: str) -> str:
    """The line with its date and time cut out ("CAM-07 2026-03-04 02:10:00 UTC" → "CAM-07")."""
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _ANY_TIME):
        line = pattern.sub(" ", line)
    return " ".join(line.split())


def fit(readings: Sequence[tuple[int, Reading]]) -> ClockFit | None:
    """The clip's start from (media µs, reading) pairs.

    Each reading votes for a start; the median vote stands if at least half of the votes (and two, where there are two) lie within
    1.5 s of it: so a clock that runs at another pace (a time lapse) is not taken. A clock shows whole seconds, so it is up to 1 s late: the
    latest agreeing vote is the best. None = no clock to trust.
    """
    if not readings:
        return None
    votes = [reading.at - media for media, reading in readings]
    middle = round(median(votes))
    trusted = [each for each, vote in zip(readings, votes, strict=True) if abs(vote - middle) <= _TOLERANCE]
    if len(trusted) * 2 < len(votes) or (len(votes) > 1 and len(trusted) < 2):
        return None
    start = max(reading.at - media for media, reading in trusted)
    zoned = all(reading.zoned for _, reading in trusted)
    return ClockFit(start, len(trusted), len(votes), zoned, _pace(trusted))


def _pace(readings: Sequence[tuple[int, Reading]]) -> float | None:
    """Median slope over all pairs far enough apart (Theil 1950, Sen 1968): a few misread clocks do not move it."""
    slopes = [
        (b.at - a.at) / (later - earlier)
        for index, (earlier, a) in enumerate(readings)
        for later, b in readings[index + 1 :]
        if later - earlier >= _PACE_AFTER
    ]
    return median(slopes) if slopes else None


def _moment(found: re.Match[str], zone: tzinfo, dates: str) -> datetime | None:
    parts = found.groupdict()
    if "M" in parts:
        month, day = int(parts["M"]), int(parts["D"])
    else:
        first, second = int(parts["a"]), int(parts["b"])
        if dates == "iso" and first <= 12 and second <= 12 and first != second:
            return None  # reads two ways and nothing says which
        month, day = (first, second) if dates == "us" or (dates == "iso" and second > 12) else (second, first)
    try:
        return datetime(
            int(parts["Y"]),
            month,
            day,
            int(parts["h"]),
            int(parts["m"]),
            int(parts["s"]),
            tzinfo=offset_zone(parts["zone"]) or zone,
        )
    except ValueError:
        return None
