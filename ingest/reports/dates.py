"""The day a document is about: its front matter, a "Date:" line, its title, its file name, or the only day a short text names.

Never a guess between two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingest.timestamps import Clock, UndecidedDateError
from retrieval.types import Interval

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan,february feb,march mar,april apr,may,june jun,july jul,august aug,september sep sept,october oct,"
        "november nov,december dec".split(","),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ISO = re.compile(r"(?<!\d)(\d{4})[-_.](\d{2})[-_.](\d{2})(?!\d)")
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\.?,?\s+(\d{{4}})\b", re.I)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", re.I)
_SLASH = re.compile(r"(?<![\d/])\d{1,2}/\d{1,2}/\d{4}(?![\d/])")
_LABEL = re.compile(
    r"(?:incident |report |shift |event |document )?date(?: of (?:incident|report|event))?\s*:\s*(.+)", re.I
)
_OPENING = re.compile(r"^.{0,160}?(?:[.!?](?:\s|$)|$)", re.S)
_HEAD_LINES = 40
_SHORT = 10_000


class Dated(NamedTuple):
    """A day in the source's zone and where it was read."""

    valid: Interval
    note: str


def days_in(text: str, clock: Clock) -> list[Interval]:
    """Every full date in the text, once each, in order of time. Dates that read two ways are left out."""
    return sorted(set(_days(text, clock)))


def document_date(name: str, text: str, clock: Clock, title: str = "", whole: bool = True) -> Dated | None:
    """The one day that front matter or "Date:" line, title and file name agree on; where all are silent, the only day named.

    The last holds for texts up to 10 000 characters. A text that is not `whole` is the opening of a longer one.
    """
    labelled = [line for line in text.splitlines()[:_HEAD_LINES] if _label(line)]
    places = (
        ("a date line", [d for line in labelled for d in days_in(_label(line), clock)]),
        ("the title", days_in(title, clock)),
        ("the file name", days_in(name.rsplit("/", 1)[-1], clock)),
    )
    found = [(where, set(days)) for where, days in places if days]
    if not found and whole and len(text) <= _SHORT:
        found = [("the only day it names", set(days)) for days in [days_in(text, clock)] if days]
    if not found or len(set.union(*(days for _, days in found))) != 1:
        return None
    return Dated(next(iter(found[0][1])), f"day taken from {found[0][0]}, in {clock.zone}")


def heading_date(heading: str, clock: Clock) -> Dated | None:
    """The day of a section whose heading carries one full date."""
    days = days_in(heading, clock)
    return Dated(days[0], f"day taken from the heading, in {clock.zone}") if len(days) == 1 else None


def opening_date(text: str, clock: Clock) -> Interval | None:
    """The day a story opens with, when its first sentence names exactly one."""
    found = _OPENING.match(text)
    days = days_in(found[0] if found else "", clock)
    return days[0] if len(days) == 1 else None


def _label(line: str) -> str:
    """What follows "Date:"; marks of emphasis and tables around it do not count."""
    found = _LABEL.match(re.sub(r"[*_`|>#]+", " ", line).strip(" -\t"))
    return found[1] if found else ""


def _days(text: str, clock: Clock) -> Iterator[Interval]:
    for year, month, day in _numbers(text):
        try:
            yield clock.day(year, month, day)
        except (ValueError, OverflowError):
            continue
    for found in _SLASH.finditer(text):
        try:
            yield clock.read(found[0])
        except (UndecidedDateError, ValueError, OverflowError):
            continue


def _numbers(text: str) -> Iterable[tuple[int, int, int]]:
    for found in _ISO.finditer(text):
        yield int(found[1]), int(found[2]), int(found[3])
    for found in _DAY_FIRST.finditer(text):
        yield int(found[3]), _MONTHS[found[2].lower()], int(found[1])
    for found in _MONTH_FIRST.finditer(text):
        yield int(found[3]), _MONTHS[found[1].lower()], int(found[2])
