"""Whether two things that a claim puts at the same time were: "while AL-1 was active", "when WO-2 was opened"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.verify.bench import Bench, candidates, missing
from app.verify.segments import Segment, segments
from app.verify.statements import Statement
from retrieval.types import Interval

_TOGETHER = re.compile(r"\b(?:while|when|whilst|as soon as|at the same time as|simultaneously with|during)\b", re.I)
_ALREADY = re.compile(r"\b(?:already|had been)\b", re.I)
_NOW = re.compile(r"\b(?:is|are)\b", re.I)
_SORTS = ("record", "frame", "sentence", "series")
_ENDS = frozenset(["clear", "end", "close"])
_TOLERANCE_US = 60_000_000


def apart(bench: Bench) -> str:
    """Why two things told of one time were not at one time; "" when they were, or when the evidence gives no two times."""
    match = _TOGETHER.search(bench.claim.text)
    # "when B came, A had already gone" puts them in order
    if match is None or _ALREADY.search(bench.claim.text):
        return ""
    # "one is closed while the other is open" sets two things side by side
    if match[0].lower() in ("while", "whilst") and _NOW.search(bench.claim.text, match.end()):
        return ""
    sides = _sides(bench, match)
    told = [_stretch(bench, side) for side in sides]
    if len(told) != 2 or told[0] is None or told[1] is None or _touch(told[0], told[1]):
        return ""
    return f"“{match[0].lower()}” does not stand: the two were not at the same time"


def _sides(bench: Bench, match: re.Match[str]) -> list[list[Segment]]:
    """The pieces of a claim on both sides of the word that joins them."""
    pieces = segments(bench.claim)
    starts = [bench.claim.parts[piece.first].start for piece in pieces]
    text = bench.claim.text
    if text[: match.start()].strip():
        split = match.start()
    else:
        # "When A was raised, B was opened"
        split = text.find(",", match.end())
        if split < 0:
            return []
    before = [p for p, start in zip(pieces, starts, strict=True) if start < split]
    behind = [p for p, start in zip(pieces, starts, strict=True) if start >= split]
    return [before, behind]


def _stretch(bench: Bench, pieces: Sequence[Segment]) -> Interval | None:
    """When what some pieces speak of was so, by the one statement that says all of them; None where times are not known."""
    for statement in _saying(bench, pieces):
        times = {f.role: f.instant.at for f in statement.facts if f.instant and f.instant.at is not None}
        if not times:
            continue
        words = frozenset(w for p in pieces for w in p.words)
        if "maximum" in words and "max" in times:
            return Interval(times["max"], times["max"])
        if words & _ENDS and "end" in times:
            return Interval(times["end"], times["end"])
        # what was opened or raised was so at its start; what was active was so throughout
        if "start" in times and words & {"raise", "open_event", "begin"}:
            return Interval(times["start"], times["start"])
        return Interval(min(times.values()), max(times.values()))
    return None


def _saying(bench: Bench, pieces: Sequence[Segment]) -> list[Statement]:
    found = [s for share, s in candidates(bench, pieces[0]) if share >= 0.5] if pieces else []
    return [s for s in found if s.sort in _SORTS and not any(missing(bench, piece, s) for piece in pieces)]


def _touch(one: Interval, other: Interval) -> bool:
    return one.t0 <= other.t1 + _TOLERANCE_US and other.t0 <= one.t1 + _TOLERANCE_US
