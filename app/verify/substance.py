"""Whether a text claims anything that evidence could bear: questions, opinions and greetings do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.reading import Kind, Reading

_CONTENT = (Kind.WORD, Kind.AMOUNT, Kind.MOMENT, Kind.NAME, Kind.TAG)
_STOP = re.compile(r"[.!?]+(?=\s|$)")
_QUESTION = re.compile(r"\?\s*[\"'”)]*\s*$|\?\s+\S")
_FIRST = frozenset("i i'm i've i'd i'll me my mine myself we we're we've our ours let's".split())
_SITE = frozenset("we our us".split())
_PLAIN = (Kind.AMOUNT, Kind.MOMENT, Kind.NAME, Kind.TAG)


def insubstantial(claim: Reading) -> str:
    """Why a text claims nothing that could be checked; "" when it does."""
    if not claim.of(*_CONTENT):
        return "it states nothing that could be checked"
    if _QUESTION.search(claim.text):
        return "it is a question"
    if any(_speaks_of_speaker(claim, start, end) for start, end in _saying(claim)):
        return "it speaks of the speaker, not of the evidence"
    return ""


def _saying(claim: Reading) -> Iterator[tuple[int, int]]:
    """Where the sentences stand that say something: "I do." and "I believe so." do not."""
    start = 0
    for end in [*(m.end() for m in _STOP.finditer(claim.text)), len(claim.text)]:
        if any(start <= p.start < end and p.kind in _CONTENT for p in claim.parts):
            yield start, end
        start = end


def _speaks_of_speaker(claim: Reading, start: int, end: int) -> bool:
    """Whether a sentence has a word for its speaker, beyond an "I think" at its head."""
    parts = [p for p in claim.parts if start <= p.start < end]
    # "we had AL-1 on P-1 at 05:10" speaks of the site
    first = _FIRST - _SITE if any(p.kind in _PLAIN for p in parts) else _FIRST
    return any(p.text.lower().replace("’", "'") in first for p in parts)
