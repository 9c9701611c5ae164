"""Mutations of what is told: figures, units, times, dates and names."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval.claims import slots as s
from eval.claims.phrases import FIXES, THINGS
from eval.claims.right_frames import things
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World
from eval.site.documents import SIGNS
from retrieval.times import to_datetime
from retrieval.types import EntityType, Kind

_HOUR, _DAY = 60 * s.MINUTE, 1440 * s.MINUTE


def put(claim: ScriptedClaim, *changes: tuple[Span, str]) -> ScriptedClaim:
    """The claim with some of its places filled otherwise."""
    text = claim.text
    for span, words in sorted(changes, key=lambda change: -change[0].start):
        text = text[: span.start] + words + text[span.end :]
    return claim._replace(text=text[:1].upper() + text[1:])


def any_of(claim: ScriptedClaim, rng: random.Random, *kinds: str) -> Span | None:
    """One of the claim's places of these kinds."""
    found = [span for span in claim.spans if span.slot.kind in kinds]
    return rng.choice(found) if found else None


# --- figures, units, times ------------------------------------------------------------------------------------------


def number(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another figure, duration or count: off by 3 % to 60 %, and different at the decimals that are told."""
    span = any_of(claim, rng, "number", "limit", "duration", "count")
    if span is None:
        return None
    value, kind = span.slot.value, span.slot.kind
    if kind == "count":
        steps = (1, 2, 3, 5, 8) if value > 12 else (1, 2)
        new: Any = rng.choice(
            [n for step in steps for n in (value - step, value + step) if n > ("alerts" in claim.text)]
        )
    elif kind == "duration":
        new = 60 * max(1, round(value / 60 * rng.choice((0.3, 0.5, 0.6, 1.4, 1.7, 2.5))))
        new = new + rng.randrange(3, 9) if span.slot.form == "exact" else new
        if span.slot.form != "exact" and round(new / 60) == round(value / 60):
            # "about a minute" for "roughly a minute" is as right
            return None
    else:
        # what reached 115 reached 90 on its way
        sign = 1 if "reached" in claim.text and span.name.startswith("max") else rng.choice((-1, 1))
        new = value * (1 + sign * rng.uniform(0.03, 0.6))
        new = round(new, int(span.slot.form))
    words = s.rewritten(span.slot, new, world.zone)
    far = abs(float(new) - float(value)) >= 0.02 * abs(float(value))
    return put(claim, (span, words)) if far and words != span.slot.text else None


_OTHER_UNITS: Mapping[str, tuple[str, ...]] = {
    "degC": ("°F", "K", "bar"),
    "%": ("litres", "mm", "°C"),
    "A": ("mA", "kW", "V"),
    "mm/s": ("m/s", "mm", "Hz"),
    "bar": ("psi", "mbar", "kPa"),
    "km/h": ("mph", "m/s"),
    "hours": ("days", "minutes"),
    "litres": ("millilitres", "kilograms", "cubic metres"),
    "minutes": ("seconds", "hours"),
    "newton metres": ("newtons", "bar", "foot-pounds"),
}


def unit(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same figure in another unit; a unit that stands twice is changed in both places."""
    spans = [span for span in claim.spans if span.slot.kind == "unit"]
    if spans:
        new = rng.choice(_OTHER_UNITS[spans[0].slot.value])
        return put(claim, *((span, new) for span in spans))
    span = any_of(claim, rng, "duration")
    if span is None:
        return None
    swaps = {"minute": ("second", "hour"), "hour": ("minute", "day")}
    first = re.search(r"minute|hour", span.slot.text)
    if first is None or "and" in span.slot.text:
        return None
    return put(claim, (span, span.slot.text.replace(first[0], rng.choice(swaps[first[0]]))))


def time(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another time of day, the same digits under another zone's name, or all bounds of a window moved."""
    bounds = [span for span in claim.spans if span.slot.kind == "bound"]
    span = any_of(claim, rng, "time")
    if bounds and (span is None or rng.random() < 0.4):
        shift = rng.choice((-1, 1)) * rng.randrange(2, 10) * _HOUR
        return put(claim, *((b, s.rewritten(b.slot, b.slot.value + shift, world.zone)) for b in bounds))
    if span is None:
        return None
    zone = span.slot.form.partition("|")[0]
    if rng.random() < 0.2 and zone != "bare" and to_datetime(span.slot.value, world.zone).utcoffset():
        # the same digits in another zone are another moment
        digits = span.slot.text.split()[0]
        return put(claim, (span, f"{digits} {'local time' if zone == 'utc' else 'UTC'}"))
    shift = rng.choice((-1, 1)) * rng.choice((4, 7, 11, 18, 25, 37, 90, 150, 240)) * s.MINUTE
    words = s.rewritten(span.slot, span.slot.value + shift, world.zone)
    # when it was first or highest is one moment; a frame or sample stands for its own time alone
    return put(claim, (span, words)) if not _true_reading(claim, span, shift, world) else None


def _true_reading(claim: ScriptedClaim, span: Span, shift: int, world: World) -> bool:
    """Whether another time would be right as well: a series may take a value, or its extreme, twice."""
    windows = [e for one in claim.evidence if (e := world.by_id.get(one)) and e.kind is Kind.WINDOW]
    values = {round(float(p.slot.value), 1) for p in claim.spans if p.slot.kind == "number"}
    for window in windows:
        series = world.samples(window)
        near = [v for t, v in zip(series.t, series.v, strict=True) if abs(t - span.slot.value - shift) < s.MINUTE]
        if any(round(v, 1) in values for v in near):
            return True
    frames = [e for one in claim.evidence if (e := world.by_id.get(one)) and e.kind is Kind.FRAME]
    return any(f.valid and f.valid.t0 <= span.slot.value + shift < f.valid.t1 for f in frames)


def date(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another day, month or year."""
    span = any_of(claim, rng, "date")
    if span is None:
        return None
    days = rng.choice((-1, 1, -2, 2, 5, -6, 31, -30, 365, -365))
    if span.slot.form.endswith("short") and abs(days) == 365:
        return None
    return put(claim, (span, s.rewritten(span.slot, span.slot.value + days * _DAY, world.zone)))


# --- names ----------------------------------------------------------------------------------------------------------


def name(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another asset, camera, sensor, person, alert, order, report, zone or thing seen."""
    span = any_of(claim, rng, *_LIKES)
    if span is None or (claim.kind == "order count" and span.slot.kind == "order"):
        return None
    others = [o for o in _LIKES[span.slot.kind](world, claim) if o != span.slot.text and o not in claim.text]
    return put(claim, (span, rng.choice(others))) if others else None


def _tables(world: World, kind: Kind) -> list[str]:
    return [str(e.data["fields"]["id"]) for e in world.of_kind[kind]]


def _entities(type_: EntityType) -> Callable[[World, ScriptedClaim], Sequence[str]]:
    return lambda world, _: world.names(type_)


def _things(world: World, claim: ScriptedClaim) -> list[str]:
    """Things that none of the cited frames shows; where a forklift of a colour is shown, so is a forklift."""
    cited = [world.by_id[i] for i in claim.evidence if world.by_id[i].kind is Kind.FRAME]
    known = {label for e in world.of_kind[Kind.FRAME] for label in things(e)}
    shown = {label for e in cited for label in things(e)}
    absent = [k for k in sorted(known - shown) if not (k == "forklift" and any("forklift" in one for one in shown))]
    return [THINGS[label][0] for label in absent if "person" not in label or not any("hi-vis" in one for one in shown)]


def _others(*names: str) -> Callable[[World, ScriptedClaim], Sequence[str]]:
    return lambda world, claim: names


def _shared(fix: str, claim: ScriptedClaim, world: World) -> bool:
    """Whether the cited evidence has a longer word of the fix: what was done in part would be true in part."""
    told = world.words(claim.evidence).lower()
    return any(word in told for word in re.findall(r"[a-z]{5,}", fix))


_LIKES: Mapping[str, Callable[[World, ScriptedClaim], Sequence[str]]] = {
    "asset": _entities(EntityType.ASSET),
    "camera": _entities(EntityType.CAMERA),
    "sensor": _entities(EntityType.SENSOR),
    "alert": lambda world, _: _tables(world, Kind.ALERT),
    "order": lambda world, _: _tables(world, Kind.ROW),
    "thing": _things,
    "report": _others("IR-2603-02", "IR-2603-04", "IR-2602-01", "IR-2603-09"),
    "sign": _others(*SIGNS.values()),
    "fix": lambda world, claim: [f[0] for key, f in FIXES.items() if not _shared(key, claim, world)],
    "message": lambda world, _: [str(e.data["fields"]["message"]) for e in world.of_kind[Kind.ALERT]],
    "description": lambda world, _: [str(e.data["fields"]["description"]) for e in world.of_kind[Kind.ROW]],
    "zone": _others("Zone A", "Zone B", "Zone C", "Zone D", "Zone E"),
    "person": _others("Shift lead A", "Shift lead B", "Duty electrician", "Duty mechanic"),
    "firm": _others("Alder Services", "Birch Services", "Cedar Services", "Dogwood Services"),
    "permit": _others("HW-102", "HW-1785", "CS-412"),
    "grease": _others("Lithium EP1", "Polyurea EP2", "Calcium EP2", "Lithium EP3"),
    "place": _others("south car park", "gatehouse", "cabinet", "container", "canteen", "workshop"),
}
