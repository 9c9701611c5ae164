"""Which statement of the evidence a piece of a claim rests on, and whether its figures are said there of the same thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.verify.amounts import Amount, same_amount, same_kind
from app.verify.bench import RECORDED, Bench, candidates
from app.verify.calendar import length_from
from app.verify.cues import amount_role, amount_role_fits, counts_things, moment_role, moment_role_fits
from app.verify.reading import Kind, Part
from app.verify.segments import Segment
from app.verify.series import stretches
from app.verify.statements import Fact, Statement, counted
from app.verify.times import Moment, same_day, same_moment
from app.verify.units import dimension, units_in
from retrieval.times import to_datetime
from retrieval.types import Interval

# of what a piece of a claim says, this share must stand in the statement its figures stand in
_COVERED = 0.3
# a better matching statement with another figure of the same kind wins when it is better by this much
_BETTER = 0.15
_BEYOND = frozenset(["exceed", "below", "cross", "limit"])

_HELD = re.compile(r"\bfor\s+(?:(?:about|around|some|roughly|nearly|almost)\s+)?$", re.I)

_THE = re.compile(r"\b(?:the|these|those)\s+$", re.I)
_SPAN = re.compile(r"\b(?:from|since|until|till)\b", re.I)
_ENDS = 2
# a time is of its sentence as far as so many parts back
_BACK = 60
_EXTREMES = frozenset(["first", "last", "max", "min"])


class Bound(NamedTuple):
    """What became of one figure: the statements it stands in; `why` it does not ("" when it does); how it was computed."""

    why: str = ""
    computed: str = ""


def figures_of(bench: Bench, segment: Segment) -> list[int]:
    """The places of the numbers and times of a piece among the claim's parts."""
    return [i for i in range(segment.first, segment.last) if bench.claim.parts[i].amount or bench.claim.parts[i].moment]


def bind(bench: Bench, segment: Segment) -> list[Bound]:
    """Bind every figure of a piece to what it rests on; together they must stand in one statement."""
    found = candidates(bench, segment)
    places = figures_of(bench, segment)
    bounds = [_bind_one(bench, segment, at, found) for at in places]
    places = [*_carried(bench, segment), *(at for at in places if not _counts_named(bench, at))]
    if len(places) > 1 and all(not b.why for b in bounds) and not _together(bench, segment, places, found):
        told = " and ".join(bench.claim.parts[i].text.strip() for i in places)
        return [Bound(f"{told} do not stand together in what is cited")]
    return bounds


def _carried(bench: Bench, segment: Segment) -> list[int]:
    """The places of the times told before a piece in its sentence, where several windows of a series could be meant."""
    parts = bench.claim.parts
    own = parts[segment.first : segment.last]
    if any(p.moment for p in own) or not any(p.amount for p in own):
        return []
    if not any(s.sort == "part of series" for s in bench.statements):
        return []
    found: list[int] = []
    for at in reversed(range(max(0, segment.first - _BACK), segment.first)):
        if parts[at].kind is Kind.BREAK and parts[at].key in ".;!?":
            break
        if (moment := parts[at].moment) and moment.clock:
            found.insert(0, at)
    # of two stretches beside each other, either may be meant
    return found if len(found) <= _ENDS else []


def _bind_one(bench: Bench, segment: Segment, at: int, found: Sequence[tuple[float, Statement]]) -> Bound:
    part = bench.claim.parts[at]
    holding = [(c, s, f) for c, s in found for f in s.facts if _stands(bench, at, f, s)]
    best = max((c for c, _, _ in holding), default=-1.0)
    if part.amount and _counts_named(bench, at):
        return Bound()
    if part.amount and (best < _COVERED or segment.tags) and _counts_exhibits(bench, segment, at):
        return Bound(computed=f"{part.text.strip()}: counted in what is cited")
    if not holding:
        return Bound(_nowhere(bench, part, found))
    rivals = [c for c, s in found if not s.sort.startswith("part") and _rivals(bench, at, s)]
    if best < _COVERED or max(rivals, default=0.0) - best > _BETTER:
        return Bound(f"{part.text.strip()} is said of something else in what is cited")
    if part.moment and found[0][0] - best > _BETTER and all(s.exhibit != found[0][1].exhibit for _, s, _ in holding):
        return Bound(f"{part.text.strip()} is the time of something else in what is cited")
    fact = next(f for c, _, f in holding if c == best)
    return Bound(computed=f"{part.text.strip()}: {fact.told}" if fact.computed and fact.told else "")


