"""Whether what a claim puts in order happened in that order, and so long apart as it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.verify.amounts import Amount, same_amount
from app.verify.binding import Bench, candidates, missing
from app.verify.reading import Kind, Part
from app.verify.segments import Segment, segments
from app.verify.statements import Statement
from app.verify.times import same_moment

_AFTER = re.compile(r"\b(?:after|following|once|later than|since)\b", re.I)
_BEFORE = re.compile(r"\b(?:before|prior to|ahead of|earlier than|until)\b", re.I)
_THEN = re.compile(r"\b(?:then|followed by|later|afterwards?|subsequently|whereupon|preceded)\b", re.I)
_FOLLOWED = re.compile(r"\b(?:followed|follows|came after|comes after)\b(?! by)", re.I)
_JOINT = re.compile(r"\b(?:and(?!\s+\d)|but|then)\b|[,;]", re.I)
_GAP = re.compile(
    r"^\s*(?:(?:about|around|some|roughly|just|only)\s+)?"
    r"(?:[\w.]+[\s-]+(?:seconds?|minutes?|mins?|hours?|days?|h|s)\b[\s,]*(?:and\s+)?){1,3}",
    re.I,
)
_ENDS = frozenset(["clear", "end", "close", "releas"])


class Order(NamedTuple):
    """Spans of a text: what came first, what came second, and the words that say so."""

    first: tuple[int, int]
    second: tuple[int, int]
    marker: str
    at: int
    kind: str = "then"


class Sequenced(NamedTuple):
    """`why` an order does not stand ("" when it does), whether the contrary is known, and the places of parts that it settles."""

    why: str
    contrary: bool = False
    settled: frozenset[int] = frozenset()


def ordered(text: str) -> Order | None:
    """The order that a text gives; None when it gives none."""
    active = _FOLLOWED.search(text)
    if active:
        return Order((active.end(), len(text)), (0, active.start()), active[0], active.start())
    kinds = (("after", _AFTER), ("before", _BEFORE), ("then", _THEN))
    found = [(m.start(), at, kind, m) for at, (kind, p) in enumerate(kinds) if (m := p.search(text))]
    if not found:
        return None
    _, _, kind, match = min(found, key=lambda one: one[:2])
    left, right = (0, match.start()), (match.end(), len(text))
    # "Six minutes after A, B": the gap stands at the head
    if not _GAP.sub("", text[: match.start()]).strip():
        comma = text.find(",", match.end())
        if comma < 0:
            return None
        left, right = (comma, len(text)), (match.end(), comma)
    elif kind == "then" and not re.search(r"\w", text[match.end() :]):
        left, right = _parted(text, match.start())
    first, second = (right, left) if kind == "after" else (left, right)
    return Order(first, second, match[0], match.start(), kind)


def _parted(text: str, end: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """ "… raised and cleared 20 minutes later": the two sides of the last joint before a marker at the end."""
    joints = list(_JOINT.finditer(text, 0, end))
    return ((0, joints[-1].start()), (joints[-1].end(), end)) if joints else ((0, end), (end, end))


def sequence(bench: Bench) -> Sequenced | None:
    """Whether the order a claim gives stands; None when it gives none."""
    found = ordered(bench.claim.text)
    if found is None or _bounds(bench, found):
        return None
    gap = _gap(bench, found)
    if gap is None and _said_so(bench, found):
        return Sequenced("")
    pieces = segments(bench.claim)
    first, second = (
        _when(bench, [s for s in pieces if _inside(bench, s, span)], span) for span in (found.first, found.second)
    )
    if first is None or second is None:
        return Sequenced(f"the cited evidence does not say what was “{found.marker.lower()}” what")
    if first > second:
        return Sequenced(f"the order is the other way round: “{found.marker.lower()}” does not stand", True)
    if gap is None:
        return Sequenced("")
    apart = Amount((second - first) / 1e6, "s", 1.0, False, 0, 0)
    claimed = bench.claim.parts[gap].amount
    if claimed and same_amount(claimed, apart, True):
        return Sequenced("", settled=frozenset([gap]))
    return Sequenced(
        f"it was {apart.value / 60:.1f} min, not {bench.claim.parts[gap].text.strip()}", True, frozenset([gap])
    )


def _bounds(bench: Bench, found: Order) -> bool:
    """Whether "until" or "since" leads to a time: the end of a stretch, not the order of two events."""
    behind = (p for p in bench.claim.parts if p.start >= found.at + len(found.marker) and p.kind is not Kind.LIGHT)
    after = next(behind, None)
    return found.marker.lower() in ("until", "since") and after is not None and after.moment is not None


def _gap(bench: Bench, found: Order) -> int | None:
    """The place of a duration right before the marker: "20 minutes after"."""
    for at, part in enumerate(bench.claim.parts):
        timed = part.amount is not None and part.amount.unit in ("s", "min", "h", "d") and part.end <= found.at
        if timed and not re.search(r"\w", bench.claim.text[part.end : found.at]):
            return at
    return None


def _inside(bench: Bench, segment: Segment, span: tuple[int, int]) -> bool:
    """Whether most of a piece lies in a span."""
    parts = [
        p for p in bench.claim.parts[segment.first : segment.last] if p.kind not in (Kind.LIGHT, Kind.BREAK, Kind.QUOTE)
    ]
    held = [p for p in parts if span[0] <= p.start < span[1]]
    return 2 * len(held) >= len(parts) and bool(held)


def _said_so(bench: Bench, found: Order) -> bool:
    """Whether a statement of the evidence gives the same order in its own words."""
    pieces = segments(bench.claim)
    for statement in bench.statements:
        theirs = ordered(statement.reading.text)
        if theirs is None or statement.sort in ("frame", "series"):
            continue
        mine = [_keys(bench.claim.parts, span) for span in (found.first, found.second)]
        known = [_keys(statement.reading.parts, span) for span in (theirs.first, theirs.second)]
        straight = [_shared(bench, m, k) for m, k in zip(mine, known, strict=True)]
        crossed = [_shared(bench, m, k) for m, k in zip(mine, reversed(known), strict=True)]
        if sum(crossed) > sum(straight):
            continue
        if all(straight) or (theirs.kind == found.kind and not any(missing(bench, s, statement) for s in pieces)):
            return True
    return False


def _shared(bench: Bench, some: frozenset[str], others: frozenset[str]) -> int:
    return sum(bench.knows(word, others) for word in some)


def _keys(parts: Sequence[Part], span: tuple[int, int]) -> frozenset[str]:
    kinds = (Kind.WORD, Kind.TAG, Kind.NAME)
    return frozenset(p.key for p in parts if p.kind in kinds and span[0] <= p.start < span[1])


def _when(bench: Bench, pieces: Sequence[Segment], span: tuple[int, int]) -> int | None:
    """When what some pieces of a claim speak of happened: the time of the statement they rest on."""
    for segment in pieces:
        for share, statement in candidates(bench, segment)[:8]:
            if share < 0.5 or missing(bench, segment, statement):
                continue
            at = _time_of(bench, segment, statement, span)
            if at is not None:
                return at
    return None


def _time_of(bench: Bench, segment: Segment, statement: Statement, span: tuple[int, int]) -> int | None:
    """The time in a statement that the claim names itself, else the one of the role that its words give."""
    told = [p.moment for p in bench.claim.parts if p.moment and p.moment.clock and span[0] <= p.start < span[1]]
    known = [f for f in statement.facts if f.instant and f.instant.at is not None]
    for fact in known:
        if fact.instant and any(same_moment(m, fact.instant, bench.zone) for m in told):
            return fact.instant.at
    times = {f.role: f.instant.at for f in reversed(known) if f.instant}
    extremes = ("max", "min") if segment.words & {"maximum", "minimum", "reach"} else ()
    wanted = (*extremes, "end", "release") if segment.words & _ENDS else (*extremes, "start", "", "trip", "max", "min")
    return next((times[r] for r in wanted if times.get(r) is not None), None)
