"""Times and dates in a text, and whether two of them are the same instant whatever zone they are told in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple

from app.verify.spans import Free
from retrieval.times import to_datetime, to_micros
from retrieval.types import Micros

Day = tuple[int | None, int, int]
Clock = tuple[int, int, int | None]

_WEEKDAYS = "mon tue wed thu fri sat sun".split()
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
_MINUTES = {"five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_ZONE = (
    r"(?:\s?\(?(?:in )?(UTC|GMT|Z|Zulu|[A-Z]{2,4}T)\b\)?|"
    r"\s\(?((?:in |by |on )?(?:the )?(?:local(?: (?:time|clock|hour))?|(?:site|plant|site's|plant's|wall) (?:time|clock)))\b\)?)"
)
_CLOCK = re.compile(
    rf"(?<![\d.:])(?:T)?(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:\.\d+)?)?(?![\d:])(?:\s*([ap])\.?m\b\.?)?{_ZONE}?", re.I
)
_HOUR = re.compile(rf"\b(\d{{1,2}})\s*([ap])\.?m\b\.?{_ZONE}?", re.I)
_MILITARY = re.compile(rf"\b([01]\d|2[0-3])([0-5]\d)\s?(?:h(?:rs|ours)?\b|(?=UTC|Z\b)){_ZONE}?")
_DATES = (
    (re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"), (1, 2, 3)),
    # day first, as in Europe and at sea
    (re.compile(r"(?<![\d./])(\d{1,2})([./])(\d{1,2})\2(\d{4})(?![\d/])"), (4, 3, 1)),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(\d{{4}}))?\b", re.I), (3, 2, 1)),
    (
        re.compile(
            rf"\b{_MONTH}\s+(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}})(?!\d|:\d))?(?!\d|:\d)", re.I
        ),
        (3, 1, 2),
    ),
)
_LAST_MONTH = 12
_SPOKEN = re.compile(
    r"\b(?:(?P<noon>noon|midday)|(?P<midnight>midnight)|"
    rf"(?:(?P<part>half|a quarter|quarter|{'|'.join(_MINUTES)})(?: minutes?)? (?P<way>past|to|after|before) )?"
    rf"(?P<hour>{'|'.join(_HOURS)}|1[0-2]|[1-9])(?P<clock> o['’]clock)?)\b"
    r"(?:\s*(?P<half>[ap])\.?m\b\.?|(?P<day>,? in the (?:morning|afternoon|evening)|,? at night))?" + f"{_ZONE}?",
    re.I,
)
_WEEKDAY = re.compile(r"\b((?:mon|tues|wednes|thurs|fri|satur|sun)day),?\s+(?:the\s+)?$", re.I)
_ABOUT = re.compile(r"(?:\b(?:about|around|roughly|approximately|circa|near|nearly|close to|towards?)|[~≈])\s*$", re.I)
_STOP = re.compile(r"[.!?;\n]\s")
# a date further away than this many characters is of something else
_FAR = 400
# two ends of a range are no further apart
_JOINED = 60
_LED = re.compile(r",?\s*(?:at|from|between)?\s*", re.I)
_RANGE = re.compile(r"\s*(?:–|-|—|to|and|until|till)\s*", re.I)


class Moment(NamedTuple):
    """A time as it is told: its date (year may be None), its clock (seconds may be None), its zone as written.

    `zone` is "UTC", "LOCAL" (said in words), an abbreviation, or None. `either_half`: before noon or after, it is not said.
    `about`: it is said to be rough. `weekday` counts from Monday = 0, where the year that would check it is not told.
    """

    day: Day | None
    clock: Clock | None
    zone: str | None
    start: int
    end: int
    either_half: bool = False
    about: bool = False
    weekday: int | None = None

    @property
    def slack_s(self) -> int:
        """How far off, in seconds, the clock may be: half a minute where it is rough, more where it is round as well."""
        if not self.about or self.clock is None or self.clock[2] is not None:
            return 0
        return 150 if self.clock[1] % 5 == 0 else 30


class Instant(NamedTuple):
    """A time that evidence states: `at` UTC microseconds (None where the date is unknown), exact to `step` seconds."""

    at: Micros | None
    clock: Clock | None
    day: Day | None
    step: int


def moments(text: str) -> list[Moment]:
    """Every time and date of a text, in order; a date and the clock time it goes with are one."""
    days = _days(text)
    clocks = _clocks(text, days)
    joined, used = [], set()
    for clock in clocks:
        at = _day_of(clock, days, text)
        if at is not None:
            used.add(at)
        joined.append(clock if at is None else clock._replace(day=days[at].day, weekday=days[at].weekday))
    lone = [d for i, d in enumerate(days) if i not in used]
    return sorted((*_same_day(text, joined, days), *lone), key=lambda m: m.start)


def _same_day(text: str, clocks: Sequence[Moment], days: Sequence[Moment]) -> list[Moment]:
    """The date behind a range ("between 3:00 and 4:00 on 10 June") is that of both its ends, whatever stands further before it."""
    found = list(clocks)
    for i in reversed(range(len(found) - 1)):
        one, two = found[i], found[i + 1]
        at, after = (bisect_right(days, m.start, key=lambda day: day.start) for m in (one, two))
        behind = after < len(days) and days[after].day == two.day
        led = at > 0 and _LED.fullmatch(text[days[at - 1].end : one.start][:_JOINED])
        if behind and not led and _RANGE.fullmatch(text[one.end : two.start][:_JOINED]):
            found[i] = one._replace(day=two.day, weekday=two.weekday)
    return found


def date_spans(text: str) -> list[tuple[int, int]]:
    """Where the dates of a text stand."""
    return [(d.start, d.end) for d in _days(text)]


def _days(text: str) -> list[Moment]:
    found: list[Moment] = []
    free = Free(text)
    for pattern, order in _DATES:
        for match in pattern.finditer(text):
            year, month, day = (match[i] for i in order)
            number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
            if number <= _LAST_MONTH and free.take(match.start(), match.end()):
                told = (int(year) if year else None, number, int(day))
                start, weekday = _named_from(text, match.start(), told)
                found.append(Moment(told, None, None, start, match.end(), weekday=weekday))
    return sorted(found, key=lambda m: m.start)


def _named_from(text: str, start: int, day: Day) -> tuple[int, int | None]:
    """Where a date begins, with the day of the week before it: none that is wrong, and one still to check without a year."""
    match = _WEEKDAY.search(text[max(0, start - 20) : start])
    if match is None:
        return start, None
    told = _WEEKDAYS.index(match[1].lower()[:3])
    if day[0] is None:
        return start - len(match[0]), told
    return (start - len(match[0]) if _weekday(day) == told else start), None


def _weekday(day: Day) -> int | None:
    """The day of the week of a date, Monday = 0; None where there is no such date, or no year."""
    try:
        return date(day[0], day[1], day[2]).weekday() if day[0] is not None else None
    except ValueError:
        return None


def _clocks(text: str, days: Sequence[Moment]) -> list[Moment]:
    found: list[Moment] = []
    free, dated = Free(text), Free(text)
    for day in days:
        dated.take(day.start, day.end)
    for match, clock, zone in _told(text):
        # the digits of "1994" in a date are no time of day
        plain = match.re is not _MILITARY or dated.take(match.start(), match.end())
        if plain and free.take(match.start(), match.end()):
            found.append(Moment(None, clock, zone, match.start(), match.end()))
    found += [m for m in _spoken(text) if free.take(m.start, m.end)]
    found.sort(key=lambda m: m.start)
    rough = (m._replace(about=_ABOUT.search(text[max(0, m.start - 20) : m.start]) is not None) for m in found)
    return _same_zone(text, list(rough))


def _told(text: str) -> Iterator[tuple[re.Match[str], Clock, str | None]]:
    """Every way to write a time of day, the plainest first."""
    for match in _CLOCK.finditer(text):
        seconds = int(match[3]) if match[3] else None
        yield match, (_half_day(int(match[1]), match[4]), int(match[2]), seconds), _zone(match[5], match[6])
    for match in _HOUR.finditer(text):
        yield match, (_half_day(int(match[1]), match[2]), 0, None), _zone(match[3], match[4])
    for match in _MILITARY.finditer(text):
        yield match, (int(match[1]), int(match[2]), None), _zone(match[3], match[4])


def _spoken(text: str) -> Iterator[Moment]:
    """ "noon", "half past two", "a quarter to four in the afternoon", "six o'clock"; of either half of the day where none is said."""
    for match in _SPOKEN.finditer(text):
        zone = _zone(match[9], match[10])
        if match["noon"] or match["midnight"]:
            yield Moment(None, (12 if match["noon"] else 0, 0, None), zone, *match.span())
        elif match["way"] or match["clock"]:
            part = (match["part"] or "").lower()
            minutes = 30 if part == "half" else 15 if "quarter" in part else _MINUTES.get(part, 0)
            later = minutes if (match["way"] or "past").lower() in ("past", "after") else -minutes
            half = match["half"] or (
                "a" if "morning" in (match["day"] or "").lower() else "p" if match["day"] else None
            )
            named = match["hour"].lower()
            whole = int(named) if named.isdigit() else _HOURS.index(named) + 1
            hour, minute = divmod(60 * _half_day(whole, half) + later, 60)
            yield Moment(None, (hour % 24, minute, None), zone, *match.span(), half is None)


def _half_day(hour: int, letter: str | None) -> int:
    return hour if not letter else hour % 12 + 12 * (letter.lower() == "p")


def _zone(written: str | None, said: str | None) -> str | None:
    if said:
        return "LOCAL"
    if written is None:
        return None
    return "UTC" if written.upper() in ("Z", "ZULU", "GMT", "UTC") else written.upper()


def _same_zone(text: str, found: list[Moment]) -> list[Moment]:
    """The zone behind a range ("03:41–03:52 CET") is that of both its ends."""
    for i in reversed(range(len(found) - 1)):
        gap = text[found[i].end : found[i + 1].start]
        if found[i].zone is None and len(gap) <= _JOINED and _RANGE.fullmatch(_undated(gap)):
            found[i] = found[i]._replace(zone=found[i + 1].zone)
    return found


def _undated(gap: str) -> str:
    """What stands between two times when the dates are taken out: "21:04 – 10 April 2026 01:04" is a range too."""
    for day in reversed(_days(gap)):
        gap = gap[: day.start] + gap[day.end :]
    return gap


def _day_of(clock: Moment, days: Sequence[Moment], text: str) -> int | None:
    """The date that a clock time belongs to: the nearest one, the one before it in doubt, in the same sentence."""
    best, distance = None, 1 << 30
    at = bisect_right(days, clock.start, key=lambda day: day.start)
    # the two dates around it are the nearest
    for i in range(max(0, at - 1), min(len(days), at + 1)):
        day = days[i]
        before = day.end <= clock.start
        gap = text[day.end : clock.start] if before else text[clock.end : day.start]
        cost = len(gap) + (0 if before else 1)
        if cost < distance and not _STOP.search(gap[:_FAR]) and len(gap) <= _FAR:
            best, distance = i, cost
    return best


def instant(moment: Moment, day: Day | None, zone: tzinfo, default: tzinfo) -> Instant:
    """What evidence states by a moment, with `day` where it names none itself, in the zone `default` where it names none."""
    date = moment.day or day
    if moment.clock is None:
        return Instant(None, None, date, 86400)
    hour, minute, second = moment.clock
    step = 60 if second is None else 1
    if date is None or date[0] is None:
        return Instant(None, moment.clock, date, step)
    told = {"UTC": UTC, "LOCAL": zone, None: default}.get(moment.zone, zone)
    try:
        wall = datetime(date[0], date[1], date[2], hour % 24, minute, second or 0, tzinfo=told)
        return Instant(to_micros(wall), moment.clock, date, step)
    except ValueError:
        return Instant(None, moment.clock, date, step)


def same_moment(claimed: Moment, known: Instant, zone: tzinfo) -> bool:
    """Whether a claim's time is the instant that evidence states; told without a zone it may be in the site's or in UTC."""
    if known.at is None:
        return _same_written(claimed, known)
    return any(_same_wall(claimed, known, told) for told in (zone, UTC))


def _same_wall(claimed: Moment, known: Instant, told: tzinfo) -> bool:
    at = to_datetime(known.at or 0, told)
    if (claimed.zone == "UTC" and told is not UTC) or (claimed.zone == "LOCAL" and told is UTC):
        return False
    if claimed.zone not in (None, "LOCAL", at.tzname()):
        return False
    if claimed.day and not same_day(claimed.day, (at.year, at.month, at.day)):
        return False
    if claimed.weekday not in (None, at.weekday()):
        return False
    wall = (at.hour, at.minute, at.second)
    return any(
        _same_clock(c, wall, known.step) or _near(c, wall, _slack(claimed, known.step)) for c in _clocks_of(claimed)
    )


def _slack(claimed: Moment, step: int) -> int:
    """The slack of a claim's time against one known to `step` seconds, which may have been cut to them."""
    return claimed.slack_s and claimed.slack_s + step // 2


