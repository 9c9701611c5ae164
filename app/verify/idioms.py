"""Turns of phrase that change what is said though each word of it stands: "the alert for no high pressure", "has come back since"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.bench import Bench
from app.verify.reading import Kind, Reading

# an alert is for something; "for no flow" is said where its own text says so
_FOR_NONE = re.compile(
    r"\b(?:alerts?|alarms?|warnings?|orders?|tickets?|jobs?|entry|report|record)\s+"
    r"(?:for|about|of|on|over|reporting|regarding|concerning)\s+(?:no|not|zero|lack of|absence of|without)\b(?! (?:less|more|fewer|later))",
    re.I,
)
_NONE = re.compile(r"\b(?:no|not|none|zero|lack|absence|without|loss|lost|missing|fail\w*|never)\b|n't\b", re.I)
_CAME_BACK = re.compile(
    r"\b(?:(?:has|have|had)\s+(?:since\s+)?)?(?:come|came|comes)\s+back\b(?! (?:on|into|to service|up|online))|"
    r"\b(?:has|have|had)\s+(?:since\s+)?returned\s+since\b|\bre(?:curred|appeared)\b|\bcame up (?:again|anew)\b",
    re.I,
)
_ON_PURPOSE = re.compile(
    r"\b(?:on purpose|deliberate\w*|intentional\w*|wilful\w*|willful\w*|purposely|knowingly)\b", re.I
)
_ALONG = re.compile(
    r"\bwith (?:\w+ )?(?P<what>photographs?|photos?|pictures?|images?|attachments?|drawings?|signatures?|videos?)\b",
    re.I,
)
_AGAIN = re.compile(
    r"\b(?:again|anew|once more|back|return\w*|recur\w*|reappear\w*|re-?rais\w*|repeat\w*|second time|reopen\w*)\b",
    re.I,
)

# how many parts before an "and" a "not" still speaks of both its sides
_DENIED = 8


def loosened(bench: Bench) -> Iterator[str]:
    """Why "a hard hat or a vest" does not stand where the evidence asks for both, or for either where it says both."""
    known = [(pair, joint) for s in bench.statements if s.sort == "sentence" for pair, joint in _joined(s.reading)]
    for pair, joint in _joined(bench.claim):
        theirs = {other for one, other in known if one == pair}
        if theirs and joint not in theirs:
            yield f"“{joint}” stands as “{theirs.pop()}” in what is cited"


def _joined(reading: Reading) -> Iterator[tuple[frozenset[str], str]]:
    """The content words on both sides of each "and" and "or", and which of them it is; "no leak or smoke" is no leak and no smoke."""
    for at, part in enumerate(reading.parts):
        denied = any(p.kind is Kind.NOT for p in reading.parts[max(0, at - _DENIED) : at + 4])
        if part.text.lower() in ("and", "or") and not denied:
            before = next((p.key for p in reversed(reading.parts[max(0, at - 2) : at]) if p.kind is Kind.WORD), "")
            behind = next((p.key for p in reading.parts[at + 1 : at + 4] if p.kind is Kind.WORD), "")
            if before and behind:
                yield frozenset([before, behind]), part.text.lower()


def turned(claim: str, shown: str) -> Iterator[str]:
    """Why a turn of phrase does not stand; `shown` is the text of all that is cited."""
    meant = _ON_PURPOSE.search(claim)
    if meant and not _ON_PURPOSE.search(shown):
        yield f"nothing cited says that it was “{meant[0].lower()}”"
    along = _ALONG.search(claim)
    if along and not re.search(rf"\b{along['what'][:5]}", shown, re.I):
        yield f"no {along['what'].lower()} are told of in what is cited"
    none, back = _FOR_NONE.search(claim), _CAME_BACK.search(claim)
    if none and not _NONE.search(shown):
        yield f"nothing cited is “{none[0].lower()}” something"
    if back and not _AGAIN.search(shown):
        yield f"nothing cited says “{back[0].lower()}”"
