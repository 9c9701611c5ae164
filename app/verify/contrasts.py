"""Two things, or two stretches of one, with a figure for each: "P-1 averaged more than P-2 from 2 to 3, at 5 against 4 bar"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.verify.amounts import Amount, same_amount
from app.verify.bench import Bench
from app.verify.calendar import length_from
from app.verify.cues import amount_role, moment_role
from app.verify.reading import Kind, Part
from app.verify.statements import Statement
from app.verify.times import Moment, same_moment
from app.verify.units import converted, dimension

_BESIDE = 3
# "than the 5 bar": so many characters lead from "than" to the figure it compares with
_NEAR = 12


class Comparative(NamedTuple):
    """Where a claim says "more" or "less", and where "than" stands (None for "the higher of the two")."""

    start: int
    end: int
    more: bool
    than: int | None


class Contrast(NamedTuple):
    """`why` a contrast does not stand ("" when it does), and the places of the parts that it settles."""

    why: str
    settled: frozenset[int]


class _Side(NamedTuple):
    key: str
    stretch: tuple[int, ...]


def contrast(bench: Bench, word: Comparative, role: str) -> Contrast | None:
    """Hold both sides and both figures against what is cited; None where a claim names no two sides with a figure each.

    `role` is the statistic that is compared, or "duration".
    """
    figures = _figures(bench, role, word)
    sides = _sides(bench, word)
    if len(figures) != len(sides) or len(sides) != 2:
        return None
    values = [_value(bench, side, role, bench.claim.parts[at].amount) for side, at in zip(sides, figures, strict=True)]
    one, two = values
    if one is None or two is None:
        return None
    told = [bench.claim.parts[at] for at in _in_order(bench, sides, figures)]
    for part, known in zip(told, (one, two), strict=True):
        if part.amount is None or not same_amount(part.amount, known, True):
            return Contrast(f"{part.text.strip()} does not stand for its side; it is {known.value:.6g}", frozenset())
    beside = converted(two.value, two.unit or "", one.unit or "") or 0.0
    stands = one.value > beside if word.more else one.value < beside
    why = "" if stands else f"the comparison does not stand: {one.value:.6g} beside {beside:.6g}"
    keys = (sides[0].key, sides[1].key)
    # "of the two" counts the sides themselves
    named = [
        i for i, p in enumerate(bench.claim.parts) if p.key in keys or (p.amount and p.text.lower() in ("two", "both"))
    ]
    return Contrast(why, frozenset([*figures, *sides[0].stretch, *sides[1].stretch, *named, *_said(bench, word)]))


def _figures(bench: Bench, role: str, word: Comparative) -> list[int]:
    """The places of the figures that are compared: lengths of time, or measured values but limits."""
    found = []
    for at, part in enumerate(bench.claim.parts):
        kind = dimension(part.amount.unit) if part.amount else ""
        # "higher than the 5 bar of P-2" gives the other side's figure, and no bound
        other = word.than is not None and 0 < part.start - word.than < _NEAR
        bound = amount_role(bench.claim, at) in (("limit",) if other else ("limit", "bound"))
        if kind and (kind == "time") is (role == "duration") and not bound:
            found.append(at)
    return found


def _said(bench: Bench, word: Comparative) -> list[int]:
    """The places of the comparative, and of a verb before it that says no more than "was"."""
    parts = bench.claim.parts
    places = [i for i, p in enumerate(parts) if word.start <= p.start < word.end]
    first = places[0] if places else 0
    return [*places, *(i for i in range(max(0, first - 1), first) if parts[i].text.lower() in ("ran", "runs", "run"))]


def _sides(bench: Bench, word: Comparative) -> list[_Side]:
    named = [p for p in bench.claim.of(Kind.NAME, Kind.TAG) if _known(bench, p.key)]
    groups = _stretches(bench)
    if word.than is None:
        before = [p.key for p in named if p.end <= word.start]
        first = before[-1] if before else ""
        others = [p.key for p in named if p.key != first]
        keys = [first, others[0]] if first and others else []
    else:
        left = [p.key for p in named if p.end <= word.than]
        right = [p.key for p in named if p.start >= word.than]
        keys = [left[-1], right[0]] if left and right else [left[-1]] * 2 if left else []
    if len(groups) == 2 and keys:
        return [_Side(key, group) for key, group in zip(keys, groups, strict=True)]
    shared = groups[0] if len(groups) == 1 else ()
    return [_Side(key, shared) for key in keys] if len(set(keys)) == 2 and len(groups) < 2 else []


def _known(bench: Bench, key: str) -> bool:
    return any(key in s.names | s.keys for s in bench.statements if s.sort in ("series", "record"))


def _stretches(bench: Bench) -> list[tuple[int, ...]]:
    """The places of the times of each stretch: its two ends, or its start where its length is told."""
    found: list[tuple[int, ...]] = []
    held: int | None = None
    for at, part in enumerate(bench.claim.parts):
        role = moment_role(bench.claim, at) if part.moment and part.moment.clock else ""
        if role == "edge":
            found.append((at,))
        elif role == "end" and held is not None:
            found.append((held, at))
            held = None
        elif role == "start":
            held = at
    return found


def _in_order(bench: Bench, sides: Sequence[_Side], figures: list[int]) -> list[int]:
    """The figures in the order of their sides: as they are told, or each as its own side's name stands right beside it."""
    keys = [side.key for side in sides]
    beside = [_beside(bench, at, keys) for at in figures]
    return figures[::-1] if beside == [keys[1], keys[0]] and keys[0] != keys[1] else figures


def _beside(bench: Bench, at: int, keys: Sequence[str]) -> str:
    """The side whose name stands right before or behind a figure, no other figure between them."""
    parts: Sequence[Part] = bench.claim.parts
    for near in (parts[at + 1 : at + _BESIDE], parts[max(0, at - _BESIDE) : at][::-1]):
        for part in near:
            if part.kind in (Kind.BREAK, Kind.AMOUNT, Kind.WORD, Kind.MOMENT):
                break
            if part.key in keys:
                return part.key
    return ""


def _value(bench: Bench, side: _Side, role: str, like: Amount | None) -> Amount | None:
    """The statistic of one side over its stretch, in the dimension of its figure."""
    moments = [m for at in side.stretch if (m := bench.claim.parts[at].moment)]
    for statement in bench.statements:
        if side.key not in statement.names | statement.keys or not _over(bench, statement, moments):
            continue
        for fact in statement.facts:
            if fact.amount and fact.role == role and like and dimension(fact.amount.unit) == dimension(like.unit):
                turned = converted(fact.amount.value, fact.amount.unit or "", like.unit or "")
                return fact.amount._replace(value=turned, unit=like.unit) if turned is not None else None
    return None


def _over(bench: Bench, statement: Statement, moments: Sequence[Moment]) -> bool:
    """Whether a statement is of the very stretch between two times, or of so long from one time on; of all where none is told."""
    if not moments:
        return statement.sort in ("series", "record")
    edges = {
        role: [f.instant for f in statement.facts if f.role == f"edge {role}" and f.instant]
        for role in ("start", "end")
    }
    if not any(same_moment(moments[0], at, bench.zone) for at in edges["start"]):
        return False
    if len(moments) > 1:
        end = moments[1] if moments[1].day else moments[1]._replace(day=moments[0].day)
        return any(same_moment(end, at, bench.zone) for at in edges["end"])
    length = length_from(bench.claim.text, moments[0].start) * 1_000_000
    return any(
        b.at - a.at == length for a in edges["start"] for b in edges["end"] if a.at is not None and b.at is not None
    )