def _stands(bench: Bench, at: int, fact: Fact, statement: Statement) -> bool:
    part = bench.claim.parts[at]
    if statement.sort == "part of series" and not any(p.moment and p.moment.clock for p in bench.claim.parts):
        return False
    # "above its limit from 02:30" says since when: that the window began then does not make it so
    if part.moment and "series" in statement.sort and fact.role not in ("start", "end") and _throughout(bench, at):
        return False
    if (
        part.moment
        and "series" in statement.sort
        and moment_role(bench.claim, at) == "edge"
        and not _so_long(bench, at, fact, statement)
    ):
        return False
    # a page of a log is of the site's own day
    if (
        part.moment
        and part.moment.clock is None
        and statement.sort == "sentence"
        and _other_day(bench, part.moment, fact)
    ):
        return False
    if part.amount and fact.amount:
        return _amount_stands(bench, at, part.amount, fact, statement)
    return part.moment is not None and bool(fact.instant or fact.span) and _moment_stands(bench, at, part.moment, fact)


def _so_long(bench: Bench, at: int, fact: Fact, statement: Statement) -> bool:
    """Whether a statement is of the stretch that a time begins and whose length is told ("in the hour after 02:00")."""
    length = length_from(bench.claim.text, bench.claim.parts[at].start) * 1_000_000
    ends = [f.instant.at for f in statement.facts if f.role == "edge end" and f.instant and f.instant.at is not None]
    begin = fact.instant.at if fact.instant else None
    return fact.role == "edge start" and begin is not None and any(end - begin == length for end in ends)


def _other_day(bench: Bench, claimed: Moment, fact: Fact) -> bool:
    if fact.instant is None or fact.instant.at is None or claimed.day is None or claimed.zone == "UTC":
        return False
    at = to_datetime(fact.instant.at, bench.zone)
    return not same_day(claimed.day, (at.year, at.month, at.day)) or claimed.weekday not in (None, at.weekday())


def _amount_stands(bench: Bench, at: int, claimed: Amount, fact: Fact, statement: Statement) -> bool:
    known = fact.amount
    if known is None or not same_amount(claimed, known, fact.computed):
        return False
    if claimed.unit and known.unit is None and claimed.unit not in _units(statement):
        return False
    # "19 samples" is no reading of 19 A
    if claimed.unit is None and known.unit and counts_things(bench.claim, at):
        return False
    role = amount_role(bench.claim, at)
    # a rule's limit is what may not be passed; what samples did not pass is their maximum
    role = "max" if role == "cap" and "series" in statement.sort else role
    if fact.role in ("count", "beyond") and claimed.unit:
        return False
    # how many samples there are is not how many lie above the limit
    beyond = any(p.key in _BEYOND for p in bench.claim.parts)
    if fact.role == "beyond" or (fact.role == "count" and "series" in statement.sort and beyond):
        return fact.role == "beyond" and beyond and role in ("", "bound")
    if fact.role in ("duration", "count"):
        return role in ("", "mean", "bound") and _same_count(bench, at, fact)
    counts = claimed.unit is None and role != "year"
    return amount_role_fits(role, fact.role) and (not counts or _same_count(bench, at, fact))


def _units(statement: Statement) -> set[str | None]:
    """Units that stand in a statement away from its numbers ("vibration (mm/s): 7.1"), not those that belong to one."""
    text = statement.reading.text
    for part in statement.reading.parts:
        if part.amount:
            text = text[: part.start] + "0" * (part.end - part.start) + text[part.end :]
    return units_in(text)


def _same_count(bench: Bench, at: int, fact: Fact) -> bool:
    claimed = counted(bench.claim, at)
    return not claimed or not fact.counted or any(bench.knows(w, fact.counted) for w in claimed)


def _moment_stands(bench: Bench, at: int, claimed: Moment, fact: Fact) -> bool:
    if fact.span is not None:
        slack = claimed.slack_s * 1_000_000
        first, last = fact.span.t0 - slack, fact.span.t1 + slack
        wide = Interval(first - 60_000_000, last + 1_000_000)
        if any(a < last and first < b for a, b in stretches(claimed, wide, bench.zone)):
            return True
    if fact.instant is None or not same_moment(claimed, fact.instant, bench.zone):
        return False
    role = moment_role(bench.claim, at)
    # a date alone may stand anywhere but where its word says another event: "opened on" is not "closed on"
    if claimed.clock is None and (not role or not fact.role):
        return True
    return moment_role_fits(role, fact.role)


def _throughout(bench: Bench, at: int) -> bool:
    """Whether a time is an end of a stretch over which something is said to exceed ("from … to …", not "between … and …")."""
    parts = bench.claim.parts
    if length_from(bench.claim.text, parts[at].start):
        return False
    near = parts[max(0, at - 16) : at + 8]
    # "was never exceeded from … to …" says nothing of when it began
    said = any(p.key == "exceed" and p.kind is Kind.WORD for p in near) and not any(p.kind is Kind.NOT for p in near)
    return said and _SPAN.search(bench.claim.text[max(0, parts[at].start - 48) : parts[at].start]) is not None


