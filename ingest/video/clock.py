"""Clocks burnt into the picture: what read lines of text say, and what several readings say together.

A date and a time are found apart and then put together, so they may stand in either order, with a weekday between, on two lines or in two
corners. Formats are those of ONVIF's OSD schema and of the usual cameras' and recorders' manuals; letters are Latin, months English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from statistics import median
from typing import NamedTuple

from ingest.video.slope import slope
from ingest.video.start import offset_zone
from retrieval.times import to_micros
from retrieval.types import Micros

# what a reader of text makes of letters that look like digits
_LIKE = {"o": "[o0]", "l": "[l1i|]", "s": "[s5]", "b": "[b8]", "g": "[g9]", "i": "[i1l|]"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _any_of(names: Sequence[str]) -> str:
    return "|".join("".join(_LIKE.get(letter, letter) for letter in name) for name in names)


_SEP = r"\s*[-/.]\s*"
_YEAR = r"(?P<Y>(?:19|20)\d\d)"
# a lone digit must end there: readers lose blanks, and "2026-3-112:10:05" could be two days
_DAY, _MONTH = (rf"(?P<{name}>{high}\d|\d(?!\d))" for name, high in (("D", "[0-3]"), ("M", "[01]")))
_NAMED = rf"(?P<N>{_any_of(_MONTHS)})[a-z]{{0,6}}"
_DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"(?<!\d){_YEAR}{_SEP}{_MONTH}{_SEP}{_DAY}",
        rf"(?<!\d)(?P<a>[0-3]?\d){_SEP}(?P<b>[0-3]?\d){_SEP}{_YEAR}",
        rf"(?<![a-z])(?:(?:{_any_of(_WEEKDAYS)})[\s.,]*)?{_NAMED}[\s.,-]*(?P<D>[0-3]?\d)(?:st|nd|rd|th)?[\s.,-]*{_YEAR}",
        rf"(?<!\d)(?P<D>[0-3]?\d)[\s.,-]*{_NAMED}[\s.,-]*{_YEAR}",
    )
)
# ":" is taken for "." or ";"
_CLOCK = (
    r"\s*[:;.]\s*(?P<m>[0-5]\d)\s*[:;.]\s*(?P<s>[0-5]\d)(?:[.,:]\d{1,6})?(?:(?!\d)|(?=20\d\d(?!\d)))"
    rf"(?:\s*(?P<half>[ap])\.?\s?m(?:\b|(?={_any_of(_WEEKDAYS)}))\.?)?(?:\s*(?P<zone>z\b|utc|gmt|[+-]\d\d:?\d\d))?"
)
_TIME = re.compile(rf"(?<![\d:])(?P<h>[0-2]?\d){_CLOCK}", re.I)
# right behind a date the blank may be lost; a lone digit of an hour is then told from a day's only behind a year
_TIME_BEHIND = re.compile(rf"(?P<h>(?<!\d)\d|(?<=20\d\d)\d(?=\s*[:;.])|[0-2]\d){_CLOCK}", re.I)
_DAY_NAME = rf"(?:(?<![a-z])|(?<=[ap]m))(?:{_any_of(_WEEKDAYS)})(?:day|sday|nesday|rsday|urday)?(?![a-z])"
_WEEKDAY = re.compile(_DAY_NAME, re.I)
_BETWEEN = re.compile(rf"(?:{_DAY_NAME}|T(?=\d)|[\s,_|@().-])*", re.I)
_ANY_TIME = re.compile(r"(?<!\d)[0-2]?\d[:;.][0-5]\d[:;.][0-5]\d(?!\d)")
_PIECE = re.compile(r"\d[:;]\d\d|\d[-/.]\d\d?[-/.]\d|(?<!\d)[0-3]?\d,?\s+20\d\d(?!\d)")
_TOLERANCE = 1_500_000
_JITTER = 250_000
_SECOND = 1_000_000
_PACE_AFTER = 20_000_000
_NEAR = 2 * 86_400 * _SECOND


class Reading(NamedTuple):
    """One clock as read: UTC µs, whether the line names its zone, and whether it names the half of the day (AM or PM)."""

    at: Micros
    zoned: bool
    half: bool = False


class Writing(NamedTuple):
    """How a source writes its clocks: the zone of those without one; `dates` "us" or "eu" decides 03/04/2026. With "iso" a weekday
    beside it decides, else the reading within two days of `near` (UTC µs, None = unknown), else it is refused."""

    zone: tzinfo
    dates: str = "iso"
    near: Micros | None = None


class ClockFit(NamedTuple):
    """`start`: UTC µs of media time 0, up to `slack` µs later. `agreeing` of `read` clocks lie within 1.5 s of it; `pace` is clock time
    per media time, where the readings span 20 s (else None). `sure`: most of them allow one and the same start, so they outweigh one
    that does not."""

    start: Micros
    agreeing: int
    read: int
    zoned: bool
    pace: float | None
    slack: int = _SECOND
    sure: bool = False

    def shown(self, media: int) -> Micros:
        """The whole second that the clock shows at a media time in µs."""
        return (self.start + self.slack // 2 + media) // _SECOND * _SECOND

    def fits(self, media: int, at: Micros) -> bool:
        """Whether a clock that shows whole seconds can have shown `at` then, give or take a quarter of a second."""
        late = self.start + self.slack // 2 - (at - media)
        return -_JITTER <= late < _SECOND + _JITTER


def clock_in(lines: Sequence[str], writing: Writing) -> Reading | None:
    """The clock of a picture from its lines of text: of the first line that holds both date and time, else of the first line with a
    date and the first other one with a time."""
    for line in lines:
        for date, clock in _pairs(line):
            if found := _reading(date, clock, line, writing):
                return found
    dated = next(((line, date) for line in lines for date in _dates_in(line)), None)
    if dated is None:
        return None
    timed = next(((line, time) for line in lines if line != dated[0] and (time := _TIME.search(line))), None)
    return _reading(dated[1], timed[1], f"{dated[0]} {timed[0]}", writing) if timed else None


def may_be_clock(line: str) -> bool:
    """Whether a line holds a date, a time or a piece of one."""
    return _PIECE.search(line) is not None or any(True for _ in _dates_in(line))


def whole_parts(line: str) -> int:
    """How many of date and time a line holds whole: 0, 1 or 2."""
    return any(True for _ in _dates_in(line)) + (_TIME.search(line) is not None)


def without_clock(line: str) -> str:
    """The line with its clock cut out ("CAM-07 2026-03-04 02:10:00 UTC" → "CAM-07"). A date with no time stays, unless it is alone."""
    dateless = _no_dates(line)
    timeless = _ANY_TIME.sub(" ", _TIME.sub(" ", dateless))
    rest = " ".join(_WEEKDAY.sub(" ", _no_dates(timeless)).split())
    cut = timeless != dateless or (dateless != line and not any(map(str.isalnum, rest)))
    return rest if cut else " ".join(line.split())


def fit(readings: Sequence[tuple[int, Reading]]) -> ClockFit | None:
    """The clip's start from (media µs, reading) pairs.

    A clock shows whole seconds, so each reading says that media time 0 was in [vote, vote + 1 s), vote = clock − media time. The moment
    that most readings allow is taken (Marzullo, Maintaining the time in a distributed system, 1984, chapter 3), and within what those
    allow the earliest. It stands if at least half of all votes (and two, where there are two) lie within 1.5 s of it: so a clock that
    runs at another pace (a time lapse) is not taken. Where some readings name the half of the day, those that lost it do not count.
    None = no clock to trust.
    """
    marked = any(reading.half for _, reading in readings)
    usable = [each for each in readings if each[1].half or not marked]
    if not usable:
        return None
    votes = [reading.at - media for media, reading in usable]
    low, high = _most_allowed(votes)
    trusted = [each for each, vote in zip(usable, votes, strict=True) if abs(vote - low) <= _TOLERANCE]
    if len(trusted) * 2 < len(votes) or (len(votes) > 1 and len(trusted) < 2):
        return None
    zoned = all(reading.zoned for _, reading in trusted)
    holding = sum(vote <= low < vote + _SECOND for vote in votes)
    sure = holding > 1 and holding * 2 > len(votes)
    pace = slope([(media, reading.at) for media, reading in trusted], _PACE_AFTER)
    return ClockFit(low, len(trusted), len(readings), zoned, pace, high - low, sure)


def _most_allowed(votes: Sequence[Micros]) -> tuple[Micros, Micros]:
    """[low, high) that most of the spans [vote, vote + 1 s) hold; of several the one nearest to the median vote."""
    middle = median(votes)
    best = max(votes, key=lambda low: (sum(vote <= low < vote + _SECOND for vote in votes), -abs(low - middle), low))
    return best, min(vote + _SECOND for vote in votes if vote <= best < vote + _SECOND)


def _no_dates(line: str) -> str:
    for pattern in _DATES:
        line = pattern.sub(" ", line)
    return line


def _dates_in(line: str) -> Iterator[re.Match[str]]:
    """Each pattern's first match."""
    return (found for pattern in _DATES if (found := pattern.search(line)))


