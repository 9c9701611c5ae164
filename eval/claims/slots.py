"""Slots: values in the words a person would use, written again in the same way when the value is changed."""

from __future__ import annotations

import random
from datetime import tzinfo
from typing import Any

from eval.claims.types import Slot
from retrieval.times import to_datetime
from retrieval.types import Micros

MINUTE = 60_000_000
# written words for the units that sensors have
UNITS: dict[str, tuple[str, ...]] = {
    "degC": ("°C", "degC", "degrees Celsius"),
    "%": ("%", "percent"),
    "A": ("A", "amperes"),
    "mm/s": ("mm/s",),
    "bar": ("bar",),
}


class Clock:
    """One claim's way to write times: UTC or the site's zone, named once and for all."""

    def __init__(self, zone: tzinfo, rng: random.Random) -> None:
        self._zone = zone
        self._name = rng.choice(("utc", "utc", "local", "zone"))
        self._day = rng.choice(("long", "long", "iso", "short"))
        self._seconds = rng.random() < 0.3

    def time(self, micros: Micros, kind: str = "time", seconds: bool | None = None) -> Slot:
        """ "10:31 local time"; seconds are cut off, not rounded."""
        exact = self._seconds if seconds is None else seconds
        form = f"{self._name}|{'%H:%M:%S' if exact else '%H:%M'}"
        return Slot(kind, write_time(micros, form, self._zone), micros, form)

    def bounds(self, t0: Micros, t1: Micros) -> tuple[Slot, Slot]:
        """Where a window begins and ends, the zone named once: "10:00", "11:00 UTC"."""
        last = self.time(t1, "bound", seconds=False)
        form = ("utc bare" if self._name == "utc" else "bare") + "|%H:%M"
        return Slot("bound", write_time(t0, form, self._zone), t0, form), last

    def date(self, micros: Micros) -> Slot:
        form = f"{self._name}|{self._day}"
        return Slot("date", write_date(micros, form, self._zone), micros, form)


def write_time(micros: Micros, form: str, zone: tzinfo) -> str:
    """A time of day with the name of its zone; none for "bare" (the site's zone) and "utc bare"."""
    name, _, pattern = form.partition("|")
    moment = to_datetime(micros) if name.startswith("utc") else to_datetime(micros, zone)
    told = {"utc": " UTC", "local": " local time", "zone": moment.strftime(" %Z")}
    return moment.strftime(pattern) + told.get(name, "")


def write_date(micros: Micros, form: str, zone: tzinfo) -> str:
    """ "12 March 2026", "2026-03-12" or "12 March"."""
    name, _, style = form.partition("|")
    moment = to_datetime(micros) if name == "utc" else to_datetime(micros, zone)
    if style == "iso":
        return moment.strftime("%Y-%m-%d")
    return f"{moment.day} {moment:%B}" if style == "short" else f"{moment.day} {moment:%B %Y}"


def number(value: float, decimals: int, kind: str = "number") -> Slot:
    """A figure with so many decimals."""
    return Slot(kind, write_number(value, str(decimals)), value, str(decimals))


def write_number(value: float, form: str) -> str:
    return f"{value:.{int(form)}f}"


def reading(value: float, rng: random.Random, kind: str = "number") -> Slot:
    """A reading as it stands (two decimals at most, no zeros at the end), or to one decimal."""
    whole = f"{value:.2f}".rstrip("0").rstrip(".")
    most = len(whole.partition(".")[2])
    return number(value, rng.choice((most, most, min(most, 1))), kind)


def unit(name: str, rng: random.Random) -> Slot:
    return Slot("unit", rng.choice(UNITS.get(name, (name,))), name)


def count(value: int, rng: random.Random) -> Slot:
    form = rng.choice(("word", "figure"))
    return Slot("count", write_count(value, form), value, form)


def write_count(value: int, form: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[value] if form == "word" and 0 <= value < len(words) else str(value)


def duration(seconds: float, rng: random.Random) -> Slot:
    """A span of time: exact, in whole minutes ("about" where that rounds), or in hours and minutes."""
    minutes = seconds / 60
    whole = abs(minutes - round(minutes)) < 1e-9
    forms = ["minutes" if whole else "about"]
    if minutes >= 120:
        forms = ["hours"] if whole else ["about"]
        forms += ["minutes"] if whole and minutes < 240 else []
    elif not whole:
        forms.append("exact")
    form = rng.choice(forms)
    return Slot("duration", write_duration(seconds, form), seconds, form)


def write_duration(seconds: float, form: str) -> str:
    """A duration in one of the forms minutes, about, hours, exact."""
    minutes = round(seconds / 60)
    if form == "exact":
        return f"{_many(int(seconds // 60), 'minute')} and {_many(int(seconds % 60), 'second')}"
    if form == "hours":
        hours, rest = divmod(minutes, 60)
        return _many(hours, "hour") + (f" and {_many(rest, 'minute')}" if rest else "")
    return ("about " if form == "about" else "") + _many(minutes, "minute")


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def name(kind: str, text: str, value: Any = None) -> Slot:
    """A name (asset, alert, order, camera, …) or other words that can be exchanged for their like."""
    return Slot(kind, text, text if value is None else value)


def rewritten(slot: Slot, value: Any, zone: tzinfo) -> str:
    """Another value written as the slot's own was."""
    if slot.kind in ("time", "bound"):
        return write_time(value, slot.form, zone)
    if slot.kind == "date":
        return write_date(value, slot.form, zone)
    if slot.kind == "duration":
        return write_duration(value, slot.form)
    if slot.kind == "count":
        return write_count(value, slot.form)
    return write_number(value, slot.form)
