"""Slots as other people write them: clock times, dates, durations, rounded figures and units in the habits of one speaker."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from eval.claims import slots as s
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from retrieval.times import to_datetime
from retrieval.types import Evidence, Micros

# Templates that may be used only where something holds, with whether it does.
Group = tuple[bool, Sequence[str]]

# How a speaker names the zone, and the clock's pattern. "bare" is the site's zone, which the pattern names itself.
_UTC = ("utc|%H:%M", "utc|%H:%M", "utc|%H:%M:%S", "utc|%-I:%M %P")
_LOCAL = (
    "local|%H:%M", "zone|%H:%M", "local|%H:%M:%S", "zone|%H:%M:%S", "local|%-I:%M %P", "zone|%-I:%M %p",
    "bare|%H:%M (local)", "bare|%H:%M site time",
)  # fmt: skip
# What `slots.write_date` writes, and what only this set writes; a style that ends in "short" leaves out the year.
_DATES = ("long", "long", "iso", "short", "us", "us", "us short", "named", "named short", "slashed", "ordinal short")
_UNITS: Mapping[str, tuple[str, ...]] = {
    "degC": ("°C", "degC", "degrees Celsius", "degrees C"),
    "%": ("%", "percent", "per cent"),
    "A": ("A", "amps", "amperes"),
    "mm/s": ("mm/s", "mm/s", "mm per second", "millimetres per second"),
    "bar": ("bar",),
}
_ABOUT = ("about", "roughly", "around", "approximately", "some")
# minutes → how they are said
_PLAIN: Mapping[int, str] = {
    15: "a quarter of an hour",
    30: "half an hour",
    45: "three quarters of an hour",
    60: "an hour",
    90: "an hour and a half",
    120: "two hours",
    180: "three hours",
}


class Voice(s.Clock):
    """One speaker's way to write times and dates: a zone and a pattern, kept to for a whole claim."""

    def __init__(self, zone: tzinfo, rng: random.Random) -> None:
        super().__init__(zone, rng)
        self._form = rng.choice(rng.choice((_UTC, _LOCAL)))
        self._style = rng.choice(_DATES)

    @property
    def is_utc(self) -> bool:
        return self._form.startswith("utc")

    def time(self, micros: Micros, kind: str = "time", seconds: bool | None = None) -> Slot:
        """ "4:01 am CEST"; seconds where the speaker tells them, or always (True) or never (False); cut off, not rounded."""
        form = self._form
        if seconds:
            form = f"{'utc' if self.is_utc else 'local'}|%H:%M:%S"
        elif seconds is False:
            form = form.replace(":%S", "")
        return Slot(kind, s.write_time(micros, form, self._zone), micros, form)

    def bounds(self, t0: Micros, t1: Micros) -> tuple[Slot, Slot]:
        """Where a window begins and ends, the zone named once: "10:00", "11:00 UTC"."""
        last = self.time(t1, "bound", seconds=False)
        name, _, pattern = last.form.partition("|")
        plain = pattern.partition(" (")[0].partition(" site")[0]
        form = f"{'utc bare' if name == 'utc' else 'bare'}|{plain}"
        return Slot("bound", s.write_time(t0, form, self._zone), t0, form), last

    def date(self, micros: Micros) -> Slot:
        return date(micros, f"{'utc' if self.is_utc else 'local'}|{self._style}", self._zone)


def date(micros: Micros, form: str, zone: tzinfo) -> Slot:
    """A date in one of this set's styles; changed, it is written as `slots.write_date` can."""
    moment = to_datetime(micros) if form.startswith("utc") else to_datetime(micros, zone)
    day, style = moment.day, form.partition("|")[2]
    written = {
        "us": f"{moment:%B} {day}, {moment:%Y}", "us short": f"{moment:%B} {day}",
        "named": f"{moment:%A}, {day} {moment:%B %Y}", "named short": f"{moment:%A} {day} {moment:%B}",
        "slashed": f"{moment:%d/%m/%Y}", "ordinal short": f"the {day}{_ending(day)} of {moment:%B}",
    }  # fmt: skip
    return Slot("date", written.get(style) or s.write_date(micros, form, zone), micros, form)


