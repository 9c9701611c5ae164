"""What the samples of cited windows state: extremes, means, readings at a time, how long a limit was exceeded; all recomputed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.verify.amounts import Amount
from app.verify.calendar import calendar_words, length_from
from app.verify.cues import moment_role
from app.verify.lexicon import canonical
from app.verify.negation import Polarity
from app.verify.port import Exhibit, Instruments
from app.verify.reading import Reading, read
from app.verify.statements import Fact, Statement, keys_of
from app.verify.times import Instant, Moment
from app.verify.units import unit_named
from retrieval.times import to_datetime, to_micros
from retrieval.types import Evidence, Interval, Kind, Micros, SeriesWindow

_STATISTICS = frozenset(["maximum", "minimum", "mean"])
_FEW = 5
# what is said of the first and the last sample
_TURNS = frozenset(
    canonical(word) for word in ("first", "initial", "last", "begin", "end", "start", "opening", "closing")
)
_LONGEST_SPAN_US = 7 * 86_400_000_000


class Run(NamedTuple):
    """The samples of one series over some cited windows: `t` int64 UTC microseconds, `v` float64, shape (n,), in order of time."""

    t: NDArray[np.int64]
    v: NDArray[np.float64]
    step_s: float
    unit: str | None
    limits: dict[str, float]
    span: Interval


class _Group(NamedTuple):
    """Cited windows of one series, and the words they stand under."""

    number: int
    runs: tuple[Run, ...]
    reading: Reading
    keys: frozenset[str]
    names: frozenset[str]
    zone: tzinfo


def series_statements(exhibits: Sequence[Exhibit], claim: Reading, tools: Instruments) -> list[Statement]:
    """One statement for each statistic of the cited windows, and for each time and stretch that the claim names."""
    grouped: dict[tuple[str, str], list[tuple[int, Exhibit]]] = {}
    for number, exhibit in enumerate(exhibits):
        where = exhibit.evidence.locator
        if exhibit.evidence.kind is Kind.WINDOW and isinstance(where, SeriesWindow):
            grouped.setdefault((exhibit.evidence.source, where.series), []).append((number, exhibit))
    return [made for some in grouped.values() for made in _of_series(some, claim, tools)]


def _of_series(cited: Sequence[tuple[int, Exhibit]], claim: Reading, tools: Instruments) -> Iterator[Statement]:
    runs = [run for _, e in cited if (run := _run(e.evidence, tools)) is not None]
    if not runs:
        return
    group = _group(cited, runs, tools)
    whole = _joined(sorted(runs, key=lambda r: int(r.t[0])))
    yield from _statistics(group, whole)
    # of several windows, the statistics of one alone are said only with its own time
    if len(runs) > 1:
        for run in runs:
            yield from (s for s in _statistics(group, run, alone=False))
    asked = [(p.moment, moment_role(claim, at)) for at, p in enumerate(claim.parts) if p.moment]
    yield from _at_times(group, whole, [m for m, _ in asked], tools.zone)
    for moment in (m for m, role in asked if role == "edge"):
        yield from _from_on(group, whole, moment, length_from(claim.text, moment.start), tools.zone)
    yield from _over_stretches(group, whole, asked, tools.zone)


def _group(cited: Sequence[tuple[int, Exhibit]], runs: Sequence[Run], tools: Instruments) -> _Group:
    readings = [read(e.evidence.text, tools.find_entities) for _, e in cited]
    keys = frozenset(k for r in readings for k in keys_of(r)) - _STATISTICS
    data = cited[0][1].evidence.data
    keys |= {str(data.get("quantity", "")).lower()} | {"series", "limit"}
    names = frozenset(m.entity for _, e in cited for m in e.evidence.entities)
    return _Group(cited[0][0], tuple(runs), readings[0], keys, names, tools.zone)


def _run(evidence: Evidence, tools: Instruments) -> Run | None:
    found = tools.samples(evidence)
    if found is None or not len(found[0]):
        return None
    t, v = np.asarray(found[0], np.int64), np.asarray(found[1], np.float64)
    keep = np.isfinite(v)
    if not keep.any():
        return None
    limits = {str(k): float(x) for k, x in (evidence.data.get("limits") or {}).items() if isinstance(x, int | float)}
    unit = unit_named(str(evidence.data.get("unit", "")))
    span = evidence.valid or Interval(int(t[0]), int(t[-1]))
    return Run(t[keep], v[keep], float(evidence.data.get("step_s") or 60.0), unit, limits, span)


def _joined(runs: Sequence[Run]) -> Run:
    t, v = np.concatenate([r.t for r in runs]), np.concatenate([r.v for r in runs])
    order = np.argsort(t, kind="stable")
    span = Interval(min(r.span.t0 for r in runs), max(r.span.t1 for r in runs))
    return runs[-1]._replace(t=t[order], v=v[order], span=span)


def _statistics(group: _Group, run: Run, alone: bool = True) -> Iterator[Statement]:
    high, low = int(np.argmax(run.v)), int(np.argmin(run.v))
    for role, word, at in (("max", "maximum", high), ("min", "minimum", low)):
        facts = (_value(run, role, float(run.v[at]), word), _when(role, int(run.t[at])))
        yield _stated(group, run, word, facts, alone)
    ends = (_value(run, "first", float(run.v[0]), "first"), _value(run, "last", float(run.v[-1]), "last"))
    yield _stated(group, run, _trend(run), (*ends, _when("first", int(run.t[0])), _when("last", int(run.t[-1]))), alone)
    many = Fact("count", Amount(float(len(run.v)), None, 1.0, False, 0, 0), computed=True)
    yield _stated(group, run, "sample", (many,), alone)
    spread = (_value(run, "min", float(run.v[low]), "minimum"), _value(run, "max", float(run.v[high]), "maximum"))
    yield _stated(group, run, "range", spread, alone)
    width = _value(run, "width", float(run.v[high] - run.v[low]), "maximum less minimum")
    yield _stated(group, run, "spread", (width,), alone)
    reduced = (("mean", "mean", np.mean), ("median", "median", np.median), ("spread", "deviation", np.std))
    for role, word, reduce in reduced:
        yield _stated(group, run, word, (_value(run, role, float(reduce(run.v)), word),), alone)
    yield from _beyond(group, run)


def _trend(run: Run) -> str:
    return "rise" if float(run.v[-1]) > float(run.v[0]) else "fall"


def _value(run: Run, role: str, value: float, word: str) -> Fact:
    told = f"{word} of {len(run.v)} samples"
    return Fact(role, Amount(value, run.unit, 0.0, False, 0, 0), computed=True, told=told)


def _when(role: str, at: Micros) -> Fact:
    return Fact(role, instant=_instant(at), computed=True)


def _instant(at: Micros) -> Instant:
    moment = to_datetime(at)
    return Instant(at, (moment.hour, moment.minute, moment.second), (moment.year, moment.month, moment.day), 1)


_ROUND_US = 300_000_000


def _stated(group: _Group, run: Run, word: str, facts: tuple[Fact, ...], alone: bool = True) -> Statement:
    limits = tuple(Fact("limit", Amount(v, run.unit, 0.0, False, 0, 0)) for v in run.limits.values())
    edges = (_when("edge start", run.span.t0), _when("edge end", run.span.t1), _when("edge end", int(run.t[-1])))
    said, denied = _standing(run)
    words = (
        group.keys
        | {word, "reach"}
        | said
        | denied
        | ({_trend(run)} if word in ("maximum", "minimum") else frozenset())
    )
    words |= {"first", "initial", canonical("last"), "cross"} if any(f.role == "start" for f in facts) else frozenset()
    words |= _TURNS if any(f.role == "first" and f.amount for f in facts) else frozenset()
    words |= {"sink_to"} if word == "minimum" else frozenset()
    if not alone or len(group.runs) > 1:
        words |= {_drift(group)}
    words |= calendar_words(
        [f.instant for f in facts if f.instant] or [f.instant for f in edges if f.instant], group.zone
    )
    sort = "series" if alone else "part of series"
    return Statement(
        group.number, sort, group.reading, words, frozenset(), group.names, group.names,
        (*facts, *limits, *edges), Polarity(words - denied, denied | ({"limit"} if denied else frozenset())),
    )  # fmt: skip


def _drift(group: _Group) -> str:
    """Whether the means of several windows rise or fall from the earliest to the latest."""
    runs = sorted(group.runs, key=lambda r: int(r.t[0]))
    return "rise" if float(runs[-1].v.mean()) > float(runs[0].v.mean()) else "fall"


def _standing(run: Run) -> tuple[frozenset[str], frozenset[str]]:
    """Which of "exceed" and "below" holds of the samples and their limits, and which does not."""
    highs = [v for k, v in run.limits.items() if "low" not in k.lower() and "min" not in k.lower()]
    if not highs:
        return frozenset(), frozenset()
    over = float(run.v.max()) > min(highs)
    return (frozenset(["exceed"]), frozenset()) if over else (frozenset(["below"]), frozenset(["exceed"]))


def _beyond(group: _Group, run: Run) -> Iterator[Statement]:
    """Since when, until when and for how long each limit was exceeded."""
    for name, limit in run.limits.items():
        low = "low" in name.lower() or "min" in name.lower()
        over = run.v < limit if low else run.v > limit
        if not over.any():
            continue
        first, last = int(np.argmax(over)), len(over) - 1 - int(np.argmax(over[::-1]))
        held = (int(run.t[last]) - int(run.t[first])) / 1e6
        lengths = {float(over.sum()) * run.step_s, held + run.step_s}
        # from the first to the last of few samples is much less than they stand for
        lengths |= {held} if over.sum() > _FEW else set()
        facts = [_when("start", int(run.t[first])), _when("end", int(run.t[last]))]
        # the limit was held again from the next sample on
        facts.append(_when("end", int(run.t[last] + run.step_s * 1_000_000)))
        facts += [_when("first", int(run.t[first])), _when("last", int(run.t[last]))]
        facts += [
            Fact(
                "duration",
                Amount(s, "s", 1.0, False, 0, 0),
                computed=True,
                told=f"time beyond {limit:g} by {int(over.sum())} samples",
            )
            for s in lengths
        ]
        facts.append(Fact("beyond", Amount(float(over.sum()), None, 1.0, False, 0, 0), computed=True))
        yield _stated(group, run, "below" if low else "exceed", tuple(facts))


def _at_times(group: _Group, run: Run, asked: Sequence[Moment], zone: tzinfo) -> Iterator[Statement]:
    """The reading at each time the claim names."""
    for moment in asked:
        for start, end in stretches(moment, run.span, zone):
            inside = np.flatnonzero((run.t >= start) & (run.t < end))
            for at in inside[:60] if moment.clock else ():
                value = float(run.v[at])
                role = "rise" if value >= float(run.v.mean()) else "fall"
                fact = _value(run, role, value, "sample")._replace(told="one sample")
                yield _stated(group, run, "reach", (fact, _when("", int(run.t[at]))))


def _over_stretches(group: _Group, run: Run, asked: Sequence[tuple[Moment, str]], zone: tzinfo) -> Iterator[Statement]:
    """The statistics over each stretch "from … to …" that the claim names, where the cited windows hold all of it."""
    for (one, begins), (two, ends) in pairwise(asked):
        if begins != "start" or ends != "end" or not one.clock or not two.clock:
            continue
        two = two if two.zone else two._replace(zone=one.zone)
        two = two if two.day else two._replace(day=one.day)
        for start, _ in stretches(one, run.span, zone):
            for stop, stop_end in stretches(two, Interval(run.span.t0, run.span.t1 + 1), zone):
                # "until 01:59" holds that minute's sample; a round time ends what comes before it as well
                for until in (stop, stop_end) if stop % _ROUND_US == 0 else (stop_end,):
                    inside = (run.t >= start) & (run.t < until)
                    if start < stop and inside.any():
                        part = run._replace(t=run.t[inside], v=run.v[inside], span=Interval(start, stop))
                        yield from _statistics(group, part)


def _from_on(group: _Group, run: Run, moment: Moment, seconds: int, zone: tzinfo) -> Iterator[Statement]:
    """The statistics over so many seconds from a time on, where the cited windows hold all of them."""
    for start, _ in stretches(moment, run.span, zone):
        stop = start + seconds * 1_000_000
        inside = (run.t >= start) & (run.t < stop)
        if stop <= run.span.t1 + 1 and inside.any():
            yield from _statistics(group, run._replace(t=run.t[inside], v=run.v[inside], span=Interval(start, stop)))


def stretches(moment: Moment, span: Interval, zone: tzinfo) -> list[tuple[Micros, Micros]]:
    """The minutes (or seconds) within a span that a claim's time may mean, [start, end) in UTC microseconds."""
    if moment.clock is None or span.t1 - span.t0 > _LONGEST_SPAN_US:
        return []
    found = []
    for told in _zones(moment.zone, span, zone):
        for day in range(span.t0, span.t1 + 86_400_000_000, 86_400_000_000):
            start = _wall(moment, day, told)
            length = 1_000_000 if moment.clock[2] is not None else 60_000_000
            if start is not None and span.t0 <= start < span.t1:
                found.append((start, start + length))
    return list(dict.fromkeys(found))


def _zones(named: str | None, span: Interval, zone: tzinfo) -> tuple[tzinfo, ...]:
    """The zones that a claim's time may be told in; none for an abbreviation that is not the site's ("IST" in Madrid)."""
    if named in ("UTC", "LOCAL", None):
        return {"UTC": (UTC,), "LOCAL": (zone,)}.get(named or "", (zone, UTC))
    return (zone,) if named in {to_datetime(at, zone).tzname() for at in (span.t0, span.t1)} else ()


def _wall(moment: Moment, day: Micros, zone: tzinfo) -> Micros | None:
    at = to_datetime(day, zone)
    hour, minute, second = moment.clock or (0, 0, None)
    year, month, date = at.year, at.month, at.day
    if moment.day and (moment.day[1:] != (month, date) or moment.day[0] not in (None, year)):
        return None
    if moment.weekday not in (None, at.weekday()):
        return None
    try:
        return to_micros(datetime(year, month, date, hour % 24, minute, second or 0, tzinfo=zone))
    except ValueError:
        return None
