"""A claim cut into the statements it makes: each with its words, its names, its figures, and what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from app.verify.calendar import CALENDAR
from app.verify.negation import Polarity, polarity
from app.verify.reading import Kind, Part, Reading
from app.verify.units import dimension

_SPLIT = frozenset(
    "and but while when whereas which who because after before then so although though where until since as than once".split()
) | {
    "followed by",
    "preceded by",
    "prior to",
    "ahead of",
    "later than",
    "earlier than",
    "came before",
    "came after",
    "preceded",
    "precedes",
}
_OTHER_SIDE = frozenset(["than", "came before", "came after", "preceded", "precedes", "followed by", "preceded by"])
_CALLED = re.compile(r"^(?:the )?(?:work order|order|ticket|job|task|alert|alarm) ", re.I)
_RECORDS = frozenset(["order", "alarm"])
_WORDY = (Kind.WORD, Kind.TAG, Kind.NOT)


class Segment(NamedTuple):
    """One statement of a claim: parts [first, last) of its reading. `names` and `tags` are its own; `about` those it inherits.

    `tagged` are the tags that were named last, in it or before it.
    """

    first: int
    last: int
    words: frozenset[str]
    names: frozenset[str]
    tags: frozenset[str]
    about: frozenset[str]
    polarity: Polarity
    denies: bool
    text: str
    tagged: frozenset[str] = frozenset()

    @property
    def items(self) -> frozenset[str]:
        """All that can be looked for in a statement."""
        return self.words | self.tags | frozenset(f"@{n}" for n in self.names)


def segments(reading: Reading) -> list[Segment]:
    """The statements of a claim in order; pieces without a word of their own go with the one before."""
    bounds = list(_merged(reading, list(_pieces(reading))))
    made = [_segment(reading, first, last) for first, last in bounds]
    return _inherited(made)


def piece(reading: Reading, span: tuple[int, int]) -> Segment:
    """What stands between two characters of a claim, as one statement."""
    inside = [i for i, p in enumerate(reading.parts) if span[0] <= p.start and p.end <= span[1]]
    return _segment(reading, inside[0], inside[-1] + 1) if inside else _segment(reading, 0, 0)


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
    if part.kind is Kind.BREAK or _behind_tag(reading, at):
        return True
    # "not once", "at once" join nothing
    if part.text.lower() == "once" and at and reading.parts[at - 1].text.lower() in ("not", "at", "never"):
        return False
    if " ".join(part.text.lower().split()) not in _SPLIT or part.kind not in (Kind.LIGHT, Kind.WORD):
        return False
    # "AL-1 lasted 11 minutes and AL-2 42 minutes"
    if at + 1 < len(reading.parts) and reading.parts[at + 1].kind is Kind.TAG:
        return True
    return not (_figure(reading.parts[max(0, at - 2) : at][::-1]) and _figure(reading.parts[at + 1 : at + 3]))


def _behind_tag(reading: Reading, at: int) -> bool:
    """Whether "during AL-1" ends right before: what happened then is another piece."""
    led = at > 1 and reading.parts[at - 1].kind is Kind.TAG and reading.parts[at - 2].text.lower() in ("during", "with")
    return led and reading.parts[at].text.lower() in ("the", "its", "a")


def _figure(parts: Sequence[Part]) -> bool:
    """Whether a figure stands next, light words aside: "between 3 and 5" is one piece, "on 8 May and cleared at 5" is two."""
    return any(p.amount or p.moment for p in takewhile(lambda p: p.kind is not Kind.WORD, parts))


def _merged(reading: Reading, pieces: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    held: tuple[int, int] | None = None
    for first, last in pieces:
        wordy = _wordy(reading.parts[first:last]) or _gapped(reading, held, first)
        if held is None:
            held = first, last
        elif (
            not wordy
            or not _tells(reading, held)
            or (not _gapped(reading, held, first) and not _wordy(reading.parts[held[0] : held[1]]))
        ):
            held = held[0], last
        else:
            yield held
            held = first, last
    if held is not None:
        yield held


def _gapped(reading: Reading, held: tuple[int, int] | None, first: int) -> bool:
    """Whether a piece says the same of another thing, its verb left out: "P-1 peaked at 5 bar, P-2 at 6 bar"."""
    if held is None or not (_measured(reading.parts[held[0] : held[1]])):
        return False
    if first and reading.parts[first].kind is Kind.BREAK and reading.parts[first].key == ":":
        return False
    before = {p.key for p in reading.parts[held[0] : held[1]] if p.kind is Kind.NAME}
    behind = list(takewhile(lambda p: p.kind is not Kind.WORD, reading.parts[first:]))
    figures = [i for i, p in enumerate(behind) if p.amount and dimension(p.amount.unit) != "time"]
    # the next thing's own figure, and its name before or right behind that
    upto = figures[1] if len(figures) > 1 else len(behind)
    return bool(figures) and bool({p.key for p in behind[:upto] if p.kind is Kind.NAME} - before) and bool(before)


def _tells(reading: Reading, held: tuple[int, int]) -> bool:
    return _wordy(reading.parts[held[0] : held[1]]) or _measured(reading.parts[held[0] : held[1]])


def _measured(parts: Sequence[Part]) -> bool:
    return any(p.amount and dimension(p.amount.unit) != "time" for p in parts)


def _wordy(parts: Sequence[Part]) -> bool:
    """Whether a piece says something of its own; "than P-102" names the other side of a comparison."""
    named = any(p.kind is Kind.NAME for p in parts)
    # "until a ticket, WO-12, was opened": "a ticket" says nothing of its own
    bare = bool(parts) and parts[0].text.lower() in ("until", "before", "after", "once")
    return any(p.kind in _WORDY and not (bare and p.key in _RECORDS) and p.key not in CALENDAR for p in parts) or (
        named and parts[0].text.lower() in _OTHER_SIDE
    )


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
    tagged = next((s.tags for s in made if s.tags), frozenset())
    head: frozenset[str] = frozenset()
    for segment in made:
        # "AL-1, logged as a leak on T-2, …": the leak is that of AL-1
        tags = segment.tags or (head if segment.words else frozenset())
        about = segment.names | tags or about
        tagged = tags or tagged
        found.append(segment._replace(about=about, tags=tags, tagged=tagged))
        # "Work order WO-12, for checking the guard, …" is a tag and what kind of record it is of
        called = _CALLED.sub("", segment.text.strip(" ,;").lower())
        bare = segment.words <= _RECORDS and not segment.names and called in segment.tags
        head = segment.tags if bare else frozenset()
    return found
