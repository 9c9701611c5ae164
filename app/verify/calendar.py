"""What a clock and a calendar say of a time beside its figures: the day of the week, the month, the part of the day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

from app.verify.lexicon import canonical
from app.verify.times import Instant, date_spans
from retrieval.times import to_datetime

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
# hours [first, last) of the site's own clock; the parts of a day overlap, as they do in speech
_PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 23), "night": (21, 29)}

# all canonical words of a calendar that tell when something was, and nothing else of it
CALENDAR = frozenset(canonical(word) for word in (*_DAYS, *_PARTS))

# "in the hour after 07:00", "over the 30 minutes from 07:00": a stretch by its start and its length
LENGTH_FROM = re.compile(
    r"\b(?:the|an?|one) (?:(?:first|full|whole|single) )?(?:(?P<n>\d{1,3})[ -])?(?P<unit>hour|half[- ]hour|minutes|hours)"
    r"(?P<mark> (?:after|from|following|since|beginning(?: at)?|starting(?: at| from)?|that (?:began|started) at|as of))\s*$",
    re.I,
)
# a verifier asks of every time of every claim, and few stand behind a length: the dates are looked for only then
_UNIT = re.compile("hour|minutes", re.I)
_LENGTHS = {"hour": 3600, "half-hour": 1800, "half hour": 1800, "minutes": 60, "hours": 3600}


def length_from(text: str, start: int) -> int:
    """The seconds of the stretch that begins with the time at a place of a text ("the hour after …"); 0 where none does."""
    head = text[max(0, start - 80) : start].rstrip()
    if not _UNIT.search(head):
        return 0
    # "in the hour from 4 March 07:00"
    for begin, end in date_spans(head)[-1:]:
        head = head[:begin] if end == len(head) else head
    match = LENGTH_FROM.search(head)
    return _LENGTHS[match["unit"].lower()] * int(match["n"] or 1) if match else 0


def calendar_words(instants: Sequence[Instant], zone: tzinfo) -> frozenset[str]:
    """Canonical words that hold of every one of some times: "wednesday", "april", "night"; none where there are no times."""
    told = [_words(at, zone) for at in instants if at.at is not None or at.day]
    return frozenset.intersection(*told) if told else frozenset()


def _words(instant: Instant, zone: tzinfo) -> frozenset[str]:
    if instant.at is not None:
        local = to_datetime(instant.at, zone)
        return _of_day(local.year, local.month, local.day) | _of_hour(local.hour)
    year, month, day = instant.day or (None, 1, 1)
    parts = _of_hour(instant.clock[0] % 24) if instant.clock else frozenset()
    return parts | (_of_day(year, month, day) if year else frozenset([canonical(_MONTHS[month - 1])]))


def _of_day(year: int, month: int, day: int) -> frozenset[str]:
    try:
        week = _DAYS[datetime(year, month, day).weekday()]  # noqa: DTZ001 a date alone
    except ValueError:
        return frozenset()
    return frozenset([canonical(week), canonical(_MONTHS[month - 1])])


def _of_hour(hour: int) -> frozenset[str]:
    return frozenset(canonical(part) for part, (a, b) in _PARTS.items() if a <= hour < b or a <= hour + 24 < b)
