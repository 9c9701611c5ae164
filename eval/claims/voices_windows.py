"""Right claims about windows of series in other people's words, each figure computed from the samples cited."""

from __future__ import annotations

import math
import random
from itertools import pairwise

from eval.claims import slots as s
from eval.claims import voices_slots as v
from eval.claims.right_windows import window_slots
from eval.claims.types import ScriptedClaim, Slot
from eval.claims.world import World
from retrieval.types import Evidence, Kind

HIGH = (
    "{asset} {quantity} topped out at {max} {unit} at {t_max}.",
    "The highest reading of {sensor} between {t0} and {t1} was {max} {unit}.",
    "At {t_max} on {day}, {sensor} showed its peak, {max} {unit}.",
    "Peak {quantity} on {asset}, {t0} to {t1}: {max} {unit} (at {t_max}).",
    "{max} {unit} was the most that {sensor} recorded from {t0} until {t1}.",
    "{sensor} max = {max} {unit} @ {t_max}",
    "The {quantity} of {asset}, which peaked at {t_max}, had a maximum of {max} {unit}.",
    "Between {t0} and {t1}, the {quantity} of {asset} got as high as {max_r} {unit}.",
    "With {max} {unit} at {t_max}, {sensor} had its highest value of the hour.",
    "No reading of {sensor} between {t0} and {t1} was higher than {top} {unit}.",
    "{asset}'s {quantity} (in {unit}) had its maximum at {t_max}: {max}.",
    "Looking at {sensor}, the {quantity} peaked around {t_max} on {day} with {max} {unit}.",
)
LOW = (
    "{sensor} bottomed out at {min} {unit} at {t_min}.",
    "The lowest reading of {sensor} from {t0} until {t1} was {min} {unit}.",
    "At {t_min}, {asset}'s {quantity} was at its lowest, {min} {unit}.",
    "Lowest {quantity} on {asset} between {t0} and {t1}: {min_r} {unit}.",
    "{min} {unit} was the least that {sensor} showed between {t0} and {t1} on {day}.",
    "The {quantity} of {asset} did not fall below {floor} {unit} between {t0} and {t1}.",
    "The minimum, {min} {unit}, came at {t_min} on {sensor}.",
)
MEAN = (
    "{asset} was at an average {quantity} of {mean} {unit} from {t0} until {t1}.",
    "The {quantity} on {asset} was {mean_r} {unit} on average between {t0} and {t1}.",
    "Averaged over {t0} to {t1}, {sensor} gives {mean} {unit}.",
    "Mean of {sensor}, {t0}–{t1} on {day}: {mean} {unit}.",
    "For the hour from {t0} to {t1}, the mean of {sensor} works out at {mean} {unit}.",
    "Taking all readings of {sensor} between {t0} and {t1}, one gets a mean of {mean} {unit}.",
)
RANGE = (
    "{sensor} moved between {floor} and {top} {unit} from {t0} to {t1}.",
    "All readings of {sensor} between {t0} and {t1} lie between {floor} and {top} {unit}.",
    "From {t0} until {t1}, {asset}'s {quantity} kept within {floor} to {top} {unit}.",
    "{sensor}: min {low}, max {high} ({unit}), {t0} to {t1}.",
    "With a low of {low} {unit} and a high of {high} {unit}, that was {sensor} between {t0} and {t1}.",
    "The spread of {sensor} between {t0} and {t1} was {swing} {unit}.",
)
AT = (
    "{value} {unit} is what {sensor} read at {t}.",
    "The reading of {sensor} at {t} on {day}: {value} {unit}.",
    "At {t}, {asset} had a {quantity} of {value} {unit}.",
    "{sensor} stood at {value} {unit} at {t} on {day}.",
    "The {quantity} on {asset} came to {value} {unit} at {t}.",
    "{sensor} gave {value} ({unit}) at {t}.",
)
TREND = (
    "{asset}'s {quantity} went from {begin} {unit} at {t_begin} to {end} {unit} at {t_end}.",
    "{sensor} started the hour from {t0} to {t1} at {begin} {unit} and ended it at {end} {unit}.",
    "The {quantity} of {asset} was {begin} {unit} at {t_begin} but {end} {unit} at {t_end}.",
    "Starting from {begin} {unit} at {t_begin}, {sensor} had {moved} to {end} {unit} by {t_end}.",
    "Over the hour from {t0} to {t1} the {quantity} on {asset} had {moved} from {begin} to {end} {unit}.",
)
ABOVE = (
    "{sensor} exceeded its limit of {limit} {unit} between {t0} and {t1}, with a peak of {max} {unit}.",
    "From {t0} to {t1}, {samples} readings of {sensor} were over the limit of {limit} {unit}.",
    "{asset}'s {quantity} first passed its limit of {limit} {unit} at {first_over}.",
    "At {first_over}, {sensor} went over the limit of {limit} {unit} for the first time that hour.",
    "The {quantity} on {asset} was past its limit of {limit} {unit} for {over} between {t0} and {t1}.",
    "{over} above the limit of {limit} {unit}: {sensor}, between {t0} and {t1}.",
    "With {max} {unit} at {t_max}, {sensor} was over its limit of {limit} {unit}.",
    "{sensor} has a limit of {limit} {unit}, and it was exceeded between {t0} and {t1} on {day}.",
    "The limit for {quantity} on {asset} is {limit} {unit}. It topped out at {max} {unit}.",
    "Limit violation on {sensor} between {t0} and {t1}: {max} {unit} against a limit of {limit} {unit}.",
    "{quantity} on {asset} did not stay within its limit of {limit} {unit} between {t0} and {t1}.",
)
BELOW = (
    "{sensor} stayed under its limit of {limit} {unit} between {t0} and {t1}.",
    "At no time between {t0} and {t1} did {sensor} exceed its limit of {limit} {unit}.",
    "The limit of {limit} {unit} was never exceeded by {sensor} from {t0} until {t1}.",
    "{asset} {quantity} remained within its limit of {limit} {unit} between {t0} and {t1} on {day}, topping out at {max} {unit}.",
    "No reading of {sensor} between {t0} and {t1} went over the limit of {limit} {unit}.",
    "From {t0} to {t1}, the {quantity} on {asset} did not go past its limit of {limit} {unit}.",
    "{sensor} did not reach its limit of {limit} {unit} between {t0} and {t1}; the nearest it got was {max} {unit}.",
    "Not once between {t0} and {t1} was {sensor} over its limit of {limit} {unit}.",
)
COMPARED = (
    "{more} had the higher {quantity} between {t0} and {t1}: {max_more} {unit} at its peak against {max_less} {unit} on {less}.",
    "At its peak, {more} was at {max_more} {unit}, {less} only at {max_less} {unit} ({quantity}, {t0} to {t1}).",
    "From {t0} to {t1}, the higher {quantity} peak is that of {more} ({max_more} {unit}); {less} has {max_less} {unit}.",
    "{less} topped out at {max_less} {unit}, {more} at {max_more} {unit}, both between {t0} and {t1}.",
    "The peak {quantity} of {less} between {t0} and {t1}, {max_less} {unit}, was exceeded by that of {more}, {max_more} {unit}.",
    "Between {t0} and {t1}, {more} peaked at {max_more} {unit}, which is higher than the {max_less} {unit} of {less}.",
    "The two {quantity} peaks between {t0} and {t1} were {max_more} {unit} ({more}) and {max_less} {unit} ({less}).",
)  # fmt: skip
TWICE = (
    "At its peak, {more}'s {quantity} was more than twice that of {less} between {t0} and {t1}.",
    "Between {t0} and {t1}, {more} topped out at more than double the {quantity} of {less}.",
)
TOGETHER = (
    "Between {t0} and {t1}, {sensor_a} averaged {mean_a} {unit_a} while {sensor_b} averaged {mean_b} {unit_b}.",
    "While {sensor_a} had a mean of {mean_a} {unit_a}, {sensor_b} had one of {mean_b} {unit_b} ({t0} to {t1}).",
    "From {t0} until {t1}: {sensor_a} {mean_a} {unit_a}, {sensor_b} {mean_b} {unit_b}, both on average.",
    "Average {quantity_a} of {asset_a} was {mean_a} {unit_a} and average {quantity_b} was {mean_b} {unit_b} from {t0} to {t1}.",
)
HOURS = (
    "{sensor} averaged {mean_a} {unit} from {a0} to {a1}, and {mean_b} {unit} from {b0} to {b1}.",
    "Hour on hour, the mean {quantity} of {asset} {moved} from {mean_a} to {mean_b} {unit} ({a0}–{a1}, then {b0}–{b1}).",
    "The average {quantity} on {asset} was {mean_b} {unit} between {b0} and {b1}, after {mean_a} {unit} between {a0} and {a1}.",
    "In the hour from {a0} to {a1} {sensor} had a mean of {mean_a} {unit}; in the next one, from {b0} to {b1}, {mean_b} {unit}.",
)


