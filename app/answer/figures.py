"""Questions that samples answer: the figure is recomputed from the samples of the cited windows, never read off a summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.answer.desk import Desk, Finding, claim
from app.answer.question import Statistic
from app.answer.series import Series
from app.answer.wording import duration, moment, number, stretch
from retrieval.types import Claim, CoverageNote, Evidence, Interval, Kind, SeriesWindow, Verdict

_CITED = 8


class Samples(NamedTuple):
    """Samples in order of time: `t` int64 UTC microseconds and `v` float64, shape (n,); `window` maps each to its evidence."""

    t: NDArray[np.int64]
    v: NDArray[np.float64]
    window: NDArray[np.int64]
    windows: Sequence[Evidence]
    unit: str

    def at(self, i: int) -> Evidence:
        return self.windows[int(self.window[i])]


class _Stored(msgspec.Struct, frozen=True):
    series: str
    t: list[int]
    v: list[float | None]
    unit: str = ""


def read_samples(desk: Desk, series: Series, window: Interval | None) -> Samples:
    """The stored samples of a series inside the window; gaps (nulls) are left out."""
    found = desk.scan(5000, kinds=(Kind.WINDOW,), sources=(series.source,), window=window)
    windows = [
        e
        for e in found
        if isinstance(e.locator, SeriesWindow) and series.column in (None, e.locator.series) and e.media
    ]
    t, v, which, unit = [], [], [], series.unit
    for index, evidence in enumerate(windows):
        stored = msgspec.json.decode(desk.tools.blobs.get(evidence.tenant, evidence.media or ""), type=_Stored)
        unit = unit or stored.unit
        for at, value in zip(stored.t, stored.v, strict=True):
            if value is not None and (window is None or window.t0 <= at < window.t1):
                t.append(at)
                v.append(value)
                which.append(index)
    return Samples(np.array(t, np.int64), np.array(v, np.float64), np.array(which, np.int64), windows, unit)


def measure(desk: Desk, series: Series, statistics: Sequence[Statistic]) -> Finding:
    """Answer with the statistics of one series in the question's window."""
    when = desk.question.when
    window = _widened(when.window, series) if when and when.instant else when.window if when else None
    samples = read_samples(desk, series, window)
    if not len(samples.t):
        return Finding(Verdict.NOT_RECORDED, (), (), _silence(desk, series, window))
    if when and when.instant:
        return _reading(desk, series, samples, when.window.t0)
    claims = [c for s in statistics for c in _STATISTICS.get(s, _at_once)(desk, series, samples)]
    cited = {c.evidence for one in claims for c in one.citations}
    used = tuple(e for e in samples.windows if e.id in cited)
    return Finding(Verdict.ANSWERED, tuple(claims), used, (_examined(desk, series, samples),))


def _widened(window: Interval, series: Series) -> Interval:
    """An instant is answered by the nearest sample within one and a half steps."""
    reach = int(series.interval_s * 1.5e6)
    return Interval(window.t0 - reach, window.t0 + max(reach, 1))


def _reading(desk: Desk, series: Series, samples: Samples, at: int) -> Finding:
    i = int(np.argmin(np.abs(samples.t - at)))
    value = _value(samples.v[i], samples.unit)
    made = claim(
        f"{series.name} was {value} at {moment(int(samples.t[i]), desk.tools.zone)}.", _quoted(samples, i, desk)
    )
    return Finding(Verdict.ANSWERED, (made,), (samples.at(i),), (_examined(desk, series, samples),))


def _value(value: float, unit: str) -> str:
    return f"{number(float(value))} {unit}".strip()


def _quoted(samples: Samples, i: int, desk: Desk) -> tuple[Evidence, str]:
    return samples.at(i), f"{moment(int(samples.t[i]), desk.tools.zone)}: {_value(samples.v[i], samples.unit)}"


