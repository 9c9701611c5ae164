"""Right claims about windows of series, recomputed from their samples."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from eval.claims import slots as s
from eval.claims.right_tables import pick
from eval.claims.types import ScriptedClaim, Slot, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

HIGH = (
    "The {quantity} of {asset} peaked at {max} {unit} at {t_max} on {day}.",
    "{sensor} reached its maximum of {max} {unit} at {t_max}.",
    "Between {t0} and {t1} on {day}, the highest {quantity} of {asset} was {max} {unit}.",
    "The maximum of {sensor} between {t0} and {t1} was {max} {unit}, at {t_max}.",
)
LOW = (
    "The lowest {quantity} of {asset} between {t0} and {t1} was {min} {unit}.",
    "{sensor} had its minimum of {min} {unit} at {t_min} on {day}.",
    "The {quantity} of {asset} dipped to a minimum of {min} {unit} at {t_min}.",
)
MEAN = (
    "Between {t0} and {t1} on {day}, the {quantity} of {asset} averaged {mean} {unit}.",
    "The mean {quantity} of {asset} from {t0} to {t1} was {mean} {unit}.",
    "On average, {sensor} read {mean} {unit} between {t0} and {t1} on {day}.",
)
RANGE = (
    "The {quantity} of {asset} ranged from {min} to {max} {unit} between {t0} and {t1}.",
    "Between {t0} and {t1} on {day}, {sensor} stayed between {min} {unit} and {max} {unit}.",
)
AT = (
    "At {t} on {day}, the {quantity} of {asset} was {value} {unit}.",
    "{sensor} read {value} {unit} at {t}.",
)
ABOVE = (
    "The {quantity} of {asset} was above its limit of {limit} {unit} for about {over} between {t0} and {t1}.",
    "{samples} samples of {sensor} between {t0} and {t1} were above the {limit} {unit} limit.",
    "The {quantity} of {asset} first exceeded the limit of {limit} {unit} at {first_over} on {day}.",
    "{sensor} went above its high limit of {limit} {unit} and reached {max} {unit}.",
)
BELOW = (
    "The {quantity} of {asset} stayed below its limit of {limit} {unit} between {t0} and {t1}; its maximum was {max} {unit}.",
    "Between {t0} and {t1} on {day}, {sensor} did not exceed its limit of {limit} {unit}.",
)
TREND = (
    "The {quantity} of {asset} {moved} from {begin} {unit} at {t_begin} to {end} {unit} at {t_end}.",
    "Between {t_begin} and {t_end} on {day}, {sensor} {moved} from {begin} to {end} {unit}.",
)
COMPARED = (
    "The maximum {quantity} of {more} ({max_more} {unit}) was higher than that of {less} ({max_less} {unit}) "
    "between {t0} and {t1} on {day}.",
    "Between {t0} and {t1} on {day}, {more} reached a higher {quantity} ({max_more} {unit}) than {less} ({max_less} {unit}).",
)
HOURS = (
    "The mean {quantity} of {asset} {moved} from {mean_a} {unit} between {a0} and {a1} to {mean_b} {unit} between {b0} and {b1}.",
)


def window_slots(world: World, window: Evidence, clock: s.Clock, rng: random.Random) -> dict[str, Slot]:
    """Everything that is said of one window, each figure computed from its samples."""
    series, data = world.samples(window), window.data
    low, high = min(series.v), max(series.v)
    assert window.valid is not None
    at = rng.randrange(len(series.t))
    t0, t1 = clock.bounds(window.valid.t0, window.valid.t1)
    slots = _names(world, window, rng) | {
        "max": s.reading(high, rng), "min": s.reading(low, rng), "value": s.reading(series.v[at], rng),
        "mean": s.number(sum(series.v) / len(series.v), rng.choice((1, 2))),
        "t_max": clock.time(series.t[series.v.index(high)]), "t_min": clock.time(series.t[series.v.index(low)]),
        "t": clock.time(series.t[at]), "t0": t0, "t1": t1, "day": clock.date(series.t[at]),
        "begin": s.reading(series.v[0], rng), "end": s.reading(series.v[-1], rng),
        "t_begin": clock.time(series.t[0]), "t_end": clock.time(series.t[-1]),
    }  # fmt: skip
    return slots | _limit_slots(series.t, series.v, data, clock)


def _names(world: World, window: Evidence, rng: random.Random) -> dict[str, Slot]:
    sensor = window.text.partition(" ")[0]
    return {
        "sensor": s.name("sensor", sensor),
        "asset": s.name("asset", str(world.entities[sensor].facts["asset"])),
        "quantity": s.name("quantity", str(window.data["quantity"])),
        "unit": s.unit(str(window.data["unit"]), rng),
    }


def _limit_slots(t: Any, v: Any, data: dict[str, Any], clock: s.Clock) -> dict[str, Slot]:
    limit = (data.get("limits") or {}).get("high")
    if limit is None:
        return {}
    over = [at for at, value in enumerate(v) if value > limit]
    slots = {"limit": s.number(limit, 0 if float(limit).is_integer() else 1, "limit")}
    # one unbroken time above it: then samples a minute apart are minutes
    if over and over[-1] - over[0] == len(over) - 1 and data["step_s"] == 60:
        slots["over"] = Slot("duration", s.write_duration(60 * len(over), "minutes"), 60 * len(over), "minutes")
    if over:
        slots["samples"] = Slot("count", str(len(over)), len(over), "figure")
    # a window that begins above the limit does not show when it was first passed
    if len(over) > 1 and over[0] > 0:
        slots["first_over"] = clock.time(t[over[0]])
    return slots


def window(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One window: maximum, minimum, mean, range, a reading, a trend, its limit."""
    one = rng.choice(world.of_kind[Kind.WINDOW])
    if not _in_one_day(world, one):
        return None
    slots = window_slots(world, one, s.Clock(world.zone, rng), rng)
    series = world.samples(one)
    kinds = [HIGH, LOW, MEAN, RANGE, AT, AT]
    if "limit" in slots:
        kinds.append(BELOW if "samples" not in slots else ABOVE)
    moved = series.v[-1] - series.v[0]
    if abs(moved) > 0.04 * abs(series.v[0]):
        kinds.append(TREND)
        slots["moved"] = s.name("moved", rng.choice(("rose", "increased") if moved > 0 else ("fell", "dropped")))
    chosen = rng.choice(kinds)
    if chosen is RANGE:
        # a rounded bound would leave samples outside it
        slots |= {"min": s.number(min(series.v), 2), "max": s.number(max(series.v), 2)}
    return right_claim("window", pick(chosen, slots, rng), slots, one.id)


