"""How many of the cited records or frames are as a claim says: counted anew."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.verify.amounts import Amount, amounts
from app.verify.bench import Bench
from app.verify.reading import Kind
from app.verify.statements import Statement
from app.verify.times import Moment, same_moment

_NUMBER = (
    r"\d{1,4}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|none|not one|not a single one|all|both"
)
_KIND = r"(?P<kind>(?:work )?orders?|tickets?|jobs?|tasks?|alerts?|alarms?|frames?|images?|pictures?|shots?|stills?|snapshots?)"
_SOME_OF = re.compile(
    rf"\b(?P<some>{_NUMBER})(?: out)? of (?:the |these |those )?(?:(?P<all>{_NUMBER}) )?(?:cited |listed )?{_KIND}\b",
    re.I,
)
_OF_ALL = re.compile(
    rf"\b(?:of|among|amongst|out of) (?:all |the |these |those )*(?P<all>{_NUMBER}) (?:cited |listed )?{_KIND}\b[^;]*?"
    rf"(?:,|:|\bin|\bonly|\bexactly)\s*(?:just |only |exactly )?(?P<some>{_NUMBER})\b(?! of)",
    re.I,
)
_OF_WHICH = re.compile(
    rf"\b(?P<all>{_NUMBER}) (?:cited |listed )?{_KIND}\b[^;]*?\bof (?:which|them|these|those),? "
    rf"(?:just |only |exactly )?(?P<some>{_NUMBER})\b",
    re.I,
)
_OUT_OF = re.compile(rf"\b(?P<some>{_NUMBER}) {_KIND} (?:out )?of (?:the |these |those )?(?P<all>{_NUMBER})\b", re.I)
_LISTED = re.compile(
    rf"(?::|\b(?:and|or) [A-Z]+-\d+,)\s*(?:only |just |exactly )?(?P<some>{_NUMBER}) (?:of them )?(?:is|are|was|were)\b",
    re.I,
)
_BOTH = re.compile(
    rf"\b(?P<some>both)(?: of)?(?: the| these| those)?(?: (?P<all>two))? (?:cited |listed )?{_KIND}\b", re.I
)
_SORTS = {
    "order": "row",
    "ticket": "row",
    "job": "row",
    "task": "row",
    "shot": "frame",
    "still": "frame",
    "snapshot": "frame",
} | {"order": "row", "alert": "alert", "alarm": "alert", "frame": "frame", "image": "frame", "picture": "frame"}
_FEWEST = 3
_KIND_KEYS = frozenset(["order", "alarm", "frame", "notice"])


class Counted(NamedTuple):
    """What counting gave: `why` the claim's count does not stand ("" when it does), and what was counted."""

    why: str
    told: str


def count(bench: Bench, kinds: tuple[str, ...]) -> Counted | None:
    """Check "two of the three work orders … are closed"; None for a claim that counts nothing so. `kinds`: those of the exhibits."""
    match = next((m for p in (_OF_WHICH, _OUT_OF, _OF_ALL, _SOME_OF, _BOTH) if (m := p.search(bench.claim.text))), None)
    if match is None:
        return _listed(bench, kinds)
    return _counted(
        bench, kinds, _SORTS[re.sub(r"^work |s$", "", match["kind"].lower())], match["some"], match["all"] or ""
    )


def _listed(bench: Bench, kinds: tuple[str, ...]) -> Counted | None:
    """Check "Of WO-1, WO-2 and WO-3: one is open", whose kind is that of all that is cited."""
    match = _LISTED.search(bench.claim.text)
    few = len({p.key for p in bench.claim.of(Kind.TAG)}) < _FEWEST
    if match is None or few or len(set(kinds)) != 1 or kinds[0] not in _SORTS.values():
        return None
    return _counted(bench, kinds, kinds[0], match["some"], "")


def _counted(bench: Bench, kinds: tuple[str, ...], sort: str, told_some: str, told_all: str) -> Counted:
    records = _records(bench, [n for n, kind in enumerate(kinds) if kind == sort])
    words = [p.key for p in bench.claim.of(Kind.WORD) if p.key not in _KIND_KEYS]
    names = {p.key for p in bench.claim.of(Kind.NAME)}
    fitting = [s for s in records if all(bench.knows(w, s.vocabulary) for w in words)]
    some, whole = _number(told_some, len(records)), _number(told_all, len(records))
    told = f"{len(fitting)} of {len(records)} cited"
    listed = len({p.key for p in bench.claim.of(Kind.TAG)}) or len(records)
    # "both are not closed" denies, and counts nothing
    right = (
        not bench.claim.of(Kind.NOT)
        and some == len(fitting)
        and whole in (None, len(records))
        and listed == len(records)
    )
    right = right and all(_happened(bench, p.moment, records) for p in bench.claim.parts if p.moment and p.moment.clock)
    right = right and not (sort == "frame" and _many(bench, records, told_some, told_all))
    # what a frame does not show may still have been there
    right = (
        right and bool(words) and all(names & s.names or not names for s in records) and (sort != "frame" or some != 0)
    )
    return Counted("" if right else f"counted in what is cited it is {told}", told)


def _happened(bench: Bench, moment: Moment, records: list[Statement]) -> bool:
    """Whether a time that a count goes with is one of the records counted."""
    return any(f.instant and same_moment(moment, f.instant, bench.zone) for s in records for f in s.facts)


def _many(bench: Bench, records: list[Statement], *told: str) -> bool:
    """Whether a claim says of a thing how many there are, and no frame says so: "two vests in 2 of the 3 frames"."""
    counted = {_number(one, 0) for one in told}
    others = [(p.amount.value, at) for at, p in enumerate(bench.claim.parts) if p.amount and not p.amount.unit]
    for one in counted:
        others = _without(others, one)
    return any(value > 1 and not _shown(bench, at, value, records) for value, at in others)


def _without(others: list[tuple[float, int]], value: float | None) -> list[tuple[float, int]]:
    """All but the last that is of this value: "two forklifts in two of the three frames" counts its frames behind its things."""
    last = max((n for n, (other, _) in enumerate(others) if other == value), default=None)
    return [each for n, each in enumerate(others) if n != last]


def _shown(bench: Bench, at: int, value: float, records: list[Statement]) -> bool:
    """Whether a frame shows so many of the thing that stands behind a number of the claim."""
    thing = next((p.key for p in bench.claim.parts[at + 1 : at + 3] if p.kind is Kind.WORD), "")
    counts = (f for s in records for f in s.facts if f.role == "count" and f.amount and thing in f.counted)
    return any(f.amount is not None and f.amount.value == value for f in counts)


def _records(bench: Bench, cited: list[int]) -> list[Statement]:
    found = {s.exhibit: s for s in bench.statements if s.sort in ("record", "frame") and s.exhibit in cited}
    return list(found.values())


def _number(written: str, whole: int) -> float | None:
    low = written.lower()
    if not low:
        return None
    if low in ("all", "both"):
        return float(whole)
    if low in ("none", "not one", "not a single one", "one"):
        return float(low == "one")
    found: list[Amount] = list(amounts(low))
    return found[0].value if found else None
