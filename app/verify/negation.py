"""What a text says and what it denies."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.verify.reading import Kind, Reading

# how many words after a "not" it speaks of
_REACH = 3
UNIVERSAL = re.compile(
    r"\b(?:always|everyone|everybody|everything|everywhere|anyone|anybody|anything|nowhere|neither|throughout|constantly|"
    r"continuously|permanently|entirely|completely|at all times|only|all|every|each|whole|entire|any|rarely|seldom)\b",
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


def polarity(reading: Reading) -> Polarity:
    """Which content words a text says and which it denies."""
    denied: set[str] = set()
    said: set[str] = set()
    reach = 0
    for part in reading.parts:
        if part.kind is Kind.NOT:
            reach = _REACH
            if re.match(r"no[ -]?(?:body|one)", part.key):
                reach = _REACH + 1
        elif part.kind is Kind.BREAK:
            reach = 0
        elif part.kind in (Kind.WORD, Kind.NAME, Kind.TAG):
            (denied if reach > 0 else said).add(part.key)
            reach -= 1
    return Polarity(frozenset(said), frozenset(denied))


def sweeps(text: str) -> list[str]:
    """The words of a text that say of how many, or how often, something holds; "each" and "every" are "all"."""
    found = (m[0].lower() for m in UNIVERSAL.finditer(text))
    return ["all" if word in _ALL else word for word in found]
