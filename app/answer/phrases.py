"""When a question speaks of: rules that turn time phrases into a window of UTC microseconds.

Phrases without a zone are read in the site's zone, unless the question says UTC. Dates without a year, and weekdays, mean the latest
one that is not after `asked_at`. "Last night" is 18:00 to 06:00; "the night of 4 March" is 18:00 on the 4th to 06:00 on the 5th.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from retrieval.times import span, to_datetime
from retrieval.types import Interval, Micros

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH = "(?P<{0}>" + "|".join(f"{m}|{m[:3]}" for m in _MONTHS) + r"|sept)\.?"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# with a point only what can be a clock is one: "at 98.15" is a reading
_CLOCK = (
    r"(?:(?:\d{1,2}[:h]\d{2}(?::\d{2})?|(?:[01]?\d|2[0-3])\.[0-5]\d(?!\d))\s*(?:[ap]\.?m\b\.?)?"
    r"|\d{1,2}\s*[ap]\.?m\b\.?|noon|midnight)"
)
_ISO = re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ](?P<clock>\d{2}:\d{2}(?::\d{2})?)(?P<z>Z)?)?")
_DAY_MONTH = re.compile(
    r"\b(?P<d>\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?" + _MONTH.format("m") + r"(?:,?\s+(?P<y>\d{4}))?\b", re.I
)
_MONTH_DAY = re.compile(
    r"\b" + _MONTH.format("m") + r"\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?P<y>\d{4}))?\b(?!\s*[:.]\d)", re.I
)
_SLASHED = re.compile(r"\b(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4}|\d{2})\b")
_MONTH_YEAR = re.compile(r"\b" + _MONTH.format("m") + r"\s+(?:of\s+)?(?P<y>\d{4})\b", re.I)
_IN_MONTH = re.compile(r"\b(?:in|during)\s+(?:early\s+|late\s+|mid-?)?" + _MONTH.format("m") + r"\b(?!\s+\d)", re.I)
_YEAR = re.compile(r"\b(?:in|during|of|for|since|year)\s+(?P<y>(?:19|20)\d{2})\b", re.I)
_WEEKDAY = re.compile(
    r"\b(?:on\s+|last\s+|this\s+)?(?P<w>" + "|".join(_DAYS) + r")(?P<part>\s+(?:morning|afternoon|evening|night))?\b",
    re.I,
)
_RELATIVE_DAY = re.compile(
    r"\b(?P<r>the day before yesterday|the day after tomorrow|yesterday|tomorrow|today|tonight|last night|"
    r"this (?:morning|afternoon|evening))"
    r"(?P<part>\s+(?:morning|afternoon|evening|night))?\b",
    re.I,
)
_PAST = re.compile(
    r"\b(?:in|over|during|for)?\s*(?:the\s+)?(?:past|last)\s+(?P<n>\d{1,6}|few|couple of)?\s*(?P<u>minute|hour|day|week|month)s?\b",
    re.I,
)
_BETWEEN = re.compile(
    rf"\b(?:between|from)\s+(?P<a>{_CLOCK}|[01]?\d|2[0-4])\s*(?:and|to|until|till|-|–)\s*(?P<b>{_CLOCK})", re.I
)
_DASHED = re.compile(r"(?P<a>\d{1,2}:\d{2}(?::\d{2})?)\s*(?:-|–|to|until)\s*(?P<b>\d{1,2}:\d{2}(?::\d{2})?)", re.I)
_AT = re.compile(
    rf"\b(?P<how>at|around|about|circa|by|before|after|since|until)\s+(?:about\s+|around\s+|the\s+)?(?P<a>{_CLOCK})",
    re.I,
)
_PART = re.compile(r"\b(?P<p>early morning|morning|afternoon|evening|overnight|night)\b", re.I)
_NOW = re.compile(
    r"(?<!until )(?<!till )(?<!by )(?<!to )(?<!before )(?<!from )\b(?:right now|now(?! that\b|,)|currently|at the moment)\b",
    re.I,
)
# what is open now was written down earlier: a window of five minutes would hide it
_STANDING = re.compile(r"\b(?:open|overdue|pending|outstanding|orders?|jobs?|tickets?|in force)\b", re.I)
_RATIO = re.compile(r"\b(?:ratio|proportion|mix|mixed|mixture|scale)s?\b", re.I)
_UTC = re.compile(r"\b(?:UTC|GMT|Zulu)\b")

_PARTS = {
    "early morning": (time(0), time(6)),
    "morning": (time(6), time(12)),
    "afternoon": (time(12), time(18)),
    "evening": (time(18), time(0)),
    "night": (time(18), time(6)),
    "overnight": (time(18), time(6)),
}
_AROUND = timedelta(minutes=10)
_JUST_NOW = timedelta(minutes=5)
_LONGEST = timedelta(days=36_525)
_NOON, _DAY = timedelta(hours=12), timedelta(days=1)


class When(NamedTuple):
    """The time a question speaks of. `instant` is set for "at 02:40": the window is then the minute that begins there.

    `phrases` are the words that said so; `zone` is the zone they were read in.
    """

    window: Interval
    instant: bool
    phrases: tuple[str, ...]
    zone: tzinfo


class _Days(NamedTuple):
    first: date
    last: date  # inclusive
    phrase: str
    part: str | None = None


def find_when(text: str, asked_at: Micros, zone: tzinfo) -> When | None:
    """The window a question speaks of, or None when it names no time, or one that cannot be (see `unreadable`)."""
    if unreadable(text):
        return None
    zone = UTC if _UTC.search(text) else zone
    now = to_datetime(asked_at, zone)
    past = _past(text, now)
    if past is not None:
        return past
    stamps = _iso_stamps(text, zone)
    if stamps is not None:
        return stamps
    days = _days(text, now)
    return _within(text, days, now, zone) or _just_now(text, now, zone)


def unreadable(text: str) -> str | None:
    """The first date or clock of a text that cannot be ("31 February", "25:00"); None when all can. 24:00 ends the day."""
    wrong = [*_impossible_dates(text), *_impossible_clocks(text)]
    return min(wrong)[1] if wrong else None


def _impossible_dates(text: str) -> Iterator[tuple[int, str]]:
    found = [m for p in (_ISO, _DAY_MONTH, _MONTH_DAY, _SLASHED) for m in p.finditer(text)]
    real = [m.span() for m in found if _can_be(m)]
    found += [m for m in _MONTH_YEAR.finditer(text) if not 0 < int(m["y"]) < date.max.year]
    for m in found:
        # "P-45 March 4" is a tag and a date; "45 may" is a number and a verb
        other = text[: m.start()].endswith(("-", "/", ".")) or (m.groupdict().get("m") == "may" and not m["y"])
        if m.span() not in real and not other and not any(a < m.end() and m.start() < b for a, b in real):
            yield m.start(), m[0]


def _can_be(match: re.Match[str]) -> bool:
    groups = match.groupdict()
    try:
        if "a" in groups:
            return bool(_slashed(groups))
        month = int(groups["m"]) if groups["m"].isdigit() else _month(groups["m"])
        # 2000 had a 29 February
        return date(int(groups["y"] or 2000), month, int(groups["d"])).year < date.max.year
    except ValueError:
        return False


def _impossible_clocks(text: str) -> Iterator[tuple[int, str]]:
    if _RATIO.search(text):
        return
    for pattern, names in ((_ISO, ("clock",)), (_BETWEEN, "ab"), (_DASHED, "ab"), (_AT, "a")):
        for m in pattern.finditer(text):
            yield from ((m.start(g), m[g].strip()) for g in names if m[g] and _no_clock(m[g]))


def _no_clock(text: str) -> bool:
    hour, *rest = [int(n) for n in re.findall(r"\d+", text)] or [0]
    half = re.search(r"([ap])\.?m", text.lower())
    latest = 24 if not half else 12 if half[1] == "a" else 23
    return hour > latest or (hour == 24 and any(rest)) or any(n > 59 for n in rest)


def _just_now(text: str, now: datetime, zone: tzinfo) -> When | None:
    match = _NOW.search(text)
    if not match or _STANDING.search(text):
        return None
    return When(span(now - _JUST_NOW, now), False, (match[0],), zone)


def _past(text: str, now: datetime) -> When | None:
    match = _PAST.search(text)
    if not match:
        return None
    count = {"few": 3, "couple of": 2}.get((match["n"] or "1").lower()) or int(match["n"] or 1)
    unit = match["u"].lower()
    length = timedelta(**{f"{unit}s": count}) if unit != "month" else timedelta(days=30 * count)
    zone = now.tzinfo or UTC
    return When(span(now - min(length, _LONGEST), now), False, (match[0].strip(),), zone)


def _iso_stamps(text: str, zone: tzinfo) -> When | None:
    found = [m for m in _ISO.finditer(text) if m["clock"]]
    if not found:
        return None
    moments = [
        datetime(int(m["y"]), int(m["m"]), int(m["d"]), tzinfo=UTC if m["z"] else zone) + _clock(m["clock"])
        for m in found
    ]
    phrases = tuple(m[0] for m in found)
    if len(moments) > 1 and moments[1] > moments[0]:
        return When(span(moments[0], moments[1]), False, phrases, zone)
    return _instant(moments[0], "at", phrases, zone)


def _instant(moment: datetime, how: str, phrases: tuple[str, ...], zone: tzinfo) -> When:
    if how in ("around", "about", "circa"):
        return When(span(moment - _AROUND, moment + _AROUND), False, phrases, zone)
    return When(span(moment, moment + timedelta(minutes=1)), True, phrases, zone)


def _days(text: str, now: datetime) -> _Days | None:
    for find in (_dated, _relative_day, _weekday, _month_or_year):
        days = find(text, now)
        if days is not None:
            return days
    return None


def _dated(text: str, now: datetime) -> _Days | None:
    found: list[tuple[int, date, str]] = []
    taken: list[tuple[int, int]] = []
    for pattern in (_ISO, _DAY_MONTH, _MONTH_DAY, _SLASHED):
        for m in pattern.finditer(text):
            day = _date_of(m, now)
            if day and not any(a < m.end() and m.start() < b for a, b in taken):
                found.append((m.start(), day, m[0]))
                taken.append(m.span())
    if not found:
        return None
    found.sort()
    first, last = found[0], found[-1]
    if last[1] < first[1] or not re.search(r"\b(?:between|from|to|until|and|–|-)\b", text[first[0] : last[0]]):
        last = first
    return _Days(first[1], last[1], " … ".join(dict.fromkeys((first[2], last[2]))), _night_of(text, first[0]))


def _night_of(text: str, at: int) -> str | None:
    return "night" if re.search(r"\bnight\s+of\s+(?:the\s+)?$", text[:at], re.I) else None


def _date_of(match: re.Match[str], now: datetime) -> date | None:
    groups = match.groupdict()
    try:
        if "a" in groups:
            return _slashed(groups)
        month = int(groups["m"]) if groups["m"].isdigit() else _month(groups["m"])
        day = int(groups["d"])
        if groups.get("y"):
            return date(int(groups["y"]), month, day)
        return _latest(month, day, now.date())
    except ValueError:
        return None


def _latest(month: int, day: int, today: date) -> date | None:
    """The last such day up to today: 29 February may be eight years back."""
    years = (y for y in range(today.year, today.year - 9, -1) if 0 < day <= monthrange(y, month)[1])
    return next((found for y in years if (found := date(y, month, day)) <= today), None)


def _slashed(groups: dict[str, str]) -> date:
    year = int(groups["y"]) + (2000 if len(groups["y"]) == 2 else 0)
    first, second = int(groups["a"]), int(groups["b"])
    # day first, as the site writes, unless that cannot be
    return date(year, second, first) if second <= 12 else date(year, first, second)


def _month(name: str) -> int:
    return next(i for i, month in enumerate(_MONTHS, 1) if month.startswith(name.lower().rstrip(".")[:3]))


def _relative_day(text: str, now: datetime) -> _Days | None:
    match = _RELATIVE_DAY.search(text)
    if not match:
        return None
    word, today = match["r"].lower(), now.date()
    if word == "last night":
        start = today - timedelta(days=1)
        return _Days(start, start, match[0], "night")
    back = {"the day before yesterday": 2, "yesterday": 1, "tomorrow": -1, "the day after tomorrow": -2}.get(word, 0)
    part = (match["part"] or "").strip().lower() or (word.removeprefix("this ") if word.startswith("this ") else None)
    day = today - timedelta(days=back)
    return _Days(day, day, match[0], "night" if word == "tonight" else part or None)


def _weekday(text: str, now: datetime) -> _Days | None:
    match = _WEEKDAY.search(text)
    if not match:
        return None
    back = (now.weekday() - _DAYS.index(match["w"].lower())) % 7
    if back == 0 and "last" in match[0].lower():
        back = 7
    day = now.date() - timedelta(days=back)
    return _Days(day, day, match[0], (match["part"] or "").strip().lower() or None)


def _month_or_year(text: str, now: datetime) -> _Days | None:
    if match := _MONTH_YEAR.search(text):
        return _whole_month(int(match["y"]), _month(match["m"]), match[0])
    if match := _YEAR.search(text):
        year = int(match["y"])
        return _Days(date(year, 1, 1), date(year, 12, 31), match[0])
    if match := _IN_MONTH.search(text):
        month = _month(match["m"])
        return _whole_month(now.year if month <= now.month else now.year - 1, month, match[0])
    return None


def _whole_month(year: int, month: int, phrase: str) -> _Days:
    after = date(year + month // 12, month % 12 + 1, 1)
    return _Days(date(year, month, 1), after - timedelta(days=1), phrase)


def _within(text: str, days: _Days | None, now: datetime, zone: tzinfo) -> When | None:
    rest = _ISO.sub(" ", text)
    clocks = _BETWEEN.search(rest) or _DASHED.search(rest)
    day = days or _Days(now.date(), now.date(), "")
    phrases = tuple(p for p in (days.phrase if days else "", clocks[0] if clocks else "") if p)
    if clocks:
        end_clock = _clock(clocks["b"])
        start_clock = _clock(clocks["a"], like=clocks["b"])
        return _clocked(day, start_clock, end_clock, phrases, zone)
    at = _AT.search(rest)
    if at and not (at["how"].lower() == "by" and not days):
        return _at(day, at, phrases, zone)
    if days is None:
        return None
    return _whole(days, rest, phrases, zone)


def _clocked(day: _Days, start: timedelta, end: timedelta, phrases: tuple[str, ...], zone: tzinfo) -> When:
    # "last night between 02:00 and 03:00" is in the small hours of the next day
    late = _DAY if day.part == "night" and start < _NOON else timedelta(0)
    begin = _midnight(day.first, zone) + late + start
    finish = (_midnight(day.last, zone) if day.first != day.last else _midnight(day.first, zone) + late) + end
    if finish <= begin:
        finish += _DAY
    return When(span(begin, finish), False, phrases, zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Where a day begins. What is added to it counts by the clock on the wall, also over a change of clocks."""
    return datetime.combine(day, time(0), zone)


