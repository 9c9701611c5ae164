"""Wrong times: hours, minutes, days, zones, ends, durations and what came first."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, timedelta

from eval.claims import exam_editing as e
from eval.claims import slots as s
from eval.claims.exam_editing import Mutator
from eval.claims.right_tables import fields, micros
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World
from retrieval.times import to_datetime, to_micros
from retrieval.types import Evidence, Kind, Micros

_HOUR, _DAY = 60 * s.MINUTE, 1440 * s.MINUTE
_ENDS = (
    ("raised", "cleared"), ("opened", "closed"), ("t_begin", "t_end"), ("raised", "opened"), ("raised", "at"),
    ("cleared", "opened"), ("raised", "t_max"), ("raised_a", "raised_b"), ("at_a", "at_b"),
)  # fmt: skip
_ORDER = {
    "before": "after",
    "after": "before",
    "earlier": "later",
    "later": "earlier",
    "Before": "After",
    "After": "Before",
}
_ELSEWHERE = ("EST", "JST", "New York time", "IST")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _rewritten(claim: ScriptedClaim, world: World, span: Span, at: Micros) -> ScriptedClaim | None:
    """The claim with another time of day, unless a cited sample says the same of that time."""
    if span.name == "noticed" and abs(at - span.slot.value) < 20 * s.MINUTE:
        return None
    for window in e.cited(world, claim, Kind.WINDOW):
        series = world.samples(window)
        there = [v for t, v in zip(series.t, series.v, strict=True) if t == at]
        if any(abs(v - float(n.slot.value)) < 2 * e.step(n) for v in there for n in e.places(claim, "number")):
            return None
    return e.refilled(claim, span, s.rewritten(span.slot, at, world.zone))


def _point(claim: ScriptedClaim, rng: random.Random) -> Span | None:
    found = e.places(claim, "time")
    return rng.choice(found) if found else None


def hour(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A time of day some hours off."""
    span = _point(claim, rng)
    return _rewritten(claim, world, span, span.slot.value + rng.choice((-3, -2, -1, 1, 2, 3)) * _HOUR) if span else None


