"""What is said without any room: "exactly 46 minutes", "all samples were above the limit", "as on the day before"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from app.verify.amounts import amounts
from app.verify.statements import Statement
from app.verify.units import converted, dimension

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?"
# a count is exact as it is
_COUNTED = (
    r"(?:readings?|samples?|values?|measurements?|times|alerts?|alarms?|frames?|(?:work )?orders?|people|persons?|of)\b"
)
_AMOUNT = (
    rf"\d+(?:\.\d+)?(?![\d.]|[ -]{_COUNTED})(?:[ -][^\W\d_]+(?:/[^\W\d_]+)?|\b)"
    r"(?:(?:,| and)? \d+ (?:seconds?|minutes?|hours?)\b)*"
)
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
_SOME = re.compile(r"\b(?P<some>\d+) samples? above the high limit\b")
_LEAST = re.compile(r"\bmin (?P<min>-?\d+(?:\.\d+)?)")
# "after it was raised" is of the same thing
_AFTER = re.compile(r"\s*(?:after|before|later|earlier)\b(?!\s+(?:it|being)\b)", re.I)
# how far behind "above" its figure may stand, and how many times of the evidence are paired
_NEAR, _ENDS = 40, 40
_COUNT = re.compile(r"\bn=(?P<n>\d+)\b")


def inexact(claim: str, shown: str, statements: Sequence[Statement] = ()) -> Iterator[str]:
    """Why what a claim says to be exact does not stand: the cited evidence gives it roughly, or not to the second.

    `shown` is the text of all that is cited, `statements` what it states. Whether a figure stands at all is for others to say.
    """
    for match in _SAID.finditer(claim):
        said = match["said"] or match["sharp"]
        behind = _AFTER.match(claim, match.end()) is not None
        if not _plainly(said, shown) and (_roughly(said, shown) or not _to_the_second(said, statements, behind)):
            yield f"nothing cited says that it was exactly {said}"
    for match in _AS_BEFORE.finditer(claim):
        if match[0].lower() not in shown.lower():
            yield "nothing cited compares it with an earlier time"
    for match in _ALL.finditer(claim):
        if not _DENIED.search(match["so"]) and not _whole(claim[match.end() :], shown):
            yield "not all samples of what is cited were above it"


def _plainly(said: str, shown: str) -> bool:
    """Whether it stands there letter by letter, and not as "about" so much."""
    found = re.finditer(rf"(?<![\d:.]){re.escape(said)}(?!\d)(?!:\d)", shown, re.I)
    return any(not _ROUGH.search(shown[max(0, m.start() - 16) : m.start()]) for m in found)


def _roughly(said: str, shown: str) -> bool:
    """Whether the evidence gives the figure, or where a time of day is said any time of day, as "about" so much."""
    clock = re.fullmatch(_CLOCK, said)
    pattern = _CLOCK if clock else rf"(?<![\d.]){re.escape(said.split()[0])}(?![\d.]*\d)"
    return any(_ROUGH.search(shown[max(0, m.start() - 16) : m.start()]) for m in re.finditer(pattern, shown))


def _to_the_second(said: str, statements: Sequence[Statement], behind: bool) -> bool:
    """Whether a length of time is one between two times of the evidence, to the second; of other figures it is not asked.

    `behind`: it is said of one thing after or before another.
    """
    told = next((a for a in amounts(said) if dimension(a.unit) == "time"), None)
    if told is None or told.unit is None:
        return True
    seconds = converted(told.value, told.unit, "s") or 0.0
    ends = sorted(
        {(f.instant.at, s.exhibit) for s in statements for f in s.facts if f.instant and f.instant.at is not None}
    )
    # "exactly so long after" is between two records where two are cited, not between the ends of one
    across = behind and len({exhibit for _, exhibit in ends}) > 1
    pairs = ((a, b) for a, b in combinations(ends[:_ENDS], 2) if not across or a[1] != b[1])
    return any(abs((b[0] - a[0]) / 1e6 - seconds) < 0.5 for a, b in pairs)


def _whole(behind: str, shown: str) -> bool:
    """Whether in every window as many samples are counted above its high limit as there are, or its least value is above the figure."""
    windows = [line for line in shown.split("\n") if _COUNT.search(line)]
    bound = next((a.value for a in amounts(behind[:_NEAR])), None)
    return bool(windows) and all(_counted_all(line) or _least_above(line, bound) for line in windows)


def _counted_all(window: str) -> bool:
    count, some = _COUNT.search(window), _SOME.search(window)
    return bool(count and some and count["n"] == some["some"])


def _least_above(window: str, bound: float | None) -> bool:
    least = _LEAST.search(window)
    return least is not None and bound is not None and float(least["min"]) > bound
