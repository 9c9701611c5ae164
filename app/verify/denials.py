"""Denials and bounds that follow from a record's fields and times or from samples: "not closed yet", "in less than an hour"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.verify.bench import Bench, eligible
from app.verify.causes import causal
from app.verify.lexicon import opposed
from app.verify.reading import Kind, Part
from app.verify.segments import Segment, segments
from app.verify.series import stretches
from app.verify.statements import Statement
from app.verify.units import converted, dimension
from retrieval.types import Interval, Micros

# words of a record's state: a record whose field holds the opposite denies them
_STATES = frozenset("close open high low medium critical urgent normal".split())
_ENDED = frozenset("clear close end release".split())
# words denied by a sentence that says the opposite
_OPPOSED = frozenset(["run"])
_NO_CAUSE = re.compile(
    r"(?:\w+n['’]t|not|no|never)(?: yet)? (?:state|give|name|say|tell|mention|record|provide|establish\w*|known?)?\s*(?:the |a |any )?"
    r"(?:root )?(?:cause|reason)\b",
    re.I,
)
# "does not say the cause was under investigation" denies that, and not that a cause is given
_SAID_OF_IT = re.compile(r"[^.;,]*?\bcause\b[^.;,]*?\b(?:is|was|were|has been|had been|remains?|remained)\b", re.I)
_LOOKED_INTO = re.compile(
    r"\b(?:under investigation|being investigated|not (?:yet )?known|unknown|to be established)\b", re.I
)
_ABOVE = frozenset("exceed cross reach".split())
_UNDER = frozenset("fall sink_to below".split())
_FEWER = re.compile(
    r"\b(?:less|fewer|shorter|lower) than|\bunder|\bwithin|\binside(?: of)?|\bat (?:the )?most|\bno (?:more|longer) than|\bup to|"
    r"\bnot (?:even )?(?:up )?(?:for )?(?:a )?(?:full|whole)|\bnot as (?:much|long) as|\ba maximum of",
    re.I,
)
_MORE = re.compile(
    r"\b(?:more|longer|greater) than|\bover|\bat (?:the )?least|\bno less than|\bupwards of|\bin excess of|\bbeyond|\bexceeded",
    re.I,
)
_NOT_ENOUGH = re.compile(r"^\s*(?:was|is|were|would)(?:n['’]t| not) (?:have been )?enough\b", re.I)
# what follows a length of time that lies between two events: no record lasted so long
_HEDGED = re.compile(r"\b(?:just|a little|a bit|a shade|slightly|marginally|somewhat|barely|hardly|not much)\s*$", re.I)
_APART = re.compile(r"\s*(?:after|before|later|earlier|lay|lie|between|from|passed|elapsed|apart|separat)", re.I)
_LEADS = re.compile(r"(?:\s+(?:an?|one|the|some|about|for))*\s*$", re.I)
_STANDING = re.compile(
    r"\b(?:still|active|in alarm|standing|ongoing|in force|in progress|uncleared|unresolved)\b", re.I
)
# all that a piece may say of a record that it says was so at a time
_BARE = frozenset(["activ", "alarm", "open", "order"])
_CHANGES = frozenset("raise clear open_event close begin end trip stop release".split())
# "no closing time" denies that a record is closed
_NO_END = re.compile(r"\s*(?:(?:recorded|known|stated)\s+)?(?:clos(?:ing|ed)\s+(?:time|date)|closure)\b", re.I)
_REACH = 6
_MINUTE_US = 60_000_000
# what may stand between a "not" and the state that it denies
_LINKING = frozenset("yet be been being currently still a an the at of in as listed marked set put given fully".split())


class _Lasted(NamedTuple):
    """When a record began and ended, UTC microseconds."""

    start: Micros | None
    end: Micros | None


def accounted(bench: Bench) -> frozenset[int]:
    """The places of a claim's parts that are accounted for: what they deny or bound follows from what is cited."""
    found: set[int] = set()
    for segment in segments(bench.claim):
        about = [s for s in bench.statements if eligible(segment, s)]
        for at in range(segment.first, segment.last):
            part = bench.claim.parts[at]
            if part.kind is Kind.NOT:
                found |= _state(bench, segment, at, about) | _kept(bench, segment, at, about)
                found |= _contrary(bench, segment, at, about) | _unstated(bench, segment, at)
            elif part.amount:
                found |= _bounded(bench, at, about)
            elif part.moment and part.moment.clock:
                found |= _at_time(bench, segment, at, about)
    return frozenset(found)