def _at(day: _Days, match: re.Match[str], phrases: tuple[str, ...], zone: tzinfo) -> When:
    how, clock = match["how"].lower(), _clock(match["a"])
    how = "around" if re.search(r"\b(?:around|about)\b", match[0], re.I) else how
    midnight = _midnight(day.first, zone) + (_DAY if day.part == "night" and clock < _NOON else timedelta(0))
    phrases = (*phrases, match[0])
    if how in ("before", "until", "by"):
        until = midnight + (_DAY if match["a"].lower() == "midnight" else clock)
        return When(span(midnight, until), False, phrases, zone)
    if how in ("after", "since"):
        return When(span(midnight + clock, midnight + timedelta(days=1 + clock.days)), False, phrases, zone)
    return _instant(midnight + clock, how, phrases, zone)


def _whole(days: _Days, text: str, phrases: tuple[str, ...], zone: tzinfo) -> When:
    match = _PART.search(text) if days.first == days.last else None
    part = days.part or (match["p"].lower() if match else None)
    if part:
        start, end = _PARTS[part]
        begin = datetime.combine(days.first, start, zone)
        finish = datetime.combine(days.first + timedelta(days=end <= start), end, zone)
        return When(span(begin, finish), False, (*phrases, part), zone)
    begin = datetime.combine(days.first, time(0), zone)
    return When(span(begin, datetime.combine(days.last + timedelta(days=1), time(0), zone)), False, phrases, zone)


def _clock(text: str, like: str = "") -> timedelta:
    """Wall-clock time since midnight, 24 h at most; `like` lends its am/pm to a bare hour ("between 2 and 3 pm")."""
    word = text.strip().lower()
    if word in ("noon", "midnight"):
        return _NOON if word == "noon" else timedelta(0)
    half = re.search(r"([ap])\.?m", word) or re.search(r"([ap])\.?m", like.lower())
    hour, minute, second = (*(int(n) for n in re.findall(r"\d+", word)), 0, 0)[:3]
    return timedelta(hours=hour % 12 + (12 if half[1] == "p" else 0) if half else hour, minutes=minute, seconds=second)