def _near(claimed: Clock | None, known: tuple[int, int, int], slack: int) -> bool:
    """Whether a rough time of day is the known one, give or take `slack` seconds."""
    if claimed is None or not slack:
        return False
    off = 3600 * (claimed[0] - known[0]) + 60 * (claimed[1] - known[1]) - known[2]
    return abs(off) <= slack


def _clocks_of(moment: Moment) -> list[Clock | None]:
    """The times of day that a moment may mean."""
    if moment.clock is None or not moment.either_half:
        return [moment.clock]
    hour, minute, second = moment.clock
    return [(hour, minute, second), ((hour + 12) % 24, minute, second)]


def _same_clock(claimed: Clock | None, known: Clock, step: int) -> bool:
    if claimed is None:
        return True
    if (claimed[0] % 24, claimed[1]) != known[:2]:
        return False
    return claimed[2] in (None, known[2]) or (step == 60 and claimed[2] == 0)


def _same_written(claimed: Moment, known: Instant) -> bool:
    if claimed.day and (known.day is None or not same_day(claimed.day, known.day)):
        return False
    if claimed.weekday is not None and known.day and _weekday(known.day) not in (None, claimed.weekday):
        return False
    if claimed.clock is None:
        return known.day is not None and claimed.day is not None
    return known.clock is not None and _same_clock(claimed.clock, known.clock, known.step)


def same_day(claimed: Day, known: Day) -> bool:
    """Whether two dates agree; a date without a year fits every year."""
    return claimed[1:] == known[1:] and (claimed[0] is None or known[0] is None or claimed[0] == known[0])