def _after(bench: Bench, at: int, last: int) -> Iterator[tuple[int, Part]]:
    """The words that a "not" may speak of, nearest first; to the end of its piece."""
    for i in range(at + 1, min(last, at + 1 + 2 * _REACH)):
        if bench.claim.parts[i].kind is Kind.WORD:
            yield i, bench.claim.parts[i]


def _state(bench: Bench, segment: Segment, at: int, about: Sequence[Statement]) -> set[int]:
    """ "Not closed": settled where the field of every record it can be about holds the opposite."""
    nearest = next(_after(bench, at, segment.last), None)
    values = [{v for _, v in s.fields} for s in about if s.fields]
    # "no high pressure" denies a pressure, not a state
    denial = bench.claim.parts[at]
    if denial.text.lower() in ("no", "without") and not _NO_END.match(bench.claim.text, denial.end):
        return set()
    # "did not find that the valve was open" denies a finding, not a state
    if nearest is None or nearest[1].key not in _STATES or not values or _deed(bench, at):
        return set()
    i, part = nearest
    if any(p.text.lower() not in _LINKING for p in bench.claim.parts[at + 1 : i]):
        return set()
    stands = all(opposed(part.key) & _STATES & held and part.key not in held for held in values)
    return {at, i} if stands else set()


def _deed(bench: Bench, at: int) -> bool:
    """Whether "did not open" denies a deed, where "is not open" denies a state."""
    near = [p.text.lower() for p in bench.claim.parts[max(0, at - 1) : at + 1]]
    return any(re.match(r"(?:did|do|does)(?:n['’]t)?$", word) for word in near)


def _contrary(bench: Bench, segment: Segment, at: int, about: Sequence[Statement]) -> set[int]:
    """ "Did not run": settled where a sentence says that it stood still."""
    denied = next(((i, p) for i, p in _after(bench, at, segment.last) if p.key in _OPPOSED), None)
    if denied is None:
        return set()
    i, part = denied
    told = [s for s in about if s.sort == "sentence" and opposed(part.key) & s.polarity.said and part.key not in s.keys]
    return {at, i} if told else set()


def _unstated(bench: Bench, segment: Segment, at: int) -> set[int]:
    """ "Does not state the cause": settled where the evidence says that it is looked into, and gives none of the same thing."""
    told = [s for s in bench.statements if s.sort == "sentence" and (not segment.names or segment.names & s.names)]
    following = bench.claim.text[bench.claim.parts[at].start :]
    if not _NO_CAUSE.match(following) or _SAID_OF_IT.match(following) or any(causal(s.reading.text) for s in told):
        return set()
    return {at} if any(_LOOKED_INTO.search(s.reading.text) for s in told) else set()


def _kept(bench: Bench, segment: Segment, at: int, about: Sequence[Statement]) -> set[int]:
    """ "Never exceeded its limit", "did not fall below 2 bar": settled where all samples keep to it."""
    words = list(_after(bench, at, len(bench.claim.parts)))
    over = next((i for i, p in words if p.key in _ABOVE), None)
    under = next((i for i, p in words if p.key in _UNDER), None)
    place = under if over is None else over if under is None else min(over, under)
    runs = [s for s in about if "series" in s.sort]
    if place is None or not runs:
        return set()
    limit = any(p.key == "limit" for p in bench.claim.parts[segment.first : segment.last])
    if limit:
        return _against_limit(bench, at, place, place == over, runs)
    told = next((i for i in range(place, segment.last) if bench.claim.parts[i].amount), None)
    if told is None or not _all_beyond(bench, told, "max" if place == over else "min", runs):
        return set()
    return {at, told} | {i for i, _ in words if i <= told}


def _against_limit(bench: Bench, at: int, place: int, over: bool, runs: Sequence[Statement]) -> set[int]:
    """Against the limit of the cited samples themselves: "not over it", or "not below it" where they were over it."""
    known = [k for s in runs if (k := _extreme(s, "max")) is not None]
    limits = [f.amount.value for s in runs for f in s.facts if f.role == "limit" and f.amount]
    if not known or not limits:
        return set()
    kept = max(known) <= min(limits)
    return {at, place} if kept is over else set()


def _extreme(statement: Statement, role: str) -> float | None:
    return next((f.amount.value for f in statement.facts if f.role == role and f.amount), None)


def _all_beyond(bench: Bench, told: int, role: str, runs: Sequence[Statement]) -> bool:
    """Whether every sample lies on the right side of a bound, to the digits the bound is given with."""
    amount = bench.claim.parts[told].amount
    if amount is None:
        return False
    for statement in runs:
        fact = next((f.amount for f in statement.facts if f.role == role and f.amount), None)
        if fact is None:
            continue
        value = converted(fact.value, fact.unit, amount.unit) if fact.unit and amount.unit else fact.value
        # what was reached was not "not reached"
        reached = any(p.key == "reach" for p in bench.claim.parts[max(0, told - _REACH) : told])
        slack = -amount.step / 2 if reached else amount.step / 2
        if value is None or (value > amount.value + slack if role == "max" else value < amount.value - slack):
            return False
    return any(_extreme(s, role) is not None for s in runs)


