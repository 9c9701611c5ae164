"""Whether a word that a claim gives a record as its severity, status or priority is the one in that field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.verify.bench import Bench, eligible
from app.verify.lexicon import canonical, opposed
from app.verify.reading import Kind, Part
from app.verify.segments import Segment
from app.verify.statements import Statement

# words by which a claim gives a record a state, whatever that is
_LISTED = re.compile(
    r"\b(?:(?:listed|marked|shown|recorded|registered|given|entered|filed|flagged|booked|carried|set|put|described) (?:as|on|to|at)|"
    r"status (?:of [\w -]{1,40} )?(?:is|was|reads|remains|being|of|:)|(?:is|are|was|were|remains?|stays?|put|still) on)"
    r"(?= (?:(?:on|in|under|at|being|not|still|yet|an?|the) )*(?P<state>[a-z-]+)[\s.,;]*$)",
    re.I,
)
_STANDS = re.compile(
    r"\b(?:is|are|remains?|stays?|continues to be|has not yet been)(?: still| currently| now)? "
    r"(?:active|standing|ongoing|in alarm|in force|uncleared|unresolved|live|up|on)(?=[\s.,;]*$)",
    re.I,
)
_EMPTY = (Kind.LIGHT, Kind.BREAK)
_KINDS = frozenset(["alarm", "order"])
_DEGREES = frozenset(["high", "low"])
_GRADED = frozenset("severity sever priority urgency status level grade".split())
_OFFHAND = frozenset("it them record file site shift".split())


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


def misdescribed(bench: Bench, segment: Segment) -> Iterator[str]:
    """Why "a low pressure" does not stand where a record of low severity tells of a high one: the word is of its field alone."""
    parts = bench.claim.parts
    records = [s for s in bench.statements if s.sort == "record" and s.fields and eligible(segment, s)]
    for at in range(segment.first, segment.last):
        part, behind = parts[at], [p for p in parts[at + 1 : at + 3] if p.kind is Kind.WORD]
        if part.key not in _DEGREES or not behind or behind[0].key in _KINDS | _GRADED:
            continue
        told = [_told_beside_fields(s) for s in records]
        if told and all(part.key not in words and opposed(part.key) & words & _DEGREES for words in told):
            yield f"“{part.text} {behind[0].text}” is the contrary of what is cited"


def _told_beside_fields(statement: Statement) -> frozenset[str]:
    """The words of degree in a record's text that are no field of it: "(low)" is one, "pressure drop high" is not."""
    parts = statement.reading.parts
    fields = {value for _, value in statement.fields}
    return frozenset(
        p.key
        for at, p in enumerate(parts)
        if p.key in _DEGREES and not (p.key in fields and at and parts[at - 1].text in ("(", ":"))
    )


def unlisted(bench: Bench, segment: Segment) -> Iterator[str]:
    """A state that a piece gives a record in words that say nothing elsewhere ("is listed as on hold"), and the record does not."""
    match = _LISTED.search(segment.text.rstrip(" .,;"))
    records = [s for s in bench.statements if s.fields and eligible(segment, s)]
    if match is None or not records or match["state"].lower() in _OFFHAND:
        return
    if not any(bench.knows(canonical(match["state"]), s.vocabulary) for s in records):
        yield f"“{match['state']}” is no state of the record that is cited"


def misnamed(bench: Bench) -> Iterator[str]:
    """Why "the order for T-9 (WO-12)" does not stand: the record of that tag is of another thing."""
    parts = bench.claim.parts
    for at in range(len(parts) - 2):
        one, two = parts[at], parts[at + 2]
        if parts[at + 1].key != "(" or {one.kind, two.kind} != {Kind.NAME, Kind.TAG}:
            continue
        name, tag = (one.key, two.key) if one.kind is Kind.NAME else (two.key, one.key)
        records = [s for s in bench.statements if s.sort == "record" and tag in s.keys]
        if records and not any(name in s.names | s.around for s in records):
            yield f"{tag.upper()} is of something else than {name} in what is cited"


def outlived(bench: Bench, segment: Segment) -> Iterator[str]:
    """Why "AL-1 is still active" does not stand: every record it can be of has ended."""
    records = [s for s in bench.statements if s.sort == "record" and eligible(segment, s)]
    if not records or any(p.moment or p.kind is Kind.NOT for p in bench.claim.parts[segment.first : segment.last]):
        return
    match = _STANDS.search(segment.text)
    if match and all(any(f.role == "end" for f in s.facts) for s in records):
        yield f"“{match[0]}” does not stand: it has ended"


def _attributive(parts: Sequence[Part], at: int, fields: frozenset[str]) -> bool:
    """Whether a word stands next to the record's kind, its tag, or the name of the field."""
    behind = [p for p in parts[at + 1 : at + 5] if p.kind not in _EMPTY]
    before = [p for p in parts[max(0, at - 4) : at] if p.kind not in _EMPTY]
    # “closed” is a word by itself; in “low feed water” the word belongs to what is quoted
    quoted = bool(behind and before) and behind[0].kind is Kind.QUOTE and before[-1].kind is Kind.QUOTE
    behind, before = (behind[1:2], before[-2:-1]) if quoted else (behind[:1], before[-1:])
    if behind and behind[0].kind is Kind.WORD and behind[0].key not in _KINDS | fields:
        # "AL-1 reported low flow": the word belongs to what follows it
        return any(p.key in fields for p in before)
    return any(p.kind is Kind.TAG or p.key in _KINDS or p.key in fields for p in (*before, *behind))
