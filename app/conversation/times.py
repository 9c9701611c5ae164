"""Times that lean on another time ("the day before", "two hours later", "then"), and windows said in words that are read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from app.answer.phrases import find_when
from retrieval.times import iso, span, to_datetime
from retrieval.types import Interval

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "a couple of": 2,
    "a few": 3,
}
_COUNT = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_BACK, _ON = r"before|earlier|prior|previously|back", r"after|later|afterwards"
# "the day before yesterday" has a date of its own
_BEHIND = r"(?!\s+(?:yesterday|tomorrow|\d|noon|midnight))(?:\s+(?:that|then|it))?"
_NEIGHBOUR = re.compile(
    rf"\b(?:(?:on|in|during)\s+)?(?:the\s+)?(?P<u>minute|hour|day|night|morning|afternoon|evening|week)\s+"
    rf"(?:(?P<back>before|prior|earlier)|(?P<on>after|later)){_BEHIND}\b"
    r"|\b(?:(?:on|in|during)\s+)?the\s+(?:(?P<back2>previous|preceding)|(?P<on2>next|following))\s+"
    r"(?P<u2>minute|hour|day|night|morning|afternoon|evening|week)\b",
    re.I,
)
_APART = re.compile(
    rf"\b(?P<n>\d{{1,4}}|{_COUNT})\s+(?P<u>minute|hour|day|week)s?\s+(?:(?P<back>{_BACK})|(?P<on>{_ON})){_BEHIND}\b",
    re.I,
)
_SAME = re.compile(
    r"\b(?:(?:at|on|in|during|around)\s+)?(?:that|the\s+same)\s+(?:time|moment|hour|day|date|night|morning|afternoon|evening|week|period|window)\b"
    r"|(?<!until )(?<!by )(?<!since )(?<!before )(?<!after )\bback\s+then\b|\bmeanwhile\b"
    r"|\b(?:at\s+)?the\s+time\b(?!\s+of)",
    re.I,
)
_FOLLOWS = re.compile(
    r"\b(?:(?:right|just|shortly|soon|immediately)\s+)?(?:(?P<on>after|following)|(?P<back>before|prior to))\s+"
    r"(?:that|then|it|this)\b(?!\s+\w)"
    r"|\b(?P<on2>afterwards?|subsequently)\b|\b(?P<back2>beforehand)\b|^\W*(?:and|so|but|what)\s+(?P<on3>then|next)\W*$",
    re.I,
)
# "then" is a time at the end of a question ("what did it see then?"), elsewhere it only orders
_THEN = re.compile(r"\bthen\s*(?=\?|$)", re.I)


class Leaning(NamedTuple):
    """A phrase of a question, characters [start, end), and the window it means beside an earlier one."""

    start: int
    end: int
    window: Interval


def leaning(text: str, earlier: Interval, zone: tzinfo) -> Leaning | None:
    """The first phrase of a text that means a time by another, or None. Days and weeks are the calendar's in `zone`."""
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Interval]], ...] = (
        (_APART, lambda m: _apart(m, earlier, zone)),
        (_NEIGHBOUR, lambda m: _neighbour(m, earlier, zone)),
        (_FOLLOWS, lambda m: _touching(earlier, bool(m["back"] or m["back2"]))),
        (_SAME, lambda m: earlier),
        (_THEN, lambda m: earlier),
    )
    for pattern, meant in readers:
        found = pattern.search(text)
        if found:
            return Leaning(found.start(), found.end(), meant(found))
    return None


def _apart(match: re.Match[str], earlier: Interval, zone: tzinfo) -> Interval:
    count = _NUMBERS.get(match["n"].lower()) or int(match["n"])
    return _moved(earlier, count * (-1 if match["back"] else 1), match["u"].lower(), zone)


def _neighbour(match: re.Match[str], earlier: Interval, zone: tzinfo) -> Interval:
    """The day (night, week) beside a window is the same stretch of that day; beside a longer window it is the one that touches it."""
    word = (match["u"] or match["u2"]).lower()
    unit = word if word in _UNITS else "day"
    count = -1 if match["back"] or match["back2"] else 1
    moved = _moved(earlier, count, unit, zone)
    # a day of 25 hours, where clocks go back, is still a day
    if unit in ("day", "week") and earlier.t1 - earlier.t0 <= (_UNITS[unit] + 3600) * 1_000_000:
        return moved
    return Interval(moved.t0, earlier.t0) if count < 0 else Interval(earlier.t1, moved.t1)


def _touching(window: Interval, back: bool) -> Interval:
    """As long as the window and beside it, an hour at least."""
    length = max(window.t1 - window.t0, _UNITS["hour"] * 1_000_000)
    return Interval(window.t0 - length, window.t0) if back else Interval(window.t1, window.t1 + length)


def _moved(window: Interval, count: int, unit: str, zone: tzinfo) -> Interval:
    """A window so many units away: by the clock on the wall for days and weeks, by elapsed time for less."""
    if unit in ("minute", "hour"):
        by = count * _UNITS[unit] * 1_000_000
        return Interval(window.t0 + by, window.t1 + by)
    days = timedelta(days=count * (7 if unit == "week" else 1))
    # an aware datetime of a zone is moved by the clock on the wall
    return span(to_datetime(window.t0, zone) + days, to_datetime(window.t1, zone) + days)


def said(window: Interval, zone: tzinfo) -> str:
    """A window in words that a question can hold: find_when reads the same window from them, to the second."""
    first, last = to_datetime(window.t0, zone), to_datetime(window.t1, zone)
    for told in _tellings(first, last):
        read = find_when(told, window.t1, zone)
        if read is not None and read.window == window:
            return told
    return f"between {iso(_second(window.t0))} and {iso(_second(window.t1 + 999_999))}"


def _tellings(first: datetime, last: datetime) -> list[str]:
    days = last.date() - first.date()
    clocks = f"between {first:%H:%M:%S} and {last:%H:%M:%S}"
    short = f"between {first:%H:%M} and {last:%H:%M}"
    whole = first.time() == last.time() == datetime.min.time()
    end = last - timedelta(days=1) if whole else last
    span_ = f"on {_day(first)}" if end.date() == first.date() else f"from {_day(first)} to {_day(end)}"
    if whole:
        return [span_]
    if last - first == timedelta(minutes=1):
        return [f"on {_day(first)} at {first:%H:%M}", f"on {_day(first)} at {first:%H:%M:%S}"]
    # "between 18:00 and 06:00" ends the next morning
    over = f"on {_day(first)}" if days == timedelta(days=1) and last.time() <= first.time() else span_
    return [f"{over} {short}", f"{over} {clocks}"]


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"


def _second(micros: int) -> int:
    return micros - micros % 1_000_000