def _extreme(
    word: str, pick: Callable[[NDArray[np.float64]], np.intp]
) -> Callable[[Desk, Series, Samples], list[Claim]]:
    def compute(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
        i = int(pick(samples.v))
        value, when = _value(samples.v[i], samples.unit), moment(int(samples.t[i]), desk.tools.zone)
        return [claim(f"The {word} of {series.name} was {value} at {when}.", _quoted(samples, i, desk))]

    return compute


def _aggregate(
    word: str, reduce: Callable[[NDArray[np.float64]], np.float64]
) -> Callable[[Desk, Series, Samples], list[Claim]]:
    def compute(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
        value, span = _value(float(reduce(samples.v)), samples.unit), Interval(int(samples.t[0]), int(samples.t[-1]))
        text = (
            f"The {word} of {series.name} was {value} over {len(samples.v)} samples, {stretch(span, desk.tools.zone)}."
        )
        return [claim(text, *_spread(samples))]

    return compute


def _spread(samples: Samples) -> list[tuple[Evidence, str]]:
    """The windows a figure over many samples rests on, thinned evenly when there are many."""
    used = sorted(set(samples.window.tolist()))
    step = max(1, -(-len(used) // _CITED))
    return [(samples.windows[i], f"{int((samples.window == i).sum())} samples") for i in used[::step]]


def _range(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    return [
        *_extreme("minimum", np.argmin)(desk, series, samples),
        *_extreme("maximum", np.argmax)(desk, series, samples),
    ]


def _at_once(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    """A plain "what was it": one sample is said as it is, many as their range and mean."""
    if len(samples.v) == 1:
        return _extreme("value", np.argmax)(desk, series, samples)
    return [*_aggregate("mean", np.mean)(desk, series, samples), *_range(desk, series, samples)]


def _above(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    limit = _limit(desk, series)
    if limit is None:
        return _extreme("maximum", np.argmax)(desk, series, samples)
    over = samples.v > limit
    name, bound = series.name, _value(limit, samples.unit)
    if not over.any():
        i = int(np.argmax(samples.v))
        top = _value(samples.v[i], samples.unit)
        return [claim(f"{name} never exceeded {bound}; its maximum was {top}.", _quoted(samples, i, desk))]
    first, last = int(np.argmax(over)), len(over) - 1 - int(np.argmax(over[::-1]))
    seconds = float(over.sum()) * series.interval_s
    text = (
        f"{name} was above {bound} in {int(over.sum())} samples (about {duration(seconds)}), first at "
        f"{moment(int(samples.t[first]), desk.tools.zone)}, last at {moment(int(samples.t[last]), desk.tools.zone)}."
    )
    cited = [_quoted(samples, first, desk)]
    if samples.at(last).id != samples.at(first).id:
        cited.append(_quoted(samples, last, desk))
    return [claim(text, *cited), *_extreme("maximum", np.argmax)(desk, series, samples)]


def _limit(desk: Desk, series: Series) -> float | None:
    asked = re.search(
        r"\b(?:above|over|exceed(?:ed|s|ing)?|higher than|more than|beyond)\s+(\d+(?:[.,]\d+)?)",
        desk.question.text,
        re.I,
    )
    return float(asked[1].replace(",", ".")) if asked else series.high


def _anomalies(desk: Desk, series: Series, samples: Samples) -> list[Claim]:
    flagged = [e for e in samples.windows if e.data.get("anomalies")]
    inside = [e for e in flagged if e.id in {samples.at(i).id for i in range(len(samples.t))}]
    worst = sorted(inside, key=lambda e: -max(float(a.get("score", 0.0)) for a in e.data["anomalies"]))[:3]
    ordered = sorted(worst, key=lambda e: e.valid or Interval(0, 0))
    claims = [
        claim(f"{series.name}: {_told(desk, e, samples.unit)}.", (e, _told(desk, e, samples.unit))) for e in ordered
    ]
    return claims or _range(desk, series, samples)


def _told(desk: Desk, evidence: Evidence, unit: str) -> str:
    """The worst anomaly of a window: what, when, how far from which baseline."""
    worst = max(evidence.data["anomalies"], key=lambda a: float(a["score"]))
    value, base = _value(float(worst["value"]), unit), _value(float(worst["baseline"]), unit)
    at = moment(int(worst["t"]), desk.tools.zone)
    return f"anomaly at {at}: {value}, {float(worst['score']):.0f} spreads {worst['direction']} the running median of {base}"


_STATISTICS: dict[Statistic, Callable[[Desk, Series, Samples], list[Claim]]] = {
    Statistic.MAX: _extreme("maximum", np.argmax),
    Statistic.MIN: _extreme("minimum", np.argmin),
    Statistic.MEAN: _aggregate("mean", np.mean),
    Statistic.MEDIAN: _aggregate("median", np.median),
    Statistic.STD: _aggregate("standard deviation", np.std),
    Statistic.SUM: _aggregate("sum", np.sum),
    Statistic.RANGE: _range,
    Statistic.VALUE: _at_once,
    Statistic.ABOVE: _above,
    Statistic.ANOMALY: _anomalies,
}


def _silence(desk: Desk, series: Series, window: Interval | None) -> tuple[CoverageNote, ...]:
    told = [stretch(span, desk.tools.zone) for span in series.recorded[:3]]
    text = f"{series.name} was not recording then; it recorded {', '.join(told) if told else 'nothing'}"
    return (CoverageNote(series.subject, "gap", window, text),)


def _examined(desk: Desk, series: Series, samples: Samples) -> CoverageNote:
    span = Interval(int(samples.t[0]), int(samples.t[-1]))
    text = f"{series.name}: {len(samples.t)} samples read, one every {duration(series.interval_s)}"
    return CoverageNote(series.subject, "examined", span, text)
