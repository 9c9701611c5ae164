"""What a clock and a calendar say of a time beside its figures: the day of the week, the month, the part of the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from app.verify.lexicon import canonical
from app.verify.times import Instant
from retrieval.times import to_datetime

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
# hours [first, last) of the site's own clock; the parts of a day overlap, as they do in speech
_PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 23), "night": (21, 29)}


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
