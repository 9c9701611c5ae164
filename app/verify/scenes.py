"""Whether all that a claim has in view at one time is in view of one frame: "a spill and a person at 01:23"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.verify.bench import Bench
from app.verify.reading import Kind, Part
from app.verify.statements import Statement
from app.verify.times import same_moment

_STOPS = ".;!?\n"
# what tells of more than one time, or of somebody else's
_MORE = re.compile(
    r"\b(?:while|then|later|after|before|earlier|afterwards|but|whereas|again|until|since|from|between|first|last)\b",
    re.I,
)
_FEWEST = 2
_OWN = re.compile(r"\bwith (?:its|his|her|their) (?P<what>[a-z]{3,})", re.I)
_STEM = 4


def embellished(bench: Bench) -> Iterator[str]:
    """Why "a truck with its doors open" does not stand: nothing in view of any cited frame is called so."""
    frames = [s for s in bench.statements if s.sort == "frame"]
    shown = " ".join(s.reading.text.lower() for s in frames)
    for match in _OWN.finditer(bench.claim.text) if frames and len(frames) == len(bench.statements) else ():
        if match["what"].lower()[:_STEM] not in shown:
            yield f"“{match[0]}” is not what a cited frame shows"


def scattered(bench: Bench) -> Iterator[str]:
    """Why things told of one time do not stand together; nothing where one frame of that time shows them all."""
    frames = [s for s in bench.statements if s.sort == "frame"]
    if len(frames) < _FEWEST:
        return
    for clause in _clauses(bench.claim.parts):
        text = bench.claim.text[clause[0].start : clause[-1].end]
        clocks = [p for p in clause if p.moment and p.moment.clock]
        if len(clocks) == 1 and not _MORE.search(text) and not any(p.kind is Kind.NOT for p in clause):
            yield from _apart(bench, clause, clocks[0], frames)


def _clauses(parts: Sequence[Part]) -> Iterator[list[Part]]:
    held: list[Part] = []
    for part in parts:
        if part.kind is Kind.BREAK and part.key in _STOPS:
            if held:
                yield held
            held = []
        else:
            held.append(part)
    if held:
        yield held


def _apart(bench: Bench, clause: Sequence[Part], clock: Part, frames: Sequence[Statement]) -> Iterator[str]:
    moment = clock.moment
    seen = frozenset(w for s in frames for w in s.keys)
    words = {p.key for p in clause if p.kind is Kind.WORD and bench.knows(p.key, seen)}
    then = [
        s for s in frames if moment and any(f.instant and same_moment(moment, f.instant, bench.zone) for f in s.facts)
    ]
    if then and not any(all(bench.knows(w, s.vocabulary) for w in words) for s in then):
        yield f"no cited frame of {clock.text.strip()} shows all of it"
