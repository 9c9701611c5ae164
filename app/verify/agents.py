"""Words that a claim may add of its own since they name nobody and judge nothing: "someone", "the crew", "log and report differ"."""

from __future__ import annotations

import re

from app.verify.amounts import same_amount
from app.verify.bench import Bench
from app.verify.reading import Kind, Part
from app.verify.units import converted, dimension

_ANYONE = frozenset(["someone", "somebody"])
# who works on a work order, whoever that was
_HANDS = frozenset("crew team maintenance maintainers".split())
_DEED = re.compile(r"(?:\w{2,}(?:ing|ed)|had|has|left|shut|put|hit|cut)$", re.I)
# a deed that is seen, not done: "someone wearing a vest" is a person
_SEEN = frozenset("wear stand walk hold carry sit run activ".split())
_FORBIDDEN = re.compile(
    r"\b(?:must|may|shall|should|can|are|is)(?: not|not)(?: allowed to| permitted to| to)? "
    r"(?:exceed|(?:go|drive|travel|move|be driven) (?:faster than|above|over|beyond|at more than))(?: (?:the|its|a))?"
    r"(?: (?:speed )?limit(?: of)?)?\s*$",
    re.I,
)
_LIMITS = frozenset(["limit", "bound", "cap"])
_DIFFER = re.compile(
    r"\b(?:disagree[sd]?|differ(?:s|ed)?|diverge[sd]?|contradict(?:s|ed)? each other|conflict(?:s|ed)?|do(?:es)? not agree|are at odds)\b"
    r"(?: (?:on|about|over|as to|in|regarding))?(?: how (?:long|much|many|far|high))?",
    re.I,
)


def unassuming(bench: Bench) -> frozenset[int]:
    """The places of such words among a claim's parts, where what is cited bears them out."""
    return _hands(bench) | _differing(bench) | _forbidden(bench)


def _hands(bench: Bench) -> frozenset[int]:
    """ "Someone pulled the cord" of a pulled cord; "the crew replaced …" of what a work order says was done."""
    if any(s.sort == "frame" for s in bench.statements):
        return frozenset()
    parts = bench.claim.parts
    records = bool(bench.statements) and all(s.sort == "record" for s in bench.statements)
    order = any("order" in s.keys | s.context for s in bench.statements)
    found = {
        i for i, p in enumerate(parts) if records and order and p.text.lower() in _HANDS and not _numbered(parts, i)
    }
    anyone = (i for i, p in enumerate(parts) if p.text.lower() in _ANYONE and i + 1 < len(parts))
    return frozenset(found | {i for i in anyone if _DEED.match(parts[i + 1].text) and parts[i + 1].key not in _SEEN})


def _forbidden(bench: Bench) -> frozenset[int]:
    """ "Must not go faster than 10 km/h": what a limit of 10 km/h says, where a text gives it."""
    for at, part in enumerate(bench.claim.parts):
        match = _FORBIDDEN.search(bench.claim.text[: part.start]) if part.amount and part.amount.unit else None
        if match is None or part.amount is None:
            continue
        facts = [f for s in bench.statements if s.sort == "sentence" for f in s.facts if f.role in _LIMITS and f.amount]
        if any(f.amount and same_amount(part.amount, f.amount, False) for f in facts):
            return frozenset(
                [at, *(i for i, p in enumerate(bench.claim.parts) if match.start() <= p.start < match.end())]
            )
    return frozenset()


def _numbered(parts: tuple[Part, ...], at: int) -> bool:
    """Whether a word stands with any other than its article: "a second crew", "the same crew", "two crews"."""
    before = parts[at - 1] if at else None
    return (
        before is not None and before.kind is not Kind.BREAK and before.text.lower() not in ("the", "a", "that", "and")
    )


def _differing(bench: Bench) -> frozenset[int]:
    """ "Log and report disagree on how long …: 15 against 40 minutes": so where two pieces are cited and two figures differ."""
    match = _DIFFER.search(bench.claim.text)
    told = [p.amount for p in bench.claim.of(Kind.AMOUNT) if p.amount and dimension(p.amount.unit)]
    if match is None or len(told) != 2 or len({s.exhibit for s in bench.statements}) < 2:
        return frozenset()
    other = converted(told[1].value, told[1].unit or "", told[0].unit or "")
    if other is None or abs(other - told[0].value) <= 1e-9 * max(1.0, abs(other)):
        return frozenset()
    return frozenset(i for i, p in enumerate(bench.claim.parts) if match.start() <= p.start < match.end())
