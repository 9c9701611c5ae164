"""Whether a word that a claim gives a record as its severity, status or priority is the one in that field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.verify.binding import Bench, eligible
from app.verify.lexicon import opposed
from app.verify.reading import Kind, Part
from app.verify.segments import Segment

_EMPTY = (Kind.LIGHT, Kind.BREAK)
_KINDS = frozenset(["alarm", "order"])


def misattributed(bench: Bench, segment: Segment) -> Iterator[str]:
    """Why an attribute of a piece is not that of the record it is about; nothing where none is given, or one record has it."""
    records = [s for s in bench.statements if s.fields and eligible(segment, s)]
    for at in range(segment.first, segment.last):
        part = bench.claim.parts[at]
        held = [dict(s.fields) for s in records]
        rivals = [(k, v) for fields in held for k, v in fields.items() if part.key in opposed(v)]
        if part.kind is not Kind.WORD or not rivals or any(part.key in fields.values() for fields in held):
            continue
        # "was opened" speaks of the field "opened", not of a status
        if any(part.key in s.context for s in records):
            continue
        if _attributive(
            bench.claim.parts[segment.first : segment.last], at - segment.first, frozenset(k for k, _ in rivals)
        ):
            name, value = rivals[0]
            yield f"{name} is “{value}” in what is cited, not “{part.text}”"


def _attributive(parts: Sequence[Part], at: int, fields: frozenset[str]) -> bool:
    """Whether a word stands next to the record's kind, its tag, or the name of the field."""
    behind = [p for p in parts[at + 1 : at + 5] if p.kind not in _EMPTY]
    before = [p for p in parts[max(0, at - 4) : at] if p.kind not in _EMPTY]
    # “closed” is a word by itself; in “low feed water” the word belongs to what is quoted
    quoted = bool(behind and before) and behind[0].kind is Kind.QUOTE and before[-1].kind is Kind.QUOTE
    behind, before = (behind[1:2], before[-2:-1]) if quoted else (behind[:1], before[-1:])
    return any(p.kind is Kind.TAG or p.key in _KINDS or p.key in fields for p in (*before, *behind))