def _bounded(bench: Bench, at: int, about: Sequence[Statement]) -> set[int]:
    """ "Less than an hour": settled where a record lasted so long, with the words that bound it."""
    part = bench.claim.parts[at]
    if part.amount is None or dimension(part.amount.unit) != "time":
        return set()
    seconds = converted(part.amount.value, part.amount.unit or "", "s") or 0.0
    # "not up for a full hour" bounds it as "for not a full hour" does
    full = "a full" if part.text.lower().startswith(("a full", "a whole")) else ""
    head = _LEADS.sub("", bench.claim.text[max(0, part.start - 40) : part.start] + full)
    fewer, more = _last(_FEWER, head), _last(_MORE, head)
    enough = _NOT_ENOUGH.match(bench.claim.text[part.end :])
    if (fewer is None and more is None and enough is None) or _APART.match(bench.claim.text[part.end :]):
        return set()
    begun = fewer if fewer is not None else more
    # "a little over 57 seconds" is about as much, and no bound alone
    if begun is not None and _HEDGED.search(head[:begun]):
        return set()
    lasted = [f.amount.value for s in about for f in s.facts if f.role == "duration" and f.amount]
    stands = [v < seconds if fewer is not None and not enough else v > seconds for v in lasted]
    if not stands or not all(stands):
        return set()
    begin = part.start - len(head) + (fewer if fewer is not None else more or len(head)) - 8
    end = part.end + (enough.end() if enough else 0)
    return {i for i, p in enumerate(bench.claim.parts) if begin <= p.start < end and _bounding(p)} | {at}


def _bounding(part: Part) -> bool:
    return part.kind in (Kind.NOT, Kind.LIGHT) or part.text.lower() in _BOUNDING


_BOUNDING = frozenset(
    "less fewer shorter more longer greater than under over within least most full whole enough beyond".split()
)


def _last(pattern: re.Pattern[str], head: str) -> int | None:
    """Where a bound stands right before an amount; None where it does not."""
    found = [m for m in pattern.finditer(head) if m.end() == len(head.rstrip())]
    return found[0].start() if found else None


def _at_time(bench: Bench, segment: Segment, at: int, about: Sequence[Statement]) -> set[int]:
    """ "Still active at 05:10", "not cleared until 05:20", "by 05:20 it had cleared"."""
    moment = bench.claim.parts[at].moment
    records = [(s, t) for s in about if s.sort == "record" and (t := _lasted(s)).start is not None]
    if moment is None or not records:
        return set()
    lead = bench.claim.text[: bench.claim.parts[at].start].lower().rstrip().rsplit(" ", 1)[-1]
    ended = [i for i in range(segment.first, segment.last) if bench.claim.parts[i].key in _ENDED]
    denial = next((i for i in range(segment.first, at) if bench.claim.parts[i].kind is Kind.NOT), None)
    if denial is not None and ended and lead in ("until", "till", "before", "by"):
        held = [t.end is None or _times(bench, at, Interval(t.start or 0, t.end + _MINUTE_US)) for _, t in records]
        words = [i for i in range(segment.first, at) if bench.claim.parts[i].text.lower() == lead]
        return {denial, at, *words} if all(held) else set()
    changes = _CHANGES & segment.words
    if (
        denial is None
        and not changes
        and segment.words <= _BARE
        and lead in ("at", "stood", "around", "about")
        and _STANDING.search(segment.text)
    ):
        inside = [_times(bench, at, Interval(t.start or 0, t.end or (t.start or 0) + 1)) for _, t in records]
        return {at} if any(inside) else set()
    if denial is None and ended and lead == "by":
        over = [
            t.end is not None and _times(bench, at, Interval(t.end - _MINUTE_US, t.end + 60 * _MINUTE_US))
            for _, t in records
        ]
        return {at} if any(over) else set()
    return set()


def _lasted(statement: Statement) -> _Lasted:
    times = {f.role: f.instant.at for f in reversed(statement.facts) if f.instant and f.instant.at is not None}
    return _Lasted(times.get("start"), times.get("end"))


def _times(bench: Bench, at: int, span: Interval) -> bool:
    """Whether a claim's time falls within a span, in one of the zones it may be told in."""
    moment = bench.claim.parts[at].moment
    return moment is not None and bool(stretches(moment, Interval(span.t0 - _MINUTE_US, span.t1), bench.zone))