def gapless(world: World, window: Evidence) -> bool:
    return not any(math.isnan(value) for value in world.samples(window).v)


def _tellable(world: World, window: Evidence) -> bool:
    """Whether a window has no gaps and lies within one day both in UTC and in the site's zone: one date says when it was."""
    assert window.valid is not None
    ends = (window.valid.t0, window.valid.t1)
    one_day = all(len({s.write_date(at, f"{zone}|iso", world.zone) for at in ends}) == 1 for zone in ("utc", "local"))
    return one_day and gapless(world, window)


def _beside(world: World, window: Evidence) -> list[Evidence]:
    """The other windows of the same hour that have no gaps; none where the hour itself cannot be told."""
    if not _tellable(world, window):
        return []
    same = [e for e in world.of_kind[Kind.WINDOW] if e.valid == window.valid and e.id != window.id]
    return [e for e in same if gapless(world, e)]


def slots_of(world: World, window: Evidence, voice: v.Voice, rng: random.Random) -> dict[str, Slot]:
    """What there is to say of one window.

    Bounds that readings keep to are told to two decimals, since rounded ones might not hold, and never changed: wider ones
    would hold as well.
    """
    values = world.samples(window).v
    low, high, mean = min(values), max(values), sum(values) / len(values)
    slots = window_slots(world, window, voice, rng)
    slots |= {"unit": v.unit(str(window.data["unit"]), rng), "low": s.number(low, 2), "high": s.number(high, 2)}
    slots |= {"top": s.number(high, 2, "ceiling"), "floor": s.number(low, 2, "ceiling")}
    slots |= {"swing": s.number(high - low, 2)}
    return slots | {f"{name}_r": v.rounded(x, rng) for name, x in (("max", high), ("min", low), ("mean", mean))}


