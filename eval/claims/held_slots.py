"""The places of held-out claims: how a time, a duration, a figure or a name is written, and written again with another value.

A slot's `form` is a pattern that its `text` was written with. Times: "u|…" in UTC, "l|…" in the site's zone; a pattern that
opens with "about" rounds to the nearest minute, the others cut the seconds off. Figures: "decimals|opening words". Names:
a pattern with {id}, {name} and {type}. A slot of kind "word" has no value to change: its `value` is what a mutation may
put in its stead, pairs of (mutation, text).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import TypeVar

from eval.claims.types import Slot
from eval.claims.world import World
from retrieval.times import to_datetime
from retrieval.types import Interval, Micros

T = TypeVar("T")

MINUTE: Micros = 60_000_000
HOUR: Micros = 60 * MINUTE

DATED = (
    "u|{H}:{M} UTC on {d} {B} {Y}",
    "u|{H}:{M} UTC on {B} {d}",
    "u|{Y}-{mm}-{dd} {H}:{M} UTC",
    "u|{H}:{M}:{S} UTC on {d} {b} {Y}",
    "u|{h}:{M} {p} UTC on {weekday}, {d} {B}",
    "u|about {H}:{M} UTC on the {nth} of {B}",
    "l|{H}:{M} local time on {d} {B} {Y}",
    "l|{H}:{M} local time on {weekday} {d} {B}",
    "l|{h}:{M} {p} local time on {B} {d}, {Y}",
    "l|{H}:{M} {zone} on {d} {B}",
    "l|about {h}:{M} {p} local time on {d} {B}",
)
DAILY = ("l|{H}:{M} local time", "l|{h}:{M} {p} local time", "l|{H}:{M} site time", "l|{H}:{M}")
SPANS = (
    "u|between {H}:{M} and {H2}:{M2} UTC on {d} {B} {Y}",
    "u|from {H}:{M} to {H2}:{M2} UTC on {B} {d}",
    "u|between {h}:{M} {p} and {h2}:{M2} {p2} UTC on {weekday}, {d} {B}",
    "u|in the hour from {Y}-{mm}-{dd} {H}:{M} UTC",
    "l|between {H}:{M} and {H2}:{M2} local time on {d} {B}",
    "l|in the hour after {h}:{M} {p} local time on {B} {d}",
)
DAYS = ("l|{d} {B} {Y}", "l|{B} {d}", "l|{weekday} {d} {B}", "l|the {nth} of {B}", "l|{Y}-{mm}-{dd}")
NAMED = {
    "asset": ("{id}", "{id}", "{type} {id}"),
    "sensor": ("{id}", "sensor {id}"),
    "camera": ("{id}", "camera {id}", "{name}"),
    "zone": ("{id}",),
    "person": ("{id}",),
    "alert": ("{id}", "alert {id}", "alarm {id}"),
    "order": ("{id}", "work order {id}"),
    "report": ("{id}", "incident report {id}"),
    "permit": ("{id}",),
}


def word(text: str, **instead: str) -> Slot:
    """Words that stand as they are, and by mutation the false ones that may replace them, parted by "|"."""
    return Slot("word", text, tuple((kind, other) for kind, texts in instead.items() for other in texts.split("|")))


def twists(slot: Slot) -> Sequence[tuple[str, str]]:
    """The (mutation, text) pairs that may replace a slot's words."""
    return slot.value if slot.kind == "word" else slot.value[1] if slot.kind == "label" else ()


# --- times ----------------------------------------------------------------------------------------------------------


