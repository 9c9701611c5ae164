"""What one claim is held against, and which of its statements a piece of the claim can rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import NamedTuple

from app.verify.reading import Reading
from app.verify.segments import Segment
from app.verify.statements import Statement

# of the words of one piece of a claim, one in so many may stand elsewhere in the evidence than the others
_APART = 3
_PROSE = frozenset(["sentence", "computed"])
RECORDED = {"alarm": "alert", "order": "row", "frame": "frame", "passage": "passage"}

Known = Callable[[str, frozenset[str]], bool]


class Bench(NamedTuple):
    """All that one claim is held against. `knows` says whether a word stands in a vocabulary, by its form or its sense."""

    claim: Reading
    statements: tuple[Statement, ...]
    zone: tzinfo
    knows: Known


def cover(bench: Bench, segment: Segment, statement: Statement) -> float:
    """The share of what a piece says that stands in a statement, in [0, 1]; 1 for a piece that says nothing."""
    items = segment.items
    if not items:
        return 1.0
    names = frozenset(f"@{n}" for n in statement.names | statement.around)
    vocabulary = statement.vocabulary
    return sum(i in names if i[0] == "@" else bench.knows(i, vocabulary) for i in items) / len(items)


def missing(bench: Bench, segment: Segment, statement: Statement) -> list[str]:
    """The words of a piece that do not stand in a statement."""
    return [w for w in segment.words if not bench.knows(w, statement.vocabulary)]


def lacking(bench: Bench, segment: Segment, found: Sequence[Statement]) -> bool:
    """Whether no statement says a piece.

    Few of its words may stand in another statement, but in no record, picture or statistic beside the one that says it.
    """
    for statement in found:
        absent = missing(bench, segment, statement)
        beside = (s for s in found if s.sort in _PROSE or (s.exhibit == statement.exhibit and s.sort == "record"))
        held = frozenset(w for s in beside for w in s.vocabulary) if absent else frozenset()
        if len(absent) <= len(segment.words) // _APART and all(bench.knows(w, held) for w in absent):
            return False
    return True


def eligible(segment: Segment, statement: Statement) -> bool:
    """Whether a statement can be what a piece of a claim is about."""
    # a sentence about the safety officer in a report about P-101 is about both
    beside = (
        statement.sort == "sentence"
        and statement.names <= segment.names
        and segment.names <= statement.names | statement.around
    )
    if not (segment.names <= statement.names or beside) or not segment.tags <= statement.vocabulary | statement.names:
        return False
    if segment.names or segment.tags or not segment.about:
        return True
    return (
        bool(segment.about & (statement.names | statement.vocabulary))
        or not statement.names
        or statement.sort == "frame"
    )


def candidates(bench: Bench, segment: Segment) -> list[tuple[float, Statement]]:
    """The statements that a piece can rest on, best covering first."""
    fitting = [s for s in bench.statements if eligible(segment, s)]
    found = [(cover(bench, segment, s), s) for s in fitting if not _of_another(segment, s, fitting)]
    return sorted(found, key=lambda pair: -pair[0])


def _of_another(segment: Segment, statement: Statement, fitting: Sequence[Statement]) -> bool:
    """Whether a record or picture is of another thing than a piece goes on about.

    "AL-1 was raised at 3, and cleared at 4" is of AL-1 alone.
    """
    if segment.names or segment.tags:
        return False
    if statement.sort == "frame":
        # what is in view is in view of the camera that the claim speaks of
        return not segment.about & statement.names and any(
            s.sort == "frame" and segment.about & s.names for s in fitting
        )
    if statement.sort != "record" or not segment.tagged:
        return False
    told = [s for s in fitting if segment.tagged & s.vocabulary]
    # "…, and the order was opened": the word names another kind of record
    kind = segment.words & RECORDED.keys() & statement.vocabulary
    other = kind and not any(kind & s.vocabulary for s in told)
    return bool(told) and not segment.tagged & statement.vocabulary and not other