def window(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One window: maximum, minimum, mean, range, a reading, a trend, its limit."""
    one = rng.choice(world.of_kind[Kind.WINDOW])
    if not _tellable(world, one):
        return None
    slots = slots_of(world, one, v.Voice(world.zone, rng), rng)
    values = world.samples(one).v
    moved = values[-1] - values[0]
    slots["moved"] = s.name("moved", rng.choice(("risen", "climbed") if moved > 0 else ("fallen", "dropped")))
    steady = abs(moved) <= 0.04 * abs(values[0])
    under = "limit" in slots and "samples" not in slots
    groups = [(True, kind) for kind in (HIGH, LOW, MEAN, RANGE, AT)] + [(under, BELOW), (not steady, TREND)]
    return v.tell("window", [(holds, rng.sample(ts, min(5, len(ts)))) for holds, ts in groups], slots, (one,), rng)


def above(world: World, rng: random.Random) -> ScriptedClaim | None:
    """A window in which a limit was passed."""
    over = [e for e in world.of_kind[Kind.WINDOW] if e.data["crossings"] and _tellable(world, e)]
    if not over:
        return None
    one = rng.choice(over)
    slots = slots_of(world, one, v.Voice(world.zone, rng), rng)
    return v.tell("window limit", [("samples" in slots, ABOVE)], slots, (one,), rng)


def compared(world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same hour and quantity of two assets."""
    one = rng.choice(world.of_kind[Kind.WINDOW])
    alike = [e for e in _beside(world, one) if e.data["quantity"] == one.data["quantity"]]
    if not alike:
        return None
    more, less = sorted((one, rng.choice(alike)), key=lambda e: -max(world.samples(e).v))
    tops = max(world.samples(more).v), max(world.samples(less).v)
    if not tops[0] >= 1.05 * tops[1]:
        return None
    voice = v.Voice(world.zone, rng)
    slots, other = slots_of(world, more, voice, rng), slots_of(world, less, voice, rng)
    slots |= {"more": slots["asset"], "less": other["asset"], "max_more": slots["max"], "max_less": other["max"]}
    groups = [(True, COMPARED), (tops[0] > 2.05 * tops[1], TWICE)]
    return v.tell("windows compared", groups, slots, (more, less), rng)


def together(world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same hour of two sensors of one asset."""
    one = rng.choice(world.of_kind[Kind.WINDOW])
    alike = [e for e in _beside(world, one) if world.assets(e) == world.assets(one)]
    if not alike:
        return None
    other, voice = rng.choice(alike), v.Voice(world.zone, rng)
    a, b = slots_of(world, one, voice, rng), slots_of(world, other, voice, rng)
    slots = v.marked(a, "a") | v.marked(b, "b") | {"t0": a["t0"], "t1": a["t1"]}
    return v.tell("windows compared", [(True, TOGETHER)], slots, (one, other), rng)


def hours(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two hours in a row of one series."""
    source = rng.choice(world.of_kind[Kind.WINDOW]).source
    own = [e for e in world.of_kind[Kind.WINDOW] if e.source == source]
    pairs = [(a, b) for a, b in pairwise(own) if a.valid and b.valid and a.valid.t1 == b.valid.t0]
    pairs = [(a, b) for a, b in pairs if gapless(world, a) and gapless(world, b)]
    if not pairs:
        return None
    two, voice = rng.choice(pairs), v.Voice(world.zone, rng)
    a, b = (slots_of(world, e, voice, rng) for e in two)
    change = b["mean"].value - a["mean"].value
    if not abs(change) >= 0.02 * abs(a["mean"].value):
        return None
    slots = a | {"mean_a": s.number(a["mean"].value, 2), "mean_b": s.number(b["mean"].value, 2)}
    slots |= {"a0": a["t0"], "a1": a["t1"], "b0": b["t0"], "b1": b["t1"]}
    slots["moved"] = s.name("moved", rng.choice(("rose", "increased") if change > 0 else ("fell", "dropped")))
    return v.tell("windows compared", [(True, HOURS)], slots, two, rng)
