"""Whether a figure's unit can be one of the quantity it is said of: no vibration is measured in degrees."""

from __future__ import annotations

from collections.abc import Iterator

from app.verify.amounts import Amount
from app.verify.bench import Bench
from app.verify.reading import Kind
from app.verify.segments import Segment
from app.verify.statements import Statement
from app.verify.units import dimension

# the dimensions (units.py) that each quantity is given in; "" stands for a bare number
_DIMENSIONS = {
    # "0.5 g" is read as a mass
    "vibration": frozenset(["speed", "length", "mass", "frequency"]),
    "temperature": frozenset(["celsius", "fahrenheit", "kelvin"]),
    "pressure": frozenset(["pressure"]),
    "current": frozenset(["current"]),
    "voltage": frozenset(["voltage"]),
    "flow": frozenset(["flow", "speed"]),
    "torque": frozenset(["torque"]),
}
# what is told of any quantity
_ANY = frozenset(["", "time", "share"])


def mismeasured(bench: Bench, segment: Segment) -> Iterator[str]:
    """Why a figure of a piece cannot be of the one quantity that the piece names; nothing where it names none, or more, or gives that
    quantity a figure of its own ("a pressure of 5 bar and 80 °C")."""
    parts = bench.claim.parts[segment.first : segment.last]
    named = {p.key for p in parts if p.kind is Kind.WORD and p.key in _DIMENSIONS}
    if len(named) != 1:
        return
    (quantity,) = named
    if any(p.amount and dimension(p.amount.unit) in _DIMENSIONS[quantity] for p in parts):
        return
    for part in parts:
        if part.amount and _strange(part.amount, quantity) and not _so_told(bench, quantity, part.amount):
            yield f"{part.text.strip()} is no figure of {quantity}"


def _strange(amount: Amount, quantity: str) -> bool:
    return dimension(amount.unit) not in _ANY | _DIMENSIONS[quantity]


def _so_told(bench: Bench, quantity: str, amount: Amount) -> bool:
    """Whether the evidence puts it so: "the pressure sensor is 3 m above the floor" gives no pressure either."""
    return any(_beside(s, quantity, amount) for s in bench.statements)


def _beside(statement: Statement, quantity: str, amount: Amount) -> bool:
    figures = [f.amount for f in statement.facts if f.amount]
    alike = any((f.value, f.unit) == (amount.value, amount.unit) for f in figures)
    own = any(dimension(f.unit) in _DIMENSIONS[quantity] for f in figures)
    return alike and not own and quantity in statement.keys
