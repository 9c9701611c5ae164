"""Whether what a piece of a claim rests on says the contrary, and whether what it denies is denied there too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.verify.bench import Bench, candidates
from app.verify.lexicon import opposed
from app.verify.negation import EVENTS
from app.verify.reading import Kind, Part
from app.verify.segments import Segment
from app.verify.statements import Statement

# "to", "the", "was" behind a "not" say nothing
_SHORT = 3
_AWAY = (("on", "off"), ("onto", "off"), ("in", "out"), ("into", "out"))
_PARTICLES = frozenset(word for pair in _AWAY for word in pair)
_DETERMINERS = frozenset("a an the its his her their this that of".split())


def against(bench: Bench, segment: Segment) -> Iterator[str]:
    """Words of a piece that what it rests on turns round: denied there and said here, or its opposite said there."""
    found = candidates(bench, segment)
    if not found:
        return
    top = [s for c, s in found if c >= found[0][0] - 0.1]
    conflicts = [set(_turned(bench, segment, s)) for s in top]
    if all(conflicts):
        yield from sorted(conflicts[0])


def _turned(bench: Bench, segment: Segment, statement: Statement) -> Iterator[str]:
    said, denied = statement.polarity
    # where both deny the same thing, how far a "not" reaches is a matter of wording
    prose = statement.sort in ("sentence", "record", "computed")
    if prose and segment.polarity.denied & denied - statement.names and len(_nots(segment, bench)) == 1:
        return
    for word in segment.polarity.denied - segment.polarity.said:
        if bench.knows(word, said) and not bench.knows(word, denied):
            yield word
    for word in segment.polarity.said - segment.polarity.denied:
        if bench.knows(word, denied) and not bench.knows(word, said):
            yield word
    yield from _moved(bench.claim.parts[segment.first : segment.last], statement.reading.parts)
    for word in segment.words:
        if opposed(word) & statement.vocabulary and not bench.knows(word, statement.vocabulary):
            yield word


def _moved(mine: Sequence[Part], theirs: Sequence[Part]) -> Iterator[str]:
    """Words that stand on, in or with a thing here, and off, out of or without it there: "stayed on its sprocket"."""
    known = _led(theirs)
    for key, words in _led(mine).items():
        for one, other in _AWAY:
            if (one in words and known.get(key, frozenset()) & {one, other} == {other}) or (
                other in words and known.get(key, frozenset()) & {one, other} == {one}
            ):
                yield key


def _led(parts: Sequence[Part]) -> dict[str, frozenset[str]]:
    """Each content word with the particles right before it, articles aside."""
    found: dict[str, set[str]] = {}
    held: set[str] = set()
    for part in parts:
        low = part.text.lower()
        if low in _PARTICLES:
            held.add(low)
        elif part.kind in (Kind.WORD, Kind.NAME):
            found.setdefault(part.key, set()).update(held)
            held = set()
        elif part.kind is not Kind.LIGHT or low not in _DETERMINERS:
            held = set()
    return {key: frozenset(words) for key, words in found.items()}


def _nots(segment: Segment, bench: Bench) -> list[Part]:
    return [p for p in bench.claim.parts[segment.first : segment.last] if p.kind is Kind.NOT]


def denial_stands(bench: Bench, segment: Segment) -> bool:
    """Whether a denial is made in the evidence too, and not of a frame: a picture shows one moment."""
    wanted = segment.polarity.denied & segment.words
    # "did not find that the relay …" denies the finding, not the relay
    wanted = frozenset(["find"]) if "find" in wanted else wanted
    if not wanted:
        denials = _denials(bench.claim.parts[segment.first : segment.last])
        told = [s for c, s in candidates(bench, segment) if c >= 0.5 and s.sort != "frame"]
        return any(denials <= _denials(s.reading.parts) for s in told)
    # what happens to a record is denied by itself: that a transfer is, says nothing of clearing
    events = wanted & EVENTS
    return any(
        s.sort != "frame"
        and 2 * sum(bench.knows(w, s.polarity.denied) for w in wanted) >= len(wanted)
        and all(bench.knows(w, s.polarity.denied) for w in events)
        for c, s in candidates(bench, segment)
        if c >= 0.5
    )


def _denials(parts: Sequence[Part]) -> frozenset[str]:
    """Each "not" of a text with what follows it closely: "nothing to report", "not active"."""
    found = set()
    for n, part in enumerate(parts):
        if part.kind is Kind.NOT:
            told = (q.text.lower() for q in parts[n + 1 : n + 4] if len(q.text) > _SHORT)
            found.add(f"{part.key} {next(told, '')}".strip())
    return frozenset(found)
