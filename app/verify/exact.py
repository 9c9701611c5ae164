"""What is said without any room: "exactly 46 minutes", "all samples were above the limit", "as on the day before"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?"
# a count is exact as it is
_COUNTED = (
    r"(?:readings?|samples?|values?|measurements?|times|alerts?|alarms?|frames?|(?:work )?orders?|people|persons?|of)\b"
)
_AMOUNT = rf"\d+(?:\.\d+)?(?![\d.]|[ -]{_COUNTED})(?:[ -][^\W\d_]+(?:/[^\W\d_]+)?|\b)"
_SAID = re.compile(
    rf"\b(?:exactly|precisely)\s+(?:at |from |an? )?(?P<said>{_CLOCK}|{_AMOUNT})|(?P<sharp>{_CLOCK}) (?:sharp|on the dot)\b",
    re.I,
)
_ROUGH = re.compile(
    r"(?:\b(?:about|around|roughly|approximately|approx\.?|circa|some|nearly|almost|close to)|[~≈])\s*$", re.I
)
_ALL = re.compile(
    r"\b(?:all|every(?: single)?|each)(?: one)?(?: of)?(?: the| its)?(?: \d+)? (?:samples?|readings?|values?|measurements?)\b"
    r"(?P<so>[^.;]{0,90}?)\b(?:above|over|beyond|past|exceed\w*|greater than|higher than)\b",
    re.I,
)
_AS_BEFORE = re.compile(
    r"\b(?:as|like) (?:on |in |at |during )?the (?:\w+ )?(?:day|night|shift|week|month|hour) before\b"
    r"|\bas (?:usual|before|ever|always|so often)\b",
    re.I,
)
_DENIED = re.compile(r"\b(?:not?|never|none)\b|n't\b", re.I)
_SOME = re.compile(r"\b(?P<some>\d+) samples? above the\b")
_COUNT = re.compile(r"\bn=(?P<n>\d+)\b")


def inexact(claim: str, shown: str) -> Iterator[str]:
    """Why what a claim says to be exact does not stand: the cited evidence gives it roughly, or does not give it as such."""
    for match in _SAID.finditer(claim):
        said = match["said"] or match["sharp"]
        if not _stands(said, shown):
            yield f"nothing cited says that it was exactly {said}"
    for match in _AS_BEFORE.finditer(claim):
        if match[0].lower() not in shown.lower():
            yield "nothing cited compares it with an earlier time"
    for match in _ALL.finditer(claim):
        if not _DENIED.search(match["so"]) and not _whole(shown):
            yield "not all samples of what is cited were above it"


def _stands(said: str, shown: str) -> bool:
    """Whether it stands there letter by letter, and not as "about" so much."""
    found = re.finditer(rf"(?<![\d:.]){re.escape(said)}(?!\d)(?!:\d)", shown, re.I)
    return any(not _ROUGH.search(shown[max(0, m.start() - 16) : m.start()]) for m in found)


def _whole(shown: str) -> bool:
    """Whether in one window as many samples are counted above a limit as there are."""
    lines = shown.split("\n")
    return any((n := _COUNT.search(line)) and (some := _SOME.search(line)) and n["n"] == some["some"] for line in lines)
