"""Clock times as people and machines write them → UTC microseconds. What had to be assumed is noted, never hidden.

Read are ISO 8601, numbers since 1970 (s, ms, µs or ns by size), and dates with slashes or dots, whose order (month or day first)
is decided once for a whole file: by any field above 12, else by the source policy, else it stays undecided.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from ingest.cells import Cell
from ingest.ports import SourcePolicy
from retrieval.times import to_micros
from retrieval.types import Interval, Micros

Order: TypeAlias = Literal["us", "eu", "undecided"]

BLANK = frozenset({"", "nan", "null", "none", "-", "n/a", "na", "nat"})
_SLASH = re.compile(
    r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})"
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*([AaPp][Mm])?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}(?:[T ]\d{1,2}:?\d{2}.*)?")
_DIGITS = re.compile(r"-?\d{9,19}(?:\.\d+)?")
_QUOTED = 60
# what every zone can show: the first and the last day of the calendar are not whole everywhere
_FIRST, _LAST = (to_micros(datetime(*day, tzinfo=UTC)) for day in ((1, 1, 2), (9999, 12, 30)))
_EPOCH_UNITS = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (1e20, 0.001))


class UndecidedDateError(ValueError):
    """The date reads two ways and nothing says which."""


def is_blank(cell: Cell) -> bool:
    """Whether a cell holds no value: empty, NaN, null and the like."""
    if isinstance(cell, str):
        return cell.strip().lower() in BLANK
    return cell is None or cell != cell


def looks_like_time(cell: Cell) -> bool:
    """Whether a text cell has the form of a date or a time stamp. Numbers do not: 1590984000 needs a column that says time."""
    if not isinstance(cell, str):
        return False
    text = cell.strip()
    return bool(_SLASH.fullmatch(text) or ("-" in text and _ISO.fullmatch(text)))


def is_epoch(cell: Cell) -> bool:
    """Whether a cell is a number that can be seconds, ms, µs or ns between 1973 and 2100."""
    try:
        return not isinstance(cell, bool) and 1e8 <= float(cell or 0) < 4.2e18
    except ValueError:
        return False


class Clock:
    """Reads the time stamps of one source. `notes()` tells afterwards what was assumed."""

    def __init__(self, policy: SourcePolicy, order: Order | None = None) -> None:
        """Without an `order` the policy's counts. Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone."""
        self._policy = policy
        self._zone: tzinfo = UTC if policy.timezone == "UTC" else ZoneInfo(policy.timezone)
        self._order: Order = order or _policy_order(policy)
        self._seen: dict[str, None] = {}

    @classmethod
    def over(cls, policy: SourcePolicy, cells: Iterable[Cell]) -> Clock:
        """A clock whose date order fits every cell of the file. Raises ValueError when the cells contradict each other."""
        day_first = month_first = False
        for cell in cells:
            found = _SLASH.fullmatch(cell.strip()) if isinstance(cell, str) else None
            if found:
                day_first = day_first or int(found[1]) > 12
                month_first = month_first or int(found[2]) > 12
        if day_first and month_first:
            raise ValueError("dates are written day first in one place and month first in another")
        clock = cls(policy, "eu" if day_first else "us" if month_first else None)
        if day_first or month_first:
            clock._note_order = f"dates read {'day' if day_first else 'month'} first: a field above 12 shows it"
        return clock

    _note_order = ""

    @property
    def zone(self) -> tzinfo:
        return self._zone

    def notes(self) -> tuple[str, ...]:
        """What was assumed of the stamps read so far, in order of first need."""
        return tuple(self._seen)

    def read(self, cell: Cell) -> Interval:
        """An instant [t, t) for a time, the whole day for a bare date. Raises ValueError, or UndecidedDateError."""
        try:
            span = self._read(cell)
        except OverflowError as problem:
            raise ValueError(f"beyond the calendar: {quoted(cell)}") from problem
        if not _FIRST <= span.t0 <= span.t1 <= _LAST:
            raise ValueError(f"beyond the calendar: {quoted(cell)}")
        return span

    def _read(self, cell: Cell) -> Interval:
        if isinstance(cell, bool) or cell is None:
            raise ValueError(f"not a time: {quoted(cell)}")
        if isinstance(cell, int | float):
            return _instant(_epoch(cell))
        text = cell.strip()
        if _DIGITS.fullmatch(text):
            return _instant(_epoch(float(text)))
        found = _SLASH.fullmatch(text)
        if found:
            return self._slash(found, text)
        return self._iso(text)

    def day(self, year: int, month: int, day: int) -> Interval:
        """The day [midnight, midnight) of the source's zone. Raises ValueError for a day that does not exist."""
        start = datetime(year, month, day, tzinfo=self._zone)
        end = datetime(year, month, day, tzinfo=self._zone) + timedelta(days=1)
        return Interval(to_micros(start), to_micros(end))

    def _iso(self, text: str) -> Interval:
        if not _ISO.fullmatch(text):
            raise ValueError(f"not a time: {quoted(text)}")
        body = re.sub(r"\s*(?:UTC|GMT)$", "+00:00", text)
        moment = datetime.fromisoformat(body)  # the zone is added below
        if len(body) <= 10:
            return self.day(moment.year, moment.month, moment.day)
        return _instant(self._in_zone(moment))

    def _slash(self, found: re.Match[str], text: str) -> Interval:
        first, second = int(found[1]), int(found[2])
        if self._order == "undecided" and first != second:
            raise UndecidedDateError(
                f"{quoted(text)} may be read month first or day first; set `dates` for this source in site.yaml"
            )
        month, day = (second, first) if self._order == "eu" else (first, second)
        year = int(found[3]) + (0 if len(found[3]) == 4 else 2000 if int(found[3]) < 70 else 1900)
        self._seen[self._note_order or f"dates read by policy {self._policy.dates!r}"] = None
        if found[4] is None:
            return self.day(year, month, day)
        micro = int((found[7] or "0").ljust(6, "0"))
        naive = datetime(year, month, day, _hour(found), int(found[5]), int(found[6] or 0), micro)  # noqa: DTZ001
        offset = (found[9] or "").replace("UTC", "Z").replace("GMT", "Z").replace("Z", "+00:00")
        return _instant(self._in_zone(datetime.fromisoformat(naive.isoformat() + offset)))

    def _in_zone(self, moment: datetime) -> Micros:
        if moment.tzinfo is not None:
            return to_micros(moment)
        self._seen[f"times without a zone read as {self._policy.timezone}"] = None
        local = moment.replace(tzinfo=self._zone)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            self._seen["a time that the clock change skips or repeats is read by the offset before the change"] = None
        return to_micros(local)


def quoted(cell: Cell) -> str:
    """A cell as a message repeats it: in quotes if it is text, and of that 60 characters at most."""
    if isinstance(cell, str) and len(cell) > _QUOTED:
        cell = f"{cell[: _QUOTED - 1]}…"
    return repr(cell)


def _policy_order(policy: SourcePolicy) -> Order:
    return "us" if policy.dates == "us" else "eu" if policy.dates == "eu" else "undecided"


def _hour(found: re.Match[str]) -> int:
    hour = int(found[4])
    if found[8] is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"no such hour: {quoted(found[0])}")
    return hour % 12 + (12 if found[8].lower() == "pm" else 0)


def _epoch(value: float) -> Micros:
    for limit, factor in _EPOCH_UNITS:
        if abs(value) < limit:
            return round(value * factor)
    raise ValueError(f"not a time: {quoted(value)}")


def _instant(t: Micros) -> Interval:
    return Interval(t, t)
