"""Whether a figure's unit can be one of the quantity it is said of: no vibration is measured in degrees."""

from __future__ import annotations

from collections.abc import Iterator

from app.verify.bench import Bench
from app.verify.reading import Kind
from app.verify.segments import Segment
from app.verify.units import dimension

# the dimensions (units.py) that each quantity is given in; "" stands for a bare number
_DIMENSIONS = {
    "vibration": frozenset(["speed", "length"]),
    "temperature": frozenset(["celsius", "fahrenheit", "kelvin"]),
    "pressure": frozenset(["pressure"]),
    "current": frozenset(["current"]),
    "voltage": frozenset(["voltage"]),
    "flow": frozenset(["flow"]),
    "torque": frozenset(["torque"]),
}
# what is told of any quantity
_ANY = frozenset(["", "time", "share"])


def mismeasured(bench: Bench, segment: Segment) -> Iterator[str]:
    """Why a figure of a piece cannot be of the one quantity that the piece names; nothing where it names none, or more."""
    parts = bench.claim.parts[segment.first : segment.last]
    named = {p.key for p in parts if p.kind is Kind.WORD and p.key in _DIMENSIONS}
    if len(named) != 1:
        return
    (quantity,) = named
    for part in parts:
        measured = dimension(part.amount.unit) if part.amount else ""
        if measured not in _ANY | _DIMENSIONS[quantity]:
            yield f"{part.text.strip()} is no figure of {quantity}"
