"""Wrong units and quantities: the number is kept, what it is a number of is not."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.slots import UNITS
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

# a unit, and others of the same quantity in which the number would be another one
SAME: Mapping[str, Sequence[str]] = {
    "degC": ("°F", "degrees Fahrenheit", "K"),
    "A": ("mA", "kA", "milliamperes"),
    "mm/s": ("cm/s", "m/s", "in/s"),
    "bar": ("psi", "kPa", "mbar"),
    "litres": ("gallons", "cubic metres", "millilitres"),
    "minutes": ("hours", "seconds"),
    "hours": ("days", "minutes"),
    "km/h": ("mph", "m/s"),
    "newton metres": ("foot-pounds", "kilonewton metres"),
}
QUANTITIES: Mapping[str, str] = {
    "temperature": "degC", "vibration": "mm/s", "pressure": "bar", "current": "A", "level": "%", "flow": "l/min",
}  # fmt: skip


def _with_unit(claim: ScriptedClaim, unit: str) -> ScriptedClaim | None:
    return e.edited(claim, *((span.start, span.end, unit) for span in e.places(claim, "unit")))


def _unit(claim: ScriptedClaim) -> str:
    return next((str(span.slot.value) for span in e.places(claim, "unit")), "")


def same_quantity(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another unit of the same quantity: 9.43 mm/s → 9.43 cm/s."""
    others = SAME.get(_unit(claim), ())
    return _with_unit(claim, rng.choice(others)) if others and not e.at_least(claim) else None


def other_quantity(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A unit of another quantity: 9.43 mm/s → 9.43 bar."""
    own = _unit(claim)
    others = [words[0] for name, words in UNITS.items() if name != own]
    return _with_unit(claim, rng.choice(others)) if own in UNITS else None


def quantity(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another quantity with the unit kept."""
    found = e.places(claim, "quantity")
    others = [q for q in QUANTITIES if found and q != found[0].slot.text and not e.stated(world, claim, q)]
    return e.refilled(claim, found[0], rng.choice(others)) if others else None


def quantity_and_unit(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another quantity and its own unit: nothing in the sentence jars."""
    found, units = e.places(claim, "quantity"), e.places(claim, "unit")
    others = [q for q in QUANTITIES if found and q != found[0].slot.text and not e.stated(world, claim, q)]
    if not others or not units:
        return None
    new = rng.choice(others)
    unit = UNITS.get(QUANTITIES[new], (QUANTITIES[new],))[0]
    edits = [(span.start, span.end, unit) for span in units]
    return e.edited(claim, (found[0].start, found[0].end, new), *edits)


def duration_unit(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Minutes told as hours or seconds, hours as days or minutes; the number is kept."""
    found = [s for s in e.places(claim, "duration") if s.slot.form in ("minutes", "about", "hours")]
    if not found or " and " in found[0].slot.text:
        return None
    match = re.search(r"(minute|hour)(s?)$", found[0].slot.text)
    new = rng.choice(("hour", "second") if match and match[1] == "minute" else ("day", "minute"))
    return e.refilled(claim, found[0], re.sub(r"(minute|hour)(s?)$", rf"{new}\2", found[0].slot.text))


MUTATORS: Mapping[str, Mutator] = {
    "same quantity": same_quantity, "other quantity": other_quantity, "quantity renamed": quantity,
    "quantity and unit": quantity_and_unit, "unit of a duration": duration_unit,
}  # fmt: skip
