"""A claim cut into the statements it makes: each with its words, its names, its figures, and what it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from app.verify.negation import Polarity, polarity
from app.verify.reading import Kind, Part, Reading

_SPLIT = frozenset(
    "and but while when whereas which who because after before then so although though where until since as than".split()
)
_WORDY = (Kind.WORD, Kind.TAG, Kind.NOT)


class Segment(NamedTuple):
    """One statement of a claim: parts [first, last) of its reading. `names` and `tags` are its own; `about` those it inherits."""

    first: int
    last: int
    words: frozenset[str]
    names: frozenset[str]
    tags: frozenset[str]
    about: frozenset[str]
    polarity: Polarity
    denies: bool
    text: str

    @property
    def items(self) -> frozenset[str]:
        """All that can be looked for in a statement."""
        return self.words | self.tags | frozenset(f"@{n}" for n in self.names)


def segments(reading: Reading) -> list[Segment]:
    """The statements of a claim in order; pieces without a word of their own go with the one before."""
    bounds = list(_merged(reading, list(_pieces(reading))))
    made = [_segment(reading, first, last) for first, last in bounds]
    return _inherited(made)


def entire(reading: Reading) -> Segment:
    """All of a claim as one statement."""
    return _segment(reading, 0, len(reading.parts))


def _pieces(reading: Reading) -> Iterator[tuple[int, int]]:
    first = 0
    for at, part in enumerate(reading.parts):
        if _breaks(reading, at, part):
            if at > first:
                yield first, at
            first = at
    if first < len(reading.parts):
        yield first, len(reading.parts)


def _breaks(reading: Reading, at: int, part: Part) -> bool:
    if part.kind is Kind.BREAK:
        return True
    if part.text.lower() not in _SPLIT or part.kind not in (Kind.LIGHT, Kind.WORD):
        return False
    return not (_figure(reading.parts[max(0, at - 2) : at][::-1]) and _figure(reading.parts[at + 1 : at + 3]))


def _figure(parts: Sequence[Part]) -> bool:
    """Whether a figure stands next, light words aside: "between 3 and 5" is one piece, "on 8 May and cleared at 5" is two."""
    return any(p.amount or p.moment for p in takewhile(lambda p: p.kind is not Kind.WORD, parts))


def _merged(reading: Reading, pieces: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    held: tuple[int, int] | None = None
    for first, last in pieces:
        wordy = _wordy(reading.parts[first:last])
        if held is None:
            held = first, last
        elif not wordy or not _wordy(reading.parts[held[0] : held[1]]):
            held = held[0], last
        else:
            yield held
            held = first, last
    if held is not None:
        yield held


def _wordy(parts: Sequence[Part]) -> bool:
    """Whether a piece says something of its own; "than P-102" names the other side of a comparison."""
    named = any(p.kind is Kind.NAME for p in parts)
    return any(p.kind in _WORDY for p in parts) or (named and parts[0].text.lower() == "than")


def _segment(reading: Reading, first: int, last: int) -> Segment:
    parts = reading.parts[first:last]
    piece = Reading(reading.text, parts)
    text = reading.text[parts[0].start : parts[-1].end] if parts else ""
    return Segment(
        first,
        last,
        frozenset(p.key for p in parts if p.kind is Kind.WORD),
        frozenset(p.key for p in parts if p.kind is Kind.NAME),
        frozenset(p.key for p in parts if p.kind is Kind.TAG),
        frozenset(),
        polarity(piece),
        any(p.kind is Kind.NOT for p in parts),
        text,
    )


def _inherited(made: Sequence[Segment]) -> list[Segment]:
    """Each with what it is about: its own names and tags, else those of the piece before, at the head those that come first."""
    first = next((s.names | s.tags for s in made if s.names or s.tags), frozenset())
    found, about = [], first
    for segment in made:
        about = segment.names | segment.tags or about
        found.append(segment._replace(about=about))
    return found
