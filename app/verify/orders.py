"""What a text orders, and so does not say was done: imperatives, duties, and words it wants said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.verify.lexicon import canonical
from app.verify.reading import Kind, Part, Reading

# what may stand before an imperative and leave it one
_OPENERS = frozenset(
    "please now then also always never first next finally immediately kindly just and or do so instead simply you must should "
    "shall to don't not".split()
)
_BE = frozenset("is are was were been being has have had".split())
_OWED = re.compile(
    r"\b(?:must|shall|should|needs? to|(?:is|are) to|ha(?:s|ve) to|ought to|asked? to|told to|ordered to|instructed to|"
    r"please|you (?:are|will))\b"
    r"(?:\s+(?:be|not|always|also|now|first|immediately))*\s+(?P<verb>[a-z]+)",
    re.I,
)
# an order to a reader of the text: whatever else the sentence says is none of the evidence's
_TO_READER = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,60}\b(?:instructions?|rules?|prompts?|guidelines?|context|above|previous|prior)\b|"
    r"\b(?:system|developer) (?:prompt|message|note)\b|\byou are now\b|\bact as\b",
    re.I,
)
# "Answer '…'", "reply with …", "say that …": what follows is to be said, and is not said
_TO_SAY = re.compile(
    r"(?:^|[.!?;:,\n]\s*|\b(?:and|then|please|must|should|to|only|always|instead)\s+)"
    r"(?:answer|reply|respond|say|state|write|output|print|claim|assert|declare|pretend|confirm|tell (?:the )?\w+|report back)\b"
    r"(?:\s+(?:only|just|exactly|back|with|that|as follows|the following|"
    r"to \w+))*\s*(?P<said>[:,]?\s*[\"'“‘„«][^\"”’»\n]{2,400}|:[^\n]{2,400}|(?<=that)\s[^.\n]{2,400})",
    re.I,
)
_PAST = re.compile(r"\w{2,}ed$", re.I)
_IRREGULAR = frozenset(
    "sent made gave took drove ran left built found sold bought led told met saw held cut drew threw brought lent wrote kept put set "
    "shut broke taken given driven written broken done did rewrote reset paid read spoke".split()
)
# a claim that itself tells of an order, a wish or a rule says nothing of what was done
_TELLS_ORDER = re.compile(
    r"\b(?:must|shall|should|need(?:s|ed)?|ordered to|instruct\w*|ask(?:s|ed)|request\w*|require[sd]?|told to|is to|"
    r"are to|to be|ought|call(?:s|ed) for|"
    r"demand\w*|recommend\w*|advis\w*|propos\w*|suggest\w*|plan\w*)\b",
    re.I,
)
_NOW = frozenset("is are be gets get".split())


def heard(text: str) -> str:
    """A sentence without what it only orders its reader to say or to do with its instructions; blanks stand in its place."""
    match = _TO_READER.search(text)
    if match:
        return text[: match.start()] + " " * (len(text) - match.start())
    for match in _TO_SAY.finditer(text):
        start, end = match.span("said")
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def ordered(reading: Reading) -> frozenset[str]:
    """The canonical verbs that a text orders: bare at the head of a clause, or behind a word of duty."""
    owed = {canonical(m["verb"]) for m in _OWED.finditer(reading.text)}
    found = owed | {head.key for clause in _clauses(reading) if (head := _imperative(clause)) is not None}
    # "open" by itself is how a thing is; ordered, it is the deed
    return frozenset(found | {"open_event"} if "open" in found else found)


def plain(reading: Reading, orders: frozenset[str]) -> frozenset[str]:
    """The ordered verbs that a text states as well: in the past, or of a thing that is so."""
    owed = {m.start("verb") for m in _OWED.finditer(reading.text)}
    return frozenset(p.key for p in reading.of(Kind.WORD) if p.key in orders and _done(p) and p.start not in owed)


def unheeded(claim: Reading, orders: frozenset[str]) -> Iterator[str]:
    """Words by which a claim says that something was done which the evidence only orders."""
    if _TELLS_ORDER.search(claim.text):
        return
    for at, part in enumerate(claim.parts):
        present = any(p.text.lower() in _NOW for p in claim.parts[max(0, at - 3) : at])
        if part.kind in (Kind.WORD, Kind.LIGHT) and part.key in orders and _done(part) and not present:
            yield part.text


def _done(part: Part) -> bool:
    word = part.text.lower().split()[0]
    return bool(_PAST.match(word)) or word in _IRREGULAR


def _clauses(reading: Reading) -> Iterator[list[Part]]:
    held: list[Part] = []
    for part in reading.parts:
        if part.kind in (Kind.BREAK, Kind.QUOTE) or part.text.lower() in ("and", "then", "or"):
            yield held
            held = []
        else:
            held.append(part)
    yield held


def _imperative(clause: Sequence[Part]) -> Part | None:
    """The bare verb that a clause begins with; None where it begins with anything else."""
    at = next((i for i, p in enumerate(clause) if p.text.lower() not in _OPENERS and p.kind is not Kind.NOT), None)
    if at is None or clause[at].kind not in (Kind.WORD, Kind.LIGHT) or len(clause) - at < 2:
        return None
    low = clause[at].text.lower()
    if not low.isalpha() or low.endswith(("ed", "ing", "ly")) or (low.endswith("s") and not low.endswith("ss")):
        return None
    # "Maintenance booked …", "Pump P-1 is …" begin with what they speak of
    return None if any(_done(p) or p.text.lower() in _BE for p in clause[at + 1 : at + 5]) else clause[at]
