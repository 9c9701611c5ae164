"""Right claims about windows of series: their figures, their limits, and two windows beside each other."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from eval.claims.held_slots import DATED, count_slot, name_slot, number_slot, shuffled, span_slot, time_slot, word
from eval.claims.held_words import UNITS
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Interval, Kind, Micros, Relation

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
    "{span}, {sensor} {stayed} below its high limit of {limit} {unit}.",
    "{quantity} on {asset} {remained} under the {limit} {unit} limit {span}.",
    "The {limit} {unit} limit on {sensor} {held} {span}, the peak being {max} {unit}.",
)
ABOVE = (
    "{quantity} on {asset} {crossed} the limit of {limit} {unit} at {t_cross}.",
    "{span}, {over} {crossings} readings of {sensor} lay above {limit} {unit}.",
    "{sensor} {exceeded} its high limit of {limit} {unit} {span}, with a peak of {max} {unit}.",
    "From {t_cross} {asset} {had} readings above its {limit} {unit} {quantity} limit.",
    "{asset}'s {quantity} {exceeded} {limit} {unit} {span} and went as high as {max} {unit}.",
)
# two windows of the same hour and quantity, or of the same sensor in two hours
BESIDE = (
    "{span}, mean {quantity} on {one_asset} {ran} {higher} than on {other_asset}: {one_mean} against {other_mean} {unit}.",
    "{span}, {one_sensor} {peaked} {higher} than {other_sensor}, at {one_max} {unit} against {other_max} {unit}.",
    "Of the two, {one_asset} {had} the {higher} average {quantity} {span} ({one_mean} {unit}; {other_asset} {other_mean} {unit}).",
)
APART = (
    "Mean {quantity} on {asset} {was_h} {higher} {one_span} than {other_span}, at {one_mean} against {other_mean} {unit}.",
    "{sensor} {peaked} {higher} {one_span} ({one_max} {unit}) than {other_span} ({other_max} {unit}).",
)
_VERBS: Mapping[str, Slot] = {
    "peaked": word("peaked", negation="did not peak|never peaked"),
    "was": word("was", negation="was not|was never"),
    "reached": word("reached", negation="did not reach|failed to reach"),
    "averaged": word("averaged", negation="did not average", quantifier="at no time dropped below an average of twice"),
    "ranged": word("ranged", negation="did not range", quantifier="stayed still at all times rather than ranging"),
    "recorded": word("recorded", negation="failed to record|did not record", quantifier="recorded at least twice the usual"),
    "stayed": word("stayed", negation="did not stay|failed to stay", quantifier="was alone among all sensors in staying"),
    "remained": word("remained", negation="did not remain", roles="pushed the peak of its sister unit"),
    "held": word("was respected", negation="was not respected|was broken", quantifier="was broken at least once"),
    "crossed": word("crossed", negation="did not cross|never crossed", roles="dropped back below"),
    "exceeded": word("exceeded", negation="did not exceed|never exceeded", status="stayed within", quantifier="without a single break exceeded"),
    "over": word("exactly", quantifier="at least twice the expected|fewer than half of|all but"),
    "had": word("had", negation="did not have|had no more"),
    "ran": word("ran", negation="did not run"),
    "was_h": word("was", negation="was not"),
    "higher": word("higher", roles="lower"),
}  # fmt: skip


class _Figures(NamedTuple):
    low: float
    high: float
    mean: float
    first: float
    last: float
    t_low: Micros
    t_high: Micros
    once: bool
    count: int


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
        **_names(window, world, rng), **_VERBS, "unit": unit, "n": count_slot(found.count),
        "span": span_slot(window.valid, world.zone, rng),
        "min": number_slot(found.low, rng), "max": number_slot(found.high, rng), "mean": number_slot(found.mean, rng),
        "first": number_slot(found.first, rng), "last": number_slot(found.last, rng),
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
        return slots | {name: _VERBS[name] for name in ("stayed", "remained", "held")}
    above = [at for at, value in zip(*world.samples(window), strict=True) if value > limit]
    slots |= {name: _VERBS[name] for name in ("crossed", "exceeded")} | {"crossings": count_slot(len(above))}
    if above and above[0] > window.data_start():  # pragma: no branch
        slots["t_cross"] = time_slot(above[0], world.zone, rng, DATED)
    return slots
