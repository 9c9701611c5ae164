"""Right claims about windows of series: their figures, their limits, and two windows beside each other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from eval.claims.held_slots import count_slot, name_slot, number_slot, shuffled, span_slot, time_slot, word
from eval.claims.held_words import UNITS
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Kind, Micros, Relation

ONE = (
    "{quantity} on {asset} {peaked} at {max} {unit} at {t_max}.",
    "At {t_max}, {sensor} {peaked} at {max} {unit}.",
    "The highest reading of {sensor} {span} {was} {max} {unit}.",
    "{asset} {reached} its lowest {quantity} of the hour, {min} {unit}, at {t_min}.",
    "{span}, the lowest {quantity} on {asset} {was} {min} {unit}.",
    "{span}, {quantity} on {asset} {averaged} {mean} {unit}.",
    "The mean of {sensor} {span} {was} {mean} {unit}.",
    "{span}, {sensor} {ranged} from {min} to {max} {unit}.",
    "{sensor} {recorded} {n} samples {span}.",
    "{span}, the first {quantity} reading on {asset} {was} {first} {unit}.",
    "The last value that {sensor} gave {span} {was} {last} {unit}.",
    "{quantity} on {asset} {moved} from {first} {unit} at the start to {last} {unit} at the end, {span}.",
)
BELOW = (
    "{span}, {sensor} {stayed} its high limit of {limit} {unit}.",
    "{quantity} on {asset} {remained} the {limit} {unit} limit {span}.",
    "The {limit} {unit} limit {respected} {sensor} {span}, the peak being {max} {unit}.",
)
ABOVE = (
    "{quantity} on {asset} {crossed} the limit of {limit} {unit} at {t_cross}.",
    "{span}, {exactly} {crossings} readings of {sensor} lay above {limit} {unit}.",
    "{sensor} {exceeded} its high limit of {limit} {unit} {span}, with a peak of {max} {unit}.",
    "The first reading of {asset} above its {limit} {unit} {quantity} limit {came} at {t_cross}.",
    "{asset}'s {quantity} {exceeded} {limit} {unit} {span} and went as high as {max} {unit}.",
)
# two windows of the same hour and quantity, or of the same sensor in two hours
BESIDE = (
    "{span}, mean {quantity} on {one_asset} {ran} {higher} than on {other_asset}: {one_mean} against {other_mean} {unit}.",
    "{span}, {one_sensor} {peaked} {higher} than {other_sensor}, at {one_max} {unit} against {other_max} {unit}.",
    "Of the two, {one_asset} {had} the {higher} average {quantity} {span} ({one_mean} {unit}; {other_asset} {other_mean} {unit}).",
)
APART = (
    "Mean {quantity} on {asset} {stood} {higher} {one_span} than {other_span}, at {one_mean} against {other_mean} {unit}.",
    "{sensor} {peaked} {higher} {one_span} ({one_max} {unit}) than {other_span} ({other_max} {unit}).",
)
_VERBS: Mapping[str, Slot] = {
    "peaked": word("peaked", negation="did not peak|never peaked"),
    "was": word("was", negation="was not|was never"),
    "reached": word("reached", negation="did not reach|failed to reach"),
    "averaged": word("averaged", negation="did not average", quantifier="at no time dropped below|never rose above"),
    "ranged": word("ranged", negation="did not range"),
    "recorded": word("recorded", negation="failed to record", quantifier="recorded more than twice"),
    "stayed": word("stayed below", negation="did not stay below", status="went above|was for some minutes above"),
    "remained": word("remained under", negation="did not remain under", status="climbed over|sat right at"),
    "respected": word("was respected by", negation="was not respected by", status="was broken by"),
    "crossed": word("first crossed", negation="did not cross|never crossed", roles="last dropped below"),
    "exceeded": word("exceeded", negation="did not exceed|never exceeded", status="stayed within|just touched"),
    "exactly": word("exactly", quantifier="more than twice|fewer than half of|at least three times"),
    "had": word("had", negation="did not have"),
    "came": word("came", negation="did not come", quantifier="and of every other asset came"),
    "ran": word("ran", negation="did not run"),
    "stood": word("was", negation="was not"),
}  # fmt: skip


_LIMIT = (
    "stayed",
    "remained",
    "respected",
    "crossed",
    "exceeded",
)  # only where the series was on that side of its limit
_ALWAYS = {name: slot for name, slot in _VERBS.items() if name not in _LIMIT}


class _Figures(NamedTuple):
    low: float
    high: float
    mean: float
    first: float
    last: float
    t_low: Micros
    t_high: Micros
    once: bool
    samples: int


def windows(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims about single windows: a sample of the quiet ones, and every one in which a limit was passed."""
    pieces = [one for one in world.of_kind.get(Kind.WINDOW, ()) if _sound(one)]
    loud = [one for one in pieces if one.data.get("crossings")]
    while pieces:
        for template in shuffled((*ONE, *BELOW, *ABOVE), rng):
            choice = loud if template in ABOVE else pieces
            for window in rng.sample(choice, min(len(choice), 3)):
                slots = window_slots(window, world, rng)
                if places(template) <= slots.keys():
                    yield right_claim("window", template, slots, window.id)


