"""Whether two figures of a claim move as its verb says: what rose from 2.3 to 2.1 did not rise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.verify.bench import Bench
from app.verify.reading import Part, Reading
from app.verify.units import converted, dimension

_UP = r"r[io]se|risen|rising|climb\w*|increas\w*|gr[eo]w\w*|w?[eg]o?nt? up|mount\w*|soar\w*|jump\w*|surg\w*|crept up|edged up|ramp\w* up"
_DOWN = (
    r"f[ae]ll\w*|drop\w*|declin\w*|decreas\w*|s[iau]nk\w*|w?[eg]o?nt? down|dipp?\w*|slipp?\w*|slid\w*|eas(?:ed|ing)|"
    r"c[ao]me down|edged down"
)
_MOVED = re.compile(rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN}))\b", re.I)
_FROM = re.compile(r"\bfrom\s+(?:(?:about|around|some|roughly|nearly|almost|a|an|its)\s+)*$", re.I)
_TO = re.compile(r"\b(?:to|at)\s+(?:(?:about|around|some|roughly|nearly|almost|a|an|only|just)\s+)*$", re.I)
_NOT = re.compile(r"\b(?:not|never|without)\b|n't\b", re.I)
_STOP = re.compile(r"[;!?]|\.(?=\s|$)")
_LEAD = 28


def against_itself(bench: Bench) -> Iterator[str]:
    """Why "rose from A to B" does not stand, whatever is cited; nothing where a sentence gives no two such figures."""
    for begin, end in _sentences(bench.claim.text):
        verbs = list(_MOVED.finditer(bench.claim.text, begin, end))
        if len(verbs) != 1 or _NOT.search(bench.claim.text, begin, end):
            continue
        one = _led(bench.claim, _FROM, begin, end)
        two = _led(bench.claim, _TO, verbs[0].end(), end)
        moved = _difference(one, two)
        if moved is not None and moved and (moved > 0) is not (verbs[0]["up"] is not None):
            yield f"“{verbs[0][0].lower()}” does not stand with its own figures"


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    begin = 0
    for stop in _STOP.finditer(text):
        yield begin, stop.start()
        begin = stop.end()
    yield begin, len(text)


def _led(reading: Reading, lead: re.Pattern[str], begin: int, end: int) -> Part | None:
    """The first measured figure of a stretch that a preposition leads in."""
    return next(
        (
            p
            for p in reading.parts
            if p.amount
            and begin <= p.start < end
            and dimension(p.amount.unit) != "time"
            and lead.search(reading.text[max(begin, p.start - _LEAD) : p.start])
        ),
        None,
    )


def _difference(one: Part | None, two: Part | None) -> float | None:
    """The second less the first, in the second's unit; None where they cannot be compared. A unit may stand behind the second alone."""
    if one is None or two is None or one.amount is None or two.amount is None:
        return None
    value: float | None = one.amount.value
    if one.amount.unit and two.amount.unit:
        value = converted(one.amount.value, one.amount.unit, two.amount.unit)
    return None if value is None else two.amount.value - value