def above(world: World, rng: random.Random) -> ScriptedClaim | None:
    """A window in which a limit was passed."""
    over = [e for e in world.of_kind[Kind.WINDOW] if e.data["crossings"] and _in_one_day(world, e)]
    if not over:
        return None
    one = rng.choice(over)
    slots = window_slots(world, one, s.Clock(world.zone, rng), rng)
    return right_claim("window limit", pick(ABOVE, slots, rng), slots, one.id) if "limit" in slots else None


def compared(world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same hour and quantity of two assets."""
    one = rng.choice(world.of_kind[Kind.WINDOW])
    alike = [
        e for e in world.of_kind[Kind.WINDOW]
        if e.valid == one.valid and e.data["quantity"] == one.data["quantity"] and e.id != one.id
    ]  # fmt: skip
    if not alike or not _in_one_day(world, one):
        return None
    more, less = sorted((one, rng.choice(alike)), key=lambda e: -max(world.samples(e).v))
    tops = max(world.samples(more).v), max(world.samples(less).v)
    if tops[0] < 1.05 * tops[1]:
        return None
    slots = window_slots(world, more, s.Clock(world.zone, rng), rng)
    other = _names(world, less, rng)
    slots |= {"more": slots["asset"], "less": other["asset"]}
    slots |= {"max_more": s.reading(tops[0], rng), "max_less": s.reading(tops[1], rng)}
    return right_claim("windows compared", rng.choice(COMPARED), slots, more.id, less.id)


def hours(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two hours in a row of one series."""
    one = rng.choice(world.of_kind[Kind.WINDOW])
    own = [e for e in world.of_kind[Kind.WINDOW] if e.source == one.source]
    pairs = [(a, b) for a, b in pairwise(own) if a.valid and b.valid and a.valid.t1 == b.valid.t0]
    a, b = rng.choice(pairs)
    means = [sum(world.samples(e).v) / len(world.samples(e).v) for e in (a, b)]
    if abs(means[1] - means[0]) < 0.02 * means[0] or not a.valid or not b.valid:
        return None
    clock = s.Clock(world.zone, rng)
    (a0, a1), (b0, b1) = (clock.bounds(e.valid.t0, e.valid.t1) for e in (a, b) if e.valid)
    slots = _names(world, a, rng) | {
        "mean_a": s.number(means[0], 2), "mean_b": s.number(means[1], 2),
        "moved": s.name("moved", "rose" if means[1] > means[0] else "fell"),
        "a0": a0, "a1": a1, "b0": b0, "b1": b1,
    }  # fmt: skip
    return right_claim("windows compared", rng.choice(HOURS), slots, a.id, b.id)


def _in_one_day(world: World, window: Evidence) -> bool:
    """Whether UTC and the site's zone each have the window within one day, so that one date says when it was."""
    assert window.valid is not None
    ends = (window.valid.t0, window.valid.t1)
    return all(len({s.write_date(at, f"{zone}|iso", world.zone) for at in ends}) == 1 for zone in ("utc", "local"))