def _pairs(line: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Dates and times that belong together: the time right behind the date, right before it, or within it (as C's ctime writes)."""
    times = list(_TIME.finditer(line))
    for date in _dates_in(line):
        behind = _TIME_BEHIND.match(line, _skip(line, date.end()))
        if behind:
            yield date, behind
        yield from ((date, time) for time in times if _skip(line, time.end()) == date.start())
    for time in times:
        around = f"{line[: time.start()]} {line[time.end() :]}"
        yield from ((date, time) for date in _dates_in(around) if date.start() < time.start() < date.end())


def _skip(line: str, place: int) -> int:
    """Where the next word stands that is no weekday."""
    found = _BETWEEN.match(line, place)
    return found.end() if found else place


def _reading(date: re.Match[str], time: re.Match[str], context: str, writing: Writing) -> Reading | None:
    """None for a time or date that does not exist, or a date that reads two ways."""
    hour = _hour(time)
    if hour is None:
        return None
    moments = [
        moment
        for month, day in _orders(date, writing.dates)
        if (
            moment := _moment((int(date["Y"]), month, day, hour, int(time["m"]), int(time["s"])), time["zone"], writing)
        )
    ]
    moment = moments[0] if len(set(moments)) == 1 else _decided(moments, context, writing.near)
    return None if moment is None else Reading(to_micros(moment), time["zone"] is not None, time["half"] is not None)


def _hour(time: re.Match[str]) -> int | None:
    hour = int(time["h"])
    if time["half"] is None:
        return hour
    return hour % 12 + 12 * (time["half"].lower() == "p") if 1 <= hour <= 12 else None


def _orders(date: re.Match[str], dates: str) -> list[tuple[int, int]]:
    """The (month, day) pairs that the date can mean."""
    parts = date.groupdict()
    if parts.get("N"):
        return [(_named(parts["N"], _MONTHS) + 1, int(parts["D"]))]
    if "M" in parts:
        return [(int(parts["M"]), int(parts["D"]))]
    first, second = int(parts["a"]), int(parts["b"])
    return {"us": [(first, second)], "eu": [(second, first)]}.get(dates, [(second, first), (first, second)])


def _named(text: str, names: Sequence[str]) -> int:
    """Which of the names a text is, written with letters or digits that look like them."""
    return next(n for n, name in enumerate(names) if re.fullmatch(_any_of([name]), text, re.I))


def _moment(parts: tuple[int, int, int, int, int, int], zone: str | None, writing: Writing) -> datetime | None:
    try:
        return datetime(*parts, tzinfo=offset_zone(zone.upper() if zone else None) or writing.zone)
    except ValueError:
        return None


def _decided(moments: Sequence[datetime], context: str, near: Micros | None) -> datetime | None:
    """The one moment that a weekday in the text or a time known otherwise speaks for; None when nothing does."""
    if day := _WEEKDAY.search(context):
        weekday = _named(day[0][:3], _WEEKDAYS)
        moments = [moment for moment in moments if moment.weekday() == weekday]
    elif near is not None:
        moments = [moment for moment in moments if abs(to_micros(moment) - near) <= _NEAR]
    return moments[0] if len(moments) == 1 else None