def _rivals(bench: Bench, at: int, statement: Statement) -> bool:
    """Whether a statement holds another figure of the same kind that could have been meant."""
    part = bench.claim.parts[at]
    claimed = part.amount
    if claimed is None:
        return _rival_times(bench, at, part.moment, statement)
    role = amount_role(bench.claim, at)
    return any(
        f.amount
        and same_kind(claimed, f.amount)
        and amount_role_fits(role, f.role)
        and (claimed.unit or _same_count(bench, at, f))
        for f in statement.facts
    )


def _rival_times(bench: Bench, at: int, claimed: Moment | None, statement: Statement) -> bool:
    """Whether a statement holds a clock time that could have been meant."""
    if claimed is None or claimed.clock is None:
        return False
    role = moment_role(bench.claim, at)
    return any(f.instant and f.instant.clock and moment_role_fits(role, f.role) for f in statement.facts)


def _together(bench: Bench, segment: Segment, places: Sequence[int], found: Sequence[tuple[float, Statement]]) -> bool:
    """Whether each number of a piece stands in one statement with the times told with it; a limit stands beside anything."""
    parts = bench.claim.parts
    for group in _groups(bench, places):
        bound = [
            i
            for i in group
            if not (parts[i].amount and amount_role(bench.claim, i) in ("limit", "bound"))
            and not ((moment := parts[i].moment) and moment.clock is None)
        ]
        if not any(_paired(bench, bound, s) for _, s in found):
            return False
    return True


def _paired(bench: Bench, places: Sequence[int], statement: Statement) -> bool:
    """Whether figures stand in one statement as the same thing: the first value at the first time, the maximum at its time."""
    options = [{f.role for f in statement.facts if _stands(bench, i, f, statement)} for i in places]
    if not all(options):
        return False
    # a range has its two ends, and each may have its own time
    if [bool(bench.claim.parts[i].moment) for i in places] != [False, True]:
        return True
    value, when = options
    return not (value | when) <= _EXTREMES or bool(value & when)


def _groups(bench: Bench, places: Sequence[int]) -> list[list[int]]:
    """Each number with the times behind it; the times at the head go with every number, two ends of a range with each other."""
    parts = bench.claim.parts
    head: list[int] = []
    groups: list[list[int]] = []
    for place in places:
        if parts[place].moment and not groups:
            head.append(place)
        elif parts[place].moment or (groups and _goes_with(bench, groups[-1], place)):
            groups[-1].append(place)
        else:
            groups.append([place])
    # times alone may be of several frames
    return [head + g for g in groups] or ([[i] for i in head] if _frames(bench) else [head])


def _goes_with(bench: Bench, group: Sequence[int], place: int) -> bool:
    """Whether a number belongs to the one before: the other end of its range, or how long it was held."""
    amount = bench.claim.parts[place].amount
    timed = amount is not None and dimension(amount.unit) == "time"
    held = timed and _HELD.search(bench.claim.text[: bench.claim.parts[place].start][-20:]) is not None
    return held or (len(group) == 1 and amount_role(bench.claim, place) == "to")


def _frames(bench: Bench) -> bool:
    return sum(s.sort == "frame" for s in bench.statements) > 1


def _counts_named(bench: Bench, at: int) -> bool:
    """Whether a number says how many things the claim itself goes on to name: "the two peaks were … (P-1) and … (P-2)"."""
    part = bench.claim.parts[at]
    if (
        part.amount is None
        or part.amount.unit
        or not _THE.search(bench.claim.text[max(0, part.start - 12) : part.start])
    ):
        return False
    named = {kind: {p.key for p in bench.claim.of(kind)} for kind in (Kind.NAME, Kind.TAG)}
    return part.amount.value > 1 and part.amount.value in {float(len(keys)) for keys in named.values()}


def _counts_exhibits(bench: Bench, segment: Segment, at: int) -> bool:
    """Whether a number counts the cited records that are as the piece says."""
    claimed = bench.claim.parts[at].amount
    kinds = [w for w in counted(bench.claim, at) if w in RECORDED]
    if claimed is None or claimed.unit or not kinds:
        return False
    words = segment.words - set(kinds)
    records = {
        s.exhibit
        for s in bench.statements
        if s.sort in ("record", "frame")
        and segment.names <= s.names
        and all(bench.knows(w, s.vocabulary) for w in words)
        and bench.knows(kinds[0], s.context | s.keys)
    }
    return len(records) == claimed.value


def _nowhere(bench: Bench, part: Part, found: Sequence[tuple[float, Statement]]) -> str:
    """What does not stand, and what stands in its place."""
    if part.amount is None:
        return f"{part.text.strip()} does not stand so in what is cited"
    told = [_said(f.amount) for _, s in found[:3] for f in s.facts if f.amount and same_kind(part.amount, f.amount)]
    instead = f"; it says {', '.join(dict.fromkeys(told[:3]))}" if told else ""
    return f"{part.text.strip()} does not stand in what is cited{instead}"


def _said(amount: Amount) -> str:
    return f"{amount.value:.6g} {amount.unit or ''}".strip()