def beside(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims over two windows: like sensors in one hour, one sensor in two."""
    pieces = [one for one in world.of_kind.get(Kind.WINDOW, ()) if _sound(one)]
    while len(pieces) > 1:
        one = rng.choice(pieces)
        template = rng.choice((*BESIDE, *APART))
        other = _partner(one, pieces, template in BESIDE, rng)
        slots = _both(one, other, world, rng, template) if other else {}
        if other and slots and places(template) <= slots.keys():
            yield right_claim("windows", template, slots, one.id, other.id)


def figures(window: Evidence, world: World) -> _Figures:
    """The window's figures, computed from its samples."""
    t, v = world.samples(window)
    drawn = [(at, value) for at, value in zip(t, v, strict=True) if value == value]
    values = [value for _, value in drawn]
    low, high = min(values), max(values)
    return _Figures(
        low, high, sum(values) / len(values), values[0], values[-1],
        next(at for at, value in drawn if value == low), next(at for at, value in drawn if value == high),
        values.count(low) == values.count(high) == 1, len(values),
    )  # fmt: skip


def window_slots(window: Evidence, world: World, rng: random.Random) -> dict[str, Slot]:
    """What can be said of a window. Times of the extremes only where each was reached once."""
    found, unit = figures(window, world), _unit(window, rng)
    assert window.valid is not None
    slots = {
        **_names(window, world, rng), **_ALWAYS, "unit": unit, "n": count_slot(found.samples),
        "span": span_slot(window.valid, world.zone, rng),
        "min": number_slot(found.low, rng), "max": number_slot(found.high, rng), "mean": number_slot(found.mean, rng),
        "first": number_slot(found.first, rng, near=False), "last": number_slot(found.last, rng, near=False),
        **_moved(found), **_limited(window, found, world, rng),
    }  # fmt: skip
    if found.once:
        slots |= {
            "t_min": time_slot(found.t_low, world.zone, rng),
            "t_max": time_slot(found.t_high, world.zone, rng),
        }
    return slots


def _moved(found: _Figures) -> dict[str, Slot]:
    change = found.last - found.first
    if abs(change) < 0.02 * abs(found.first) + 0.05:
        return {}
    up, down = ("rose", "fell") if change > 0 else ("fell", "rose")
    return {"moved": word(up, negation=f"did not {'rise' if change > 0 else 'fall'}", roles=down)}


def _limited(window: Evidence, found: _Figures, world: World, rng: random.Random) -> dict[str, Slot]:
    limit = window.data.get("limits", {}).get("high")
    if limit is None:
        return {}
    slots = {"limit": number_slot(limit, rng, near=False)}
    if found.high < limit:
        return slots | {name: _VERBS[name] for name in ("stayed", "remained", "respected")}
    above = [at for at, value in zip(*world.samples(window), strict=True) if value > limit]
    slots |= {name: _VERBS[name] for name in ("crossed", "exceeded")} | {"crossings": count_slot(len(above))}
    if above and found.first <= limit:  # a window that opens above the limit does not show when it was passed
        slots["t_cross"] = time_slot(above[0], world.zone, rng)
    return slots


def _names(window: Evidence, world: World, rng: random.Random) -> dict[str, Slot]:
    sensor = next(m.entity for m in window.entities if m.relation is Relation.MEASURES)
    slots = {
        "sensor": name_slot("sensor", sensor, world, rng),
        "asset": name_slot("asset", world.assets(window)[0], world, rng),
    }
    return slots | {"quantity": Slot("quantity", window.data["quantity"], window.data["quantity"])}


def _unit(window: Evidence, rng: random.Random) -> Slot:
    return rng.choice(list(UNITS[window.data["unit"]]))


def _sound(window: Evidence, least: int = 10) -> bool:
    """A window of one sensor of one asset, of a known unit, with enough samples to speak of."""
    measured = [m for m in window.entities if m.relation is Relation.MEASURES]
    known = window.data.get("unit") in UNITS and window.valid is not None
    return known and len(measured) == 1 and window.data.get("count", 0) >= least


def _partner(one: Evidence, pieces: list[Evidence], same_hour: bool, rng: random.Random) -> Evidence | None:
    """Another window of the same hour, quantity and unit; or of the same source in another hour."""
    like = [
        other
        for other in pieces
        if other.data["quantity"] == one.data["quantity"]
        and (other.valid == one.valid) is same_hour
        and (other.source == one.source) is not same_hour
    ]
    return rng.choice(like) if like else None


def _both(one: Evidence, other: Evidence, world: World, rng: random.Random, template: str) -> dict[str, Slot]:
    """The slots of two windows; none where the figures that are compared are too near to each other."""
    mine, theirs = figures(one, world), figures(other, world)
    a, b = (mine.high, theirs.high) if "_max}" in template else (mine.mean, theirs.mean)
    if abs(a - b) < 0.04 * max(abs(a), abs(b)):
        return {}
    more = word("higher", roles="lower") if a > b else word("lower", roles="higher")
    assert one.valid is not None and other.valid is not None
    return {
        **_VERBS, **_names(one, world, rng), "unit": _unit(one, rng), "higher": more,
        "span": span_slot(one.valid, world.zone, rng),
        **_side("one", one, mine, world, rng), **_side("other", other, theirs, world, rng),
    }  # fmt: skip


def _side(side: str, window: Evidence, found: _Figures, world: World, rng: random.Random) -> dict[str, Slot]:
    assert window.valid is not None
    slots = {name: slot for name, slot in _names(window, world, rng).items() if name != "quantity"}
    slots |= {
        "mean": number_slot(found.mean, rng, near=False),
        "max": number_slot(found.high, rng, near=False),
        "span": span_slot(window.valid, world.zone, rng),
    }
    return {f"{side}_{name}": slot for name, slot in slots.items()}
