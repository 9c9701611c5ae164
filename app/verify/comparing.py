"""Whether one thing measured more than another, as a claim says: compared anew."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.verify.ages import aged
from app.verify.bench import Bench
from app.verify.contrasts import Comparative, contrast
from app.verify.cues import amount_role_fits
from app.verify.reading import Kind, Part
from app.verify.statements import Statement
from app.verify.times import Moment, same_moment

_MORE = re.compile(
    r"\b(?P<more>higher|greater|larger|bigger|hotter|warmer|faster|stronger|longer|more|later)\b|"
    r"\b(?P<less>less long|lower|smaller|less|cooler|colder|slower|weaker|shorter|fewer)\b",
    re.I,
)
_THAN = re.compile(
    r"\bthan\b|\b(?:exceeded|above|below|over|under) (?:that|those|the (?:one|level|value)) (?:of|at|on|in)\b", re.I
)
_HIGHER = re.compile(r"\bthe (?:(?P<more>higher|greater|larger)|(?P<less>lower|smaller))\b", re.I)
_THAT_OF = re.compile(r"\b(?:that of|belongs to|belonged to|(?:is|was) (?:on|at))\b", re.I)
_STATISTICS = {"mean": "mean", "minimum": "min", "median": "median"}


class Compared(NamedTuple):
    """`why` the comparison does not stand ("" when it does), and the places of the words that it settles."""

    why: str
    settled: frozenset[int]


def compare(bench: Bench) -> Compared | None:
    """Check "P-1 ran hotter than P-2"; None where a claim compares no two named things, or they cannot be compared."""
    age = aged(bench)
    if age is not None:
        return Compared(age.why, age.settled)
    than = _THAN.search(bench.claim.text)
    found = [m for m in _MORE.finditer(bench.claim.text) if than and m.start() < than.start()]
    word = found[-1] if found else next(_HIGHER.finditer(bench.claim.text), None)
    if word is not None:
        told = Comparative(*word.span(), bool(word["more"]), than.start() if than and found else None)
        both = contrast(bench, told, _role(bench))
        if both is not None:
            return Compared(both.why, both.settled)
    if than is None:
        return _ranked(bench)
    if not found:
        return None
    names = bench.claim.of(Kind.NAME, Kind.TAG)
    left = [p for p in names if p.end <= than.start()]
    right = [p for p in names if p.start >= than.end()]
    if not left or not right or left[-1].key == right[0].key:
        return None
    values = [_value(bench, part) for part in (left[-1], right[0])]
    if values[0] is None or values[1] is None:
        return None
    word = found[-1]
    stands = values[0] > values[1] if word["more"] else values[0] < values[1]
    settled = frozenset(i for i, p in enumerate(bench.claim.parts) if word.start() <= p.start < word.end())
    why = f"“{word[0]}” does not stand: it is {values[0]:.6g} beside {values[1]:.6g}"
    return Compared("" if stands else why, settled)


def _ranked(bench: Bench) -> Compared | None:
    """Check "the higher peak is that of P-1; P-2 has …": the first named behind "that of", else the last before the word."""
    word = next(_HIGHER.finditer(bench.claim.text), None)
    names = bench.claim.of(Kind.NAME)
    if word is None or len({p.key for p in names}) != 2:
        return None
    of = _THAT_OF.search(bench.claim.text, word.end())
    before = [p for p in names if p.end <= word.start()]
    first = next((p for p in names if p.start >= of.end()), None) if of else before[-1] if before else names[0]
    other = next((p for p in names if first and p.key != first.key), None)
    if first is None or other is None:
        return None
    values = [_value(bench, part) for part in (first, other)]
    if values[0] is None or values[1] is None:
        return None
    stands = values[0] > values[1] if word["more"] else values[0] < values[1]
    settled = frozenset(i for i, p in enumerate(bench.claim.parts) if word.start() <= p.start < word.end())
    return Compared("" if stands else f"“{word[0]}” does not stand: {values[0]:.6g} beside {values[1]:.6g}", settled)


def _role(bench: Bench) -> str:
    """The statistic that a claim compares."""
    words = {p.key for p in bench.claim.parts}
    if words & {"long", "longer", "short", "shorter", "endure"}:
        return "duration"
    return next((r for w, r in _STATISTICS.items() if w in words), "max")


def _value(bench: Bench, name: Part) -> float | None:
    """The statistic that is compared, of one named thing, over the stretch that the claim names where it names one."""
    role = _role(bench)
    asked = [p.moment for p in bench.claim.parts if p.moment and p.moment.clock]
    fitting = [
        s for s in bench.statements if name.key in s.names | s.keys and s.sort in ("series", "record", "part of series")
    ]
    timed = [s for s in fitting if all(_at(bench, s, m) for m in asked)]
    for statement in timed or fitting:
        for fact in statement.facts:
            if fact.amount and fact.role == role and (role == "duration" or amount_role_fits(role, fact.role)):
                return fact.amount.value
    return None


def _at(bench: Bench, statement: Statement, moment: Moment) -> bool:
    return any(f.instant and same_moment(moment, f.instant, bench.zone) for f in statement.facts)