def minute(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A time of day some minutes off: two at least, since a time that is cut off may be rounded too."""
    span = _point(claim, rng)
    if span is None:
        return None
    by = rng.randrange(20, 50) if span.name == "noticed" else rng.randrange(2, 25)
    return _rewritten(claim, world, span, span.slot.value + rng.choice((-1, 1)) * by * s.MINUTE)


def half_of_day(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Morning told as afternoon: 15:22 UTC → 3:22 am UTC."""
    span = _point(claim, rng)
    match = re.match(r"(\d\d)(:\d\d(?::\d\d)?)", span.slot.text) if span else None
    if span is None or match is None:
        return None
    hours = int(match[1])
    told = f"{hours % 12 or 12}{match[2]} {'am' if hours >= 12 else 'pm'}{span.slot.text[match.end() :]}"
    return e.refilled(claim, span, told)


def hours_of_window(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Both ends of a window moved to another hour, which the cited samples do not reach."""
    found = e.places(claim, "bound")
    if len(found) != 2:
        return None
    by = rng.choice((-4, -2, -1, 1, 2, 4)) * _HOUR
    return e.edited(claim, *((x.start, x.end, s.rewritten(x.slot, x.slot.value + by, world.zone)) for x in found))


def day(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The day before or after."""
    found = e.places(claim, "date")
    if not found:
        return None
    span = rng.choice(found)
    return e.refilled(claim, span, s.rewritten(span.slot, span.slot.value + rng.choice((-1, 1)) * _DAY, world.zone))


def month_or_year(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same day of another month or year."""
    found = e.places(claim, "date")
    if not found:
        return None
    span = rng.choice(found)
    moment = to_datetime(span.slot.value, world.zone)
    # day 28 exists in every month
    short = moment.replace(day=min(moment.day, 28))
    other = short.replace(month=moment.month % 12 + 1) if span.slot.form.endswith("short") else short.replace(year=2025)
    return e.refilled(claim, span, s.rewritten(span.slot, to_micros(other), world.zone))


def weekday(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A date on a day of the week that it was not."""
    found = [span for span in e.places(claim, "date") if span.slot.form.endswith("long")]
    if not found:
        return None
    span = found[0]
    zone = UTC if span.slot.form.startswith("utc") else world.zone
    true = to_datetime(span.slot.value, zone).weekday()
    wrong = rng.choice([name for n, name in enumerate(_WEEKDAYS) if n != true])
    return e.refilled(claim, span, f"{wrong} {span.slot.text}")


def zone(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The figures of one zone under the name of another."""
    found = [x for x in e.places(claim, "time", "bound") if x.slot.form.startswith(("utc|", "local|", "zone|"))]
    if not found:
        return None
    span = rng.choice(found)
    moment = to_datetime(span.slot.value, world.zone)
    if moment.utcoffset() in (timedelta(0), None):
        return None
    local = ("local time", moment.strftime("%Z")) if span.slot.form.startswith("utc|") else ("UTC", "UTC")
    return e.refilled(
        claim, span, f"{span.slot.text.split()[0]} {rng.choice((*local, *local, rng.choice(_ELSEWHERE)))}"
    )


def ends(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Begin and end exchanged, where they are told apart ("both at a and at b" says the same either way)."""
    if any(word in claim.text for word in ("both at", "and again at")) or claim.text.startswith("Between"):
        return None
    for one, other in _ENDS:
        a, b = e.place(claim, one), e.place(claim, other)
        if a and b and abs(a.slot.value - b.slot.value) >= 3 * s.MINUTE:
            return e.exchanged(claim, a, b)
    return None


def duration(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A quarter more or less at least, and never less than three minutes."""
    found = e.places(claim, "duration")
    if not found:
        return None
    span = found[0]
    by = max(180.0, span.slot.value * rng.uniform(0.25, 0.8)) * rng.choice((-1, 1))
    wrong = span.slot.value + 60 * round(by / 60)
    return e.refilled(claim, span, s.write_duration(wrong, span.slot.form)) if wrong > 0 else None


def seconds(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """An exact duration that is ten seconds off or more, or minutes exchanged with seconds."""
    found = [x for x in e.places(claim, "duration") if x.slot.form == "exact"]
    if not found:
        return None
    minutes, rest = divmod(int(found[0].slot.value), 60)
    others = [n for n in range(60) if abs(n - rest) >= 10]
    wrong = rng.choice([60 * minutes + rng.choice(others), 60 * rest + minutes])
    if abs(wrong - found[0].slot.value) < 10:
        return None
    return e.refilled(claim, found[0], s.write_duration(wrong, "exact"))


def at_once(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What came minutes later told as coming at once."""
    span = e.place(claim, "after")
    if span is None or span.slot.value < 150 or claim.text[span.end :].startswith(" later"):
        return None
    return e.refilled(claim, span, rng.choice(("less than a minute", "only seconds", "half a minute")))


def order(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Before told as after, later as earlier."""
    starts = [_start(one) for one in e.cited(world, claim) if one.kind in (Kind.ALERT, Kind.ROW)]
    if any(abs(a - b) < s.MINUTE for n, a in enumerate(starts) for b in starts[:n]):
        return None
    match = next(e.between(claim, r"\b([Bb]efore|[Aa]fter|earlier|later)\b"), None)
    return match and e.edited(claim, (match.start(), match.end(), _ORDER[match[1]]))


def _start(one: Evidence) -> Micros:
    told = fields(one)
    return micros(told.get("raised") or told["opened"])


MUTATORS: Mapping[str, Mutator] = {
    "hour": hour, "minute": minute, "am and pm": half_of_day, "hours of a window": hours_of_window, "day": day,
    "month or year": month_or_year, "weekday": weekday, "zone": zone, "begin and end": ends, "duration": duration,
    "seconds": seconds, "at once": at_once, "before and after": order,
}  # fmt: skip
