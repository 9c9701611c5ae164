"""Whether what a claim puts in order happened in that order, and so long apart as it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.verify.amounts import Amount, same_amount
from app.verify.bench import Bench, candidates, missing
from app.verify.calendar import LENGTH_FROM
from app.verify.reading import Kind, Part
from app.verify.segments import Segment, piece, segments
from app.verify.statements import Statement
from app.verify.times import same_moment
from app.verify.units import dimension

# "6 minutes into AL-1"
_INTO = r"(?:(?<=minutes )|(?<=minute )|(?<=min )|(?<=hours )|(?<=hour )|(?<=seconds )|(?<=\d s )|(?<=\d h ))into"
_AFTER = re.compile(
    rf"\b(?:after|{_INTO}|preceded by|following(?!\s*:)|"
    r"once(?! (?:more|again|between|in|from)\b)|later than|since)\b",
    re.I,
)
_BEFORE = re.compile(r"\b(?:before|preced(?:ed|es|ing)(?! by\b| it\b)|prior to|ahead of|earlier than|until)\b", re.I)
_FIRST = re.compile(r"\s*first\b,?(?P<one>[^;]+);(?P<two>.+)", re.I | re.S)
_THEN = re.compile(r"\b(?:then|followed(?: by)?|(?<!\ba )(?<!\bthe )later|afterwards?|subsequently|whereupon)\b", re.I)
_BETWEEN = re.compile(
    r"\b(?:between|separat(?:es?|ed|ing)|from)\b(?P<one>.{1,120}?)\b(?:and|from|to|until|till)\b(?P<two>.{1,160})",
    re.I | re.S,
)
# "A and B were raised 20 minutes apart"
_APART = re.compile(r"^(?P<one>.{1,120}?)\band\b(?P<two>.{1,160}?)\bapart\b", re.I | re.S)
# "When B came, A had already gone": what is told in the pluperfect came first
_WHEN = re.compile(r"\b(?:when|by the time)\b", re.I)
_ALREADY = re.compile(r"\b(?:already|by the time|had been)\b", re.I)
_SET_APART = re.compile(
    r"\b(?:between|apart|separat\w+|elapsed|passed|went by|lay|later|took|gap|interval|afterwards?)\b", re.I
)
_FOLLOWED = re.compile(r"\b(?:followed|follows|came after|comes after)\b(?! by)", re.I)
_JOINT = re.compile(r"\b(?:and(?!\s+\d)|but|then)\b|[,;]", re.I)
_GAP = re.compile(
    r"^\s*(?:it (?:was|took) )?(?:(?:about|around|some|roughly|just|only|exactly|approximately|nearly|almost|over|under|"
    r"a little|slightly|more|less|"
    r"than|shortly|soon|immediately|right|straight|not long)\s+)*"
    r"(?:(?:half an|[\w.]+|an hour and a half|three quarters of an|a quarter of an)[\s-]+(?:seconds?|minutes?|mins?|"
    r"hours?|days?|weeks?|h|s)\b[\s,]*(?:and\s+)?){0,3}",
    re.I,
)
_STARTS = frozenset(["raise", "open_event", "begin"])
# "At 05:07 UTC, …"
_TIMED = re.compile(
    r"^\s*(?:at|on)\s+[\d:./-]+(?:\s*(?:[ap]m|UTC|[A-Z]{2,4}T|local time|site time|\(local\)))*,\s*", re.I
)
_ENDS = frozenset(["clear", "end", "close", "releas"])


# the tag of a record, and a length of time
_EVENT = re.compile(r"\b[A-Z]{1,6}-\d+\b")
_LONG = re.compile(r"(?<!\d:)\b[\w.]+[\s-]+(?:seconds?|minutes?|mins?|min|hours?|hrs?|days?|weeks?)\b", re.I)


# "in the hour after 07:00" puts nothing in order
_STRETCH = re.compile(
    LENGTH_FROM.pattern.removesuffix("\\s*$") + r"(?=\s+(?:about |around |the )?(?:\d|noon|midnight|[A-Z][a-z]+ \d))",
    re.I,
)


class Order(NamedTuple):
    """Spans of a text: what came first, what came second, and the words that say so."""

    first: tuple[int, int]
    second: tuple[int, int]
    marker: str
    at: int
    kind: str = "then"


class Sequenced(NamedTuple):
    """`why` an order does not stand ("" when it does), whether the contrary is known, and the places of parts that it settles."""

    why: str
    contrary: bool = False
    settled: frozenset[int] = frozenset()


def ordered(text: str) -> Order | None:
    """The order that a text gives; None when it gives none."""
    active = _FOLLOWED.search(text)
    head = _FIRST.match(text)
    if head:
        return Order(head.span("one"), head.span("two"), "first", 0)
    if active and re.search(r"\w", text[active.end() :]):
        return Order((active.end(), len(text)), (0, active.start()), active[0], active.start())
    told = _pluperfect(text) or _set_apart(text)
    if told:
        return told
    kinds = (("after", _AFTER), ("before", _BEFORE), ("then", _THEN))
    found = [(m.start(), at, kind, m) for at, (kind, p) in enumerate(kinds) if (m := p.search(text))]
    if not found:
        return None
    _, _, kind, match = min(found, key=lambda one: one[:2])
    left, right = (0, match.start()), (match.end(), len(text))
    # "Six minutes after A, B": the gap stands at the head
    if not _GAP.sub("", _TIMED.sub("", text[: match.start()])).strip(" ,"):
        comma = text.find(",", match.end())
        if comma < 0:
            return None
        left, right = (comma, len(text)), (match.end(), comma)
    elif kind == "then" and not re.search(r"\w", text[match.end() :]):
        left, right = _parted(text, match.start())
    first, second = (right, left) if kind == "after" else (left, right)
    return Order(first, second, match[0], match.start(), kind)


def _pluperfect(text: str) -> Order | None:
    """ "When B was raised, A had already cleared"; None where a text says no such thing."""
    when = _WHEN.search(text)
    if when is None or not _ALREADY.search(text):
        return None
    before = re.search(r"\w", text[: when.start()]) is not None
    comma = text.find(",", when.end())
    if not before and comma < 0:
        return None
    there = (when.end(), len(text) if before else comma)
    return Order((0, when.start()) if before else (comma, len(text)), there, when[0], when.start())


def _set_apart(text: str) -> Order | None:
    """ "20 minutes lay between A and B": so long apart, in whichever order; None where no time stands with it."""
    match = _BETWEEN.search(text) or _APART.search(text)
    tagged = match is not None and all(_EVENT.search(match[side]) for side in ("one", "two"))
    if match is None or not tagged or not _LONG.search(text):
        return None
    return Order(match.span("one"), match.span("two"), match[0][:7].strip(), match.start(), "between")


def _parted(text: str, end: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """ "… raised and cleared 20 minutes later": the two sides of the last joint before a marker at the end."""
    joints = list(_JOINT.finditer(text, 0, end))
    return ((0, joints[-1].start()), (joints[-1].end(), end)) if joints else ((0, end), (end, end))


def sequence(bench: Bench) -> Sequenced | None:
    """Whether the order a claim gives stands; None when it gives none."""
    found = ordered(_STRETCH.sub(lambda m: m[0][: -len(m["mark"])] + " " * len(m["mark"]), bench.claim.text))
    if found is None or _bounds(bench, found):
        return None
    gap = _gap(bench, found)
    if gap is None and (found.kind == "between" or _said_so(bench, found)):
        return Sequenced("") if found.kind != "between" else None
    pieces = segments(bench.claim)
    first, second = (
        _when(bench, [s for s in pieces if _inside(bench, s, span)], span)
        or _when(bench, [piece(bench.claim, span)], span, 1)
        for span in (found.first, found.second)
    )
    if gap is not None and not piece(bench.claim, found.second).items and _repeated(bench, found, gap):
        return Sequenced("", settled=frozenset([gap]))
    if first is None or second is None:
        if _stretches_in_order(bench, found):
            return Sequenced("")
        return Sequenced(f"the cited evidence does not say what was “{found.marker.lower()}” what")
    if found.kind == "between":
        first, second = sorted((first, second))
    if first > second:
        return Sequenced(f"the order is the other way round: “{found.marker.lower()}” does not stand", True)
    if gap is None:
        return Sequenced("")
    apart = Amount((second - first) / 1e6, "s", 1.0, False, 0, 0)
    claimed = bench.claim.parts[gap].amount
    if claimed and same_amount(claimed, apart, True):
        return Sequenced("", settled=frozenset([gap]))
    return Sequenced(
        f"it was {apart.value / 60:.1f} min, not {bench.claim.parts[gap].text.strip()}", True, frozenset([gap])
    )


def _repeated(bench: Bench, found: Order, gap: int) -> bool:
    """ "Seen at 3:10, and again 5 minutes later": the same is said of two pieces, so long apart, the first at its told time."""
    said, claimed = piece(bench.claim, found.first), bench.claim.parts[gap].amount
    saying = [s for _, s in candidates(bench, said) if s.sort == "frame" and not missing(bench, said, s)]
    facts = [(s.exhibit, f.instant) for s in saying for f in s.facts if f.instant and f.instant.at is not None]
    span = found.first
    told = [p.moment for p in bench.claim.parts if p.moment and p.moment.clock and span[0] <= p.start < span[1]]
    firsts = [(n, i) for n, i in facts if not told or any(same_moment(m, i, bench.zone) for m in told)]
    gaps = (((j.at or 0) - (i.at or 0)) / 1e6 for n, i in firsts for m, j in facts if n != m)
    return claimed is not None and any(
        same_amount(claimed, Amount(s, "s", 1.0, False, 0, 0), True) for s in gaps if s > 0
    )


def _bounds(bench: Bench, found: Order) -> bool:
    """Whether "until" or "since" leads to a time: the end of a stretch, not the order of two events."""
    following = [p for p in bench.claim.parts if p.start >= found.at + len(found.marker)]
    # a time that is accounted for already stands there as nothing but its digits
    if following and following[0].text[:1].isdigit() and following[0].kind is Kind.LIGHT:
        return True
    # "cleared after 11 minutes" says how long it lasted
    if found.kind == "after" and following and _lone_duration(following):
        return True
    after = next((p for p in following if p.kind is not Kind.LIGHT), None)
    return found.marker.lower() in ("until", "since") and after is not None and after.moment is not None


def _stretches_in_order(bench: Bench, found: Order) -> bool:
    """Whether both sides tell of stretches of the cited series themselves, the earlier one first."""
    clocks = []
    for span in (found.first, found.second):
        told = [
            p.moment.clock for p in bench.claim.parts if p.moment and p.moment.clock and span[0] <= p.start < span[1]
        ]
        clocks.append(told)
    series = all("series" in s.sort or s.sort == "computed" for s in bench.statements)
    return series and all(len(told) == 2 for told in clocks) and clocks[0][0][:2] < clocks[1][0][:2]


def _lone_duration(parts: Sequence[Part]) -> bool:
    told = [p for p in parts if p.kind not in (Kind.LIGHT, Kind.BREAK)]
    return len(told) == 1 and _timed(told[0])


def _timed(part: Part) -> bool:
    return part.amount is not None and dimension(part.amount.unit) == "time"


def _gap(bench: Bench, found: Order) -> int | None:
    """The place of a duration right before the marker: "20 minutes after"."""
    for at, part in enumerate(bench.claim.parts):
        timed = _timed(part) and part.end <= found.at
        if timed and not re.search(r"\w", bench.claim.text[part.end : found.at]):
            return at
    lengths = [i for i, p in enumerate(bench.claim.parts) if _timed(p)]
    apart = found.kind == "between" or _SET_APART.search(bench.claim.text)
    return lengths[0] if apart and len(lengths) == 1 else None


def _inside(bench: Bench, segment: Segment, span: tuple[int, int]) -> bool:
    """Whether most of a piece lies in a span."""
    parts = [
        p for p in bench.claim.parts[segment.first : segment.last] if p.kind not in (Kind.LIGHT, Kind.BREAK, Kind.QUOTE)
    ]
    held = [p for p in parts if span[0] <= p.start < span[1]]
    return 2 * len(held) >= len(parts) and bool(held)


def _said_so(bench: Bench, found: Order) -> bool:
    """Whether a statement of the evidence gives the same order in its own words."""
    pieces = segments(bench.claim)
    for statement in bench.statements:
        theirs = ordered(statement.reading.text)
        if theirs is None or statement.sort in ("frame", "series"):
            continue
        mine = [_keys(bench.claim.parts, span) for span in (found.first, found.second)]
        known = [_keys(statement.reading.parts, span) for span in (theirs.first, theirs.second)]
        straight = [_shared(bench, m, k) for m, k in zip(mine, known, strict=True)]
        crossed = [_shared(bench, m, k) for m, k in zip(mine, reversed(known), strict=True)]
        if sum(crossed) > sum(straight):
            continue
        if all(straight) or (theirs.kind == found.kind and not any(missing(bench, s, statement) for s in pieces)):
            return True
    return False


def _shared(bench: Bench, some: frozenset[str], others: frozenset[str]) -> int:
    return sum(bench.knows(word, others) for word in some)


def _keys(parts: Sequence[Part], span: tuple[int, int]) -> frozenset[str]:
    kinds = (Kind.WORD, Kind.TAG, Kind.NAME)
    return frozenset(p.key for p in parts if p.kind in kinds and span[0] <= p.start < span[1])


def _when(bench: Bench, pieces: Sequence[Segment], span: tuple[int, int], fewest: int = 0) -> int | None:
    """When what some pieces of a claim speak of happened: the time of the statement they rest on.

    A piece that says fewer things than `fewest` is passed over.
    """
    for segment in pieces:
        if len(segment.items) < fewest:
            continue
        # a record tells the time of what it records better than what is told of it
        ranked = sorted(candidates(bench, segment), key=lambda pair: (-pair[0], pair[1].sort != "record"))
        for share, statement in ranked[:8]:
            if share < 0.5 or missing(bench, segment, statement):
                continue
            at = _time_of(bench, segment, statement, span)
            if at is not None:
                return at
    return None


def _time_of(bench: Bench, segment: Segment, statement: Statement, span: tuple[int, int]) -> int | None:
    """The time in a statement that the claim names itself, else the one of the role that its words give."""
    told = [p.moment for p in bench.claim.parts if p.moment and p.moment.clock and span[0] <= p.start < span[1]]
    known = [f for f in statement.facts if f.instant and f.instant.at is not None]
    for fact in known:
        if fact.instant and any(same_moment(m, fact.instant, bench.zone) for m in told):
            return fact.instant.at
    times = {f.role: f.instant.at for f in reversed(known) if f.instant}
    extremes = ("max", "min") if segment.words & {"maximum", "minimum", "reach"} else ()
    # the whole side says what happened; its first piece may be but the record's name
    said = piece(bench.claim, span).words
    words = segment.words if said & _STARTS and said & _ENDS else said | segment.words
    wanted = (*extremes, "end", "release") if words & _ENDS else (*extremes, "start", "", "trip", "max", "min")
    return next((times[r] for r in wanted if times.get(r) is not None), None)
