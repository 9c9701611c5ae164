"""Wrong numbers: each differs from the true value by one in its last place at least (a wrong rounding by more than half of it)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from eval.claims import exam_editing as e
from eval.claims import slots as s
from eval.claims.exam_editing import Mutator
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import Series, World
from retrieval.types import Evidence, Kind

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
STATISTICS: Mapping[str, Callable[[Series], float]] = {
    "max": lambda series: max(series.v),
    "min": lambda series: min(series.v),
    "mean": lambda series: sum(series.v) / len(series.v),
}


def _written(claim: ScriptedClaim, span: Span, text: str, least: float = 0.999) -> ScriptedClaim | None:
    """The claim with another figure, unless that is true too: as a rounded figure, or as a bound that is kept as well."""
    value, true = float(text), float(span.slot.value)
    last = 10.0 ** -len(text.partition(".")[2])
    if abs(value - true) < least * last:
        return None
    if e.at_least(claim) and span.name.startswith("max") and value < true:
        return None
    # what stayed between 2 and 3 has stayed between 1 and 4
    if "stayed between" in claim.text and (value < true) == (span.name == "min"):
        return None
    return e.refilled(claim, span, text)


def _figure(claim: ScriptedClaim, rng: random.Random) -> Span | None:
    found = e.places(claim, "number", "limit")
    return rng.choice(found) if found else None


def off_by_one(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """One more or less in the last place, away from the true value."""
    span = _figure(claim, rng)
    if span is None:
        return None
    shown, true = float(span.slot.text), float(span.slot.value)
    sign = rng.choice((-1, 1)) if shown == true else math.copysign(1, shown - true)
    return _written(claim, span, s.write_number(shown + sign * e.step(span), span.slot.form))


def digits_swapped(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two neighbouring digits exchanged: 9.43 → 9.34."""
    span = _figure(claim, rng)
    text = span.slot.text if span else ""
    at = [n for n in range(len(text) - 1) if text[n : n + 2].isdigit() and text[n] != text[n + 1]]
    if span is None or not at:
        return None
    n = rng.choice(at)
    made = text[:n] + text[n + 1] + text[n] + text[n + 2 :]
    return None if made.startswith("0") else _written(claim, span, made)


def digit_lost(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A digit left out or written twice: 135 → 35, 1355."""
    span = _figure(claim, rng)
    at = [n for n, c in enumerate(span.slot.text) if c.isdigit()] if span else []
    if span is None or len(at) < 2:
        return None
    n, text = rng.choice(at), span.slot.text
    made = text[:n] + rng.choice(("", text[n] * 2)) + text[n + 1 :]
    return None if made.startswith(("0", ".")) or made.endswith(".") else _written(claim, span, made)


def magnitude(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Ten times as much, or a tenth."""
    span = _figure(claim, rng)
    if span is None:
        return None
    value = float(span.slot.text) * rng.choice((10, 0.1) if e.places(claim, "unit") else (10,))
    return _written(claim, span, f"{value:g}")


def sign(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A reading below zero."""
    found = [span for span in e.places(claim, "number") if claim.text[span.end : span.end + 1] == " "]
    if not found or e.series(world, claim) is None or "stayed" in claim.text:
        return None
    span = rng.choice(found)
    return _written(claim, span, f"-{span.slot.text}")


def wrong_rounding(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Fewer decimals, rounded to the wrong side: 9.43 → 9.5. What is about half way is left alone."""
    span = _figure(claim, rng)
    if span is None or span.slot.form == "0":
        return None
    coarse = int(span.slot.form) - 1
    scaled = float(span.slot.value) * 10**coarse
    wrong = math.floor(scaled) if scaled % 1 > 0.5 else math.ceil(scaled)
    return _written(claim, span, s.write_number(wrong / 10**coarse, str(coarse)), least=0.6)


def false_precision(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """More decimals than are known, that are not the true ones though they round to what was said."""
    span = _figure(claim, rng)
    if span is None or not e.places(claim, "unit"):
        return None
    made = f"{span.slot.text}{'' if '.' in span.slot.text else '.'}{rng.choice('1234')}"
    return _written(claim, span, made)


def scaled(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A tenth to a half more or less."""
    span = _figure(claim, rng)
    if span is None:
        return None
    value = float(span.slot.text) * rng.choice((0.5, 0.75, 0.9, 1.1, 1.25, 1.5))
    return _written(claim, span, s.write_number(value, span.slot.form))


def other_statistic(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The minimum told as the maximum, the mean as the minimum, and so on."""
    found = [span for span in claim.spans if span.name in STATISTICS]
    own = e.series(world, claim)
    if not found or own is None:
        return None
    span = rng.choice(found)
    other = rng.choice([name for name in STATISTICS if name != span.name])
    value = STATISTICS[other](own)
    if abs(value - float(span.slot.value)) < 2 * e.step(span):
        return None
    return _written(claim, span, s.write_number(value, span.slot.form))


def borrowed(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same statistic of another hour or another asset."""
    found = [span for span in claim.spans if span.name in STATISTICS]
    own = e.cited(world, claim, Kind.WINDOW)
    alike = [w for w in world.of_kind[Kind.WINDOW] if own and _alike(w, own[0])]
    if not found or not alike or len(own) > 1:
        return None
    span = rng.choice(found)
    value = STATISTICS[span.name](world.samples(rng.choice(alike)))
    if abs(value - float(span.slot.value)) < 2 * e.step(span):
        return None
    return _written(claim, span, s.write_number(value, span.slot.form))


def _alike(one: Evidence, other: Evidence) -> bool:
    return one.id != other.id and one.data["quantity"] == other.data["quantity"]


def _counted(claim: ScriptedClaim, by: int) -> ScriptedClaim | None:
    """A count that is one off; what is counted stays possible ("four of the three" is not)."""
    span = next(iter(e.places(claim, "count")), None)
    if span is None:
        return None
    value, total = span.slot.value + by, next(iter(e.places(claim, "total")), None)
    most = _WORDS.index(total.slot.text) if total else math.inf
    if not 0 < value <= most or (value == 1 and claim.kind in ("alert count", "window", "window limit")):
        return None
    edits = [(span.start, span.end, s.write_count(value, span.slot.form))]
    for verb in e.between(claim, r"(?<= )(is|are)(?= )") if claim.kind == "order count" else ():
        edits.append((verb.start(), verb.end(), "is" if value == 1 else "are"))
    return e.edited(claim, *edits)


def one_more(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """One more counted than there is."""
    return _counted(claim, 1)


def one_less(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """One less counted than there is."""
    return _counted(claim, -1)


MUTATORS: Mapping[str, Mutator] = {
    "off by one": off_by_one, "digits swapped": digits_swapped, "digit lost": digit_lost, "magnitude": magnitude,
    "sign": sign, "wrong rounding": wrong_rounding, "false precision": false_precision, "scaled": scaled,
    "other statistic": other_statistic, "borrowed": borrowed, "one more": one_more, "one less": one_less,
}  # fmt: skip