def _ending(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def retold(slots: Mapping[str, Slot], zone: tzinfo, rng: random.Random) -> dict[str, Slot]:
    """Slots with their times and dates written by another speaker, who keeps to UTC or the site's zone where they did."""
    forms = {"utc": rng.choice(_UTC).replace(":%S", ""), "local": rng.choice(_LOCAL).replace(":%S", "")}
    style = rng.choice(_DATES)
    told = dict(slots)
    for name, slot in slots.items():
        own = slot.form.partition("|")[0]
        if slot.kind == "time" and own in forms:
            told[name] = Slot("time", s.write_time(slot.value, forms[own], zone), slot.value, forms[own])
        elif slot.kind == "date":
            told[name] = date(slot.value, f"{own}|{style}", zone)
    return told


def duration(seconds: float, rng: random.Random) -> Slot:
    """A span of time as people say it, exact or with a word that says it is not."""
    minutes, rest = divmod(round(seconds), 60)
    exact = [*_exact(minutes)] if not rest else [(f"{minutes} min {rest} s", "exact")] if minutes else []
    text, form = rng.choice([*exact, *_rough(seconds, rng)])
    return Slot("duration", text, seconds, form)


def _exact(minutes: int) -> list[tuple[str, str]]:
    """Ways to say whole minutes, each with the form in which `slots` writes another value."""
    hours, rest = divmod(minutes, 60)
    told = [(s.write_duration(60 * minutes, "minutes"), "minutes"), (f"{minutes} min", "minutes")]
    told += [(_PLAIN[minutes], "minutes")] if minutes in _PLAIN else []
    # three minutes are a twentieth of an hour: two decimals say them without rounding
    told += [(f"{minutes / 60:g} h", "minutes")] if minutes % 3 == 0 and minutes > 20 else []
    if hours:
        told += [(f"{hours} h {rest:02} min", "hours"), (s.write_duration(60 * minutes, "hours"), "hours")]
    return told


def _rough(seconds: float, rng: random.Random) -> list[tuple[str, str]]:
    """Ways to say a span that is not whole minutes: rounded, or between two of them."""
    minutes, rest = divmod(round(seconds), 60)
    if not rest or not minutes:
        return []
    whole = s.write_duration(seconds, "minutes")
    told = [(f"{rng.choice(_ABOUT)} {whole}", "about"), (f"{rng.choice(_ABOUT)} {whole}", "about")]
    if rest >= 40:
        told.append((f"{rng.choice(('just under', 'almost', 'nearly'))} {minutes + 1} minutes", "about"))
    elif rest <= 20 and minutes > 1:
        told.append((f"{rng.choice(('just over', 'a little over', 'slightly more than'))} {minutes} minutes", "about"))
    told += [(f"{rng.choice(_ABOUT[:3])} {_PLAIN[near]}", "about") for near in _PLAIN if abs(seconds - 60 * near) < 75]
    return told


def rounded(value: float, rng: random.Random) -> Slot:
    """A figure to fewer digits, with a word that says so. Another figure so near would be right as well: it is never changed."""
    decimals = 0 if value >= 20 or abs(value - round(value)) <= 0.2 else 1
    return Slot("rounded", f"{rng.choice((*_ABOUT[:4], 'close to'))} {value:.{decimals}f}", value, str(decimals))


def unit(name: str, rng: random.Random) -> Slot:
    return Slot("unit", rng.choice(_UNITS.get(name, (name,))), name)


def moment(slot: Slot) -> Slot:
    """A time of which more is true than is said ("still up at"): another one could be right, so it is never changed."""
    return slot._replace(kind="moment")


def marked(slots: Mapping[str, Slot], mark: str) -> dict[str, Slot]:
    """Slots of one of two things, their names marked: "asset" → "asset_a"."""
    return {f"{name}_{mark}": slot for name, slot in slots.items()}


def tell(
    kind: str, groups: Iterable[Group], slots: Mapping[str, Slot], cited: Sequence[Evidence], rng: random.Random
) -> ScriptedClaim | None:
    """A claim in one of the templates that hold and whose places can be filled; None where there is none."""
    fit = [t for holds, templates in groups if holds for t in templates if places(t) <= slots.keys()]
    return right_claim(kind, rng.choice(fit), slots, *(e.id for e in cited)) if fit else None
