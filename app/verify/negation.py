"""What a text says and what it denies."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.verify.reading import Kind, Part, Reading

# how many words after a "not" it speaks of
_REACH = 3
# what happens to a record or a machine
EVENTS = frozenset("raise clear begin end open_event close trip stop release endure activ".split())
_PLACING = frozenset("on at of for in by from under with".split())
UNIVERSAL = re.compile(
    r"\b(?:always|everyone|everybody|everything|everywhere|anyone|anybody|anything|nowhere|neither|throughout|constantly|"
    r"continuously|permanently|entirely|completely|at all times|only|all|every|each|whole|entire|any|rarely|seldom)\b",
    re.I,
)


# "only at 48 °C": it makes light of a measured figure, and says nothing of others
_OF_FIGURE = re.compile(
    r"only (?:(?:at|by|to|about|around|for|reached|had|was) )?\d+(?:\.\d+)?\s?(?:[°%]|[a-zA-Z]+/|bar\b|A\b|amp|deg)",
    re.I,
)
# a mean "taking all readings" is one of them all
_OF_SAMPLES = re.compile(
    r"\b(?:all|every) (?:the )?(?:readings?|samples?|values?)\b[^.;]{0,90}\b(?:between|within)\b|"
    r"\b(?:taking|over|across|averag\w+|mean of|from)\s+(?:all|every|each)\s+(?:the )?(?:reading|sample|value|dat)",
    re.I,
)
_ALL = frozenset(
    "always everyone everybody everything everywhere throughout constantly continuously permanently entirely completely all every "
    "each whole entire".split()
) | {"at all times"}


class Polarity(NamedTuple):
    """The words of a text that are said, and those that are denied: they follow a "not" closely."""

    said: frozenset[str]
    denied: frozenset[str]


_END = Part(Kind.BREAK, ".", ".", 0, 0)


def polarity(reading: Reading) -> Polarity:
    """Which content words a text says and which it denies."""
    denied: set[str] = set()
    said: set[str] = set()
    reach = 0
    before = ""
    placed = lacking = False
    for part in (*reading.parts, _END):
        # "hurt nobody": what stands before it is denied, where nothing stands behind
        if part.kind is Kind.BREAK and reach > _REACH and before:
            denied.add(before)
            said.discard(before)
        if part.kind is Kind.WORD:
            before = part.key
        # "failed to start on P-1" denies the start, and is of P-1
        placed = reach < _REACH and (placed or part.text.lower() in _PLACING)
        if part.kind is Kind.NOT:
            reach, placed = _REACH, False
            lacking = part.key in ("without", "no", "neither")
            if re.match(r"no[ -]?(?:body|one)", part.key):
                reach = _REACH + 1
        elif part.kind is Kind.BREAK:
            reach = 0
        elif lacking and part.key in EVENTS and reach < _REACH:
            # "without a transfer came up" denies the transfer
            reach = 0
            said.add(part.key)
        elif part.kind in (Kind.WORD, Kind.NAME, Kind.TAG):
            (denied if reach > 0 and not (placed and part.kind is not Kind.WORD) else said).add(part.key)
            reach -= 1
    return Polarity(frozenset(said), frozenset(denied))


def sweeps(text: str) -> list[str]:
    """The words of a text that say of how many, or how often, something holds; "each" and "every" are "all"."""
    found = (
        m[0].lower()
        for m in UNIVERSAL.finditer(text)
        if not _OF_FIGURE.match(text, m.start())
        and not _OF_SAMPLES.search(text[max(0, m.start() - 16) : m.end() + 110])
    )
    return ["all" if word in _ALL else word for word in found]