def write_time(form: str, at: Micros, zone: tzinfo) -> str:
    """The moment in words."""
    side, _, pattern = form.partition("|")
    shown = (at + MINUTE // 2) // MINUTE * MINUTE if pattern.startswith("about") else at
    return pattern.format_map(_parts(shown, zone if side == "l" else UTC))


def write_span(form: str, span: Interval, zone: tzinfo) -> str:
    """The hour, or other span, in words."""
    side, _, pattern = form.partition("|")
    where = zone if side == "l" else UTC
    end = {f"{name}2": part for name, part in _parts(span.t1, where).items()}
    return pattern.format_map(_parts(span.t0, where) | end)


def _parts(at: Micros, zone: tzinfo) -> dict[str, str]:
    when = to_datetime(at, zone)
    hour, half = when.hour % 12 or 12, "a.m." if when.hour < 12 else "p.m."
    return {
        "H": f"{when:%H}", "M": f"{when:%M}", "S": f"{when:%S}", "h": str(hour), "p": half, "zone": when.tzname() or "",
        "d": str(when.day), "dd": f"{when:%d}", "nth": _ordinal(when.day), "weekday": f"{when:%A}",
        "B": f"{when:%B}", "b": f"{when:%b}", "mm": f"{when:%m}", "Y": f"{when:%Y}",
    }  # fmt: skip


def _ordinal(day: int) -> str:
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def time_slot(at: Micros, zone: tzinfo, rng: random.Random, forms: Sequence[str] = DATED) -> Slot:
    """A moment (UTC microseconds)."""
    form = rng.choice(forms)
    return Slot("time", write_time(form, at, zone), at, form)


def span_slot(span: Interval, zone: tzinfo, rng: random.Random) -> Slot:
    """A span; one that ends on another day than it begins is named by its beginning alone."""
    same = {
        side: to_datetime(span.t0, where).date() == to_datetime(span.t1, where).date()
        for side, where in (("u", UTC), ("l", zone))
    }
    form = rng.choice([form for form in SPANS if same[form[0]] or "in the hour" in form])
    return Slot("span", write_span(form, span, zone), span, form)


# --- durations and figures ------------------------------------------------------------------------------------------


def write_lasting(form: str, seconds: float) -> str:
    """A duration in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    short = round(seconds / 60)
    if form == "whole":
        return " and ".join(filter(None, (_count(minutes, "minute"), _count(rest, "second")))) or "0 seconds"
    if form == "short":
        return " ".join([f"{minutes} min"] * bool(minutes) + [f"{rest} s"] * bool(rest or not minutes))
    if form == "hours":
        return " ".join(filter(None, (_count(hours, "hour"), _count(left, "minute"), _count(rest, "second"))))
    if form == "about minutes":
        return f"about {_count(short, 'minute')}"
    if form == "about hours":
        return f"roughly {round(seconds / 3600, 1):g} hours"
    return f"{round(seconds):,} seconds"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}" if number else ""


def lasting_slot(seconds: float, rng: random.Random) -> Slot:
    """A duration in seconds, in a form that keeps it to within 3 %."""
    forms = ["whole", "short", "about minutes"] if seconds < 5400 else ["hours"]
    forms += ["about minutes"] if 5400 <= seconds < 10_800 else []
    forms += ["about hours"] if seconds >= 7200 else []
    forms += ["seconds"] if seconds < 4000 else []
    if seconds < 1200:
        forms.remove("about minutes")
    form = rng.choice(forms)
    return Slot("lasting", write_lasting(form, seconds), seconds, form)


def write_number(form: str, value: float) -> str:
    """A figure in words; noughts at the end of its decimals are left out."""
    decimals, _, opening = form.partition("|")
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{opening} {text}" if opening else text


def number_slot(value: float, rng: random.Random, near: bool = True) -> Slot:
    """A figure to two decimals; now and then rounded, where that keeps it to within 2 % and the words say so (`near`)."""
    forms = ["2|", "2|", "2|"]
    if near:
        forms += [
            f"{decimals}|{opening}"
            for decimals in (0, 1)
            for opening in ("about", "roughly", "around")
            if abs(round(value, decimals) - value) <= 0.02 * abs(value)
        ]
    form = rng.choice(forms)
    return Slot("number", write_number(form, value), value, form)


def count_slot(value: int) -> Slot:
    """A whole number of things."""
    return Slot("count", str(value), value, "0|")


# --- names ----------------------------------------------------------------------------------------------------------


def write_name(kind: str, form: str, id_: str, world: World) -> str:
    """A thing by its tag, or by its tag and what it is."""
    entity = world.entities.get(id_)
    type_ = str(entity.facts.get("type", "")) if entity else ""
    shown = entity.name if entity and kind in ("zone", "person") else id_
    name = entity.name.lower() if entity else id_
    return form.format(id=shown, type=type_, name=name).strip()


def name_slot(kind: str, id_: str, world: World, rng: random.Random) -> Slot:
    """The thing of a kind ("asset", "camera", "alert", "order" …) and id. Zones and people go by their names."""
    form = rng.choice(NAMED[kind])
    return Slot(kind, write_name(kind, form, id_, world), id_, form)


def plain_slot(kind: str, text: str) -> Slot:
    """A grade ("severity", "priority", "status"): the word is the value."""
    return Slot(kind, text, text)


def shuffled(items: Sequence[T], rng: random.Random) -> list[T]:
    """The items in an order of their own."""
    return rng.sample(items, len(items))
