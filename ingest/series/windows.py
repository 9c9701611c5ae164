"""A series cut into windows that people would ask for, each with its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

import numpy as np

from ingest.series.anomaly.flagging import Account, Anomaly
from ingest.series.samples import Series
from retrieval.resampling import resampled
from retrieval.times import to_datetime, to_micros

_SECOND = 1_000_000
_HOUR, _DAY = 3600 * _SECOND, 86_400 * _SECOND
# In order of liking: hours, else days, else what fits.
_LENGTHS = (
    _HOUR, _DAY, 600 * _SECOND, 6 * _HOUR, 60 * _SECOND, 7 * _DAY, 10 * _SECOND, _SECOND, 30 * _DAY, 365 * _DAY,
)  # fmt: skip
_FEWEST, _FEWEST_WIDE, _LIKED, _MOST = 24, 12, 200, 300
_SAMPLES = 4
_PARTS = 24
_DIGITS = 10


class Window(NamedTuple):
    """Samples [a, b) of the series, which lie in [t0, t1) UTC µs."""

    a: int
    b: int
    t0: int
    t1: int


def length_for(span_us: int, step_us: int = 1, fewest: int = _FEWEST) -> int:
    """The window length (µs) for a series this long, sampled every `step_us`.

    `fewest` to 200 windows of four samples or more where a usual length gives that; never above 300 windows.
    """
    lengths = [length for length in _LENGTHS if length >= _SAMPLES * step_us]
    for length in lengths:
        if fewest <= span_us / length <= _LIKED:
            return length
    fitting = [length for length in sorted(lengths) if span_us / length <= _LIKED]
    return fitting[0] if fitting else max(math.ceil(span_us / _MOST), _SAMPLES * step_us)


def cut(series: Series, zone: tzinfo, wide: bool = False) -> list[Window]:
    """Windows that hold samples, in order. Days begin at midnight in `zone`; shorter ones on its round times.

    A `wide` file has many series, so each gets fewer windows.
    """
    first, last = int(series.t[0]), int(series.t[-1])
    length = length_for(last - first + series.step, series.step, _FEWEST_WIDE if wide else _FEWEST)
    edges = list(_edges(first, last, length, zone))
    at = np.searchsorted(series.t, edges)
    return [
        Window(int(a), int(b), t0, t1)
        for a, b, t0, t1 in zip(at[:-1], at[1:], edges[:-1], edges[1:], strict=True)
        if b > a
    ]


def figures(series: Series, window: Window) -> dict[str, Any]:
    """Statistics of a window as plain JSON: times in UTC µs, spread `std` over n (not n − 1), ten significant digits."""
    v, t = series.v[window.a : window.b], series.t[window.a : window.b]
    mean = math.fsum(v.tolist()) / len(v)
    variance = math.fsum(((v - mean) ** 2).tolist()) / len(v)
    low, high = int(np.argmin(v)), int(np.argmax(v))
    return {
        "count": len(v), "min": float(v[low]), "max": float(v[high]), "t_min": int(t[low]), "t_max": int(t[high]),
        "mean": rounded(mean), "std": rounded(math.sqrt(variance)), "first": float(v[0]), "last": float(v[-1]),
    }  # fmt: skip


def buckets(series: Series, window: Window) -> dict[str, Any] | None:
    """The course of a long window in 24 parts, as plain JSON: where each begins, its samples, mean, least and greatest value.

    Parts without samples are left out. None for windows of less than a day and for few samples, which say it themselves.
    """
    if window.t1 - window.t0 < _DAY or window.b - window.a <= _PARTS * _SAMPLES:
        return None
    part = slice(window.a, window.b)
    # a day on which clocks change has 23 or 25 hours: its parts are as much shorter or longer
    length = -(-(window.t1 - window.t0) // _PARTS)
    found = resampled(series.t[part], series.v[part], length, window.t0)
    return {
        "length_s": length / _SECOND, "t0": found.t0.tolist(), "samples": found.samples.tolist(),
        "mean": [rounded(mean) for mean in found.mean.tolist()], "min": found.low.tolist(), "max": found.high.tolist(),
    }  # fmt: skip


def crossings(series: Series, window: Window, limits: dict[str, float]) -> list[dict[str, Any]]:
    """For each limit passed in the window: how many samples lay beyond it, when first and last, and the farthest value."""
    v, t = series.v[window.a : window.b], series.t[window.a : window.b]
    found = []
    for name, value in sorted(limits.items()):
        below = "low" in name.lower() or "min" in name.lower()
        beyond = np.flatnonzero(v < value if below else v > value)
        if len(beyond):
            peak = v[beyond].min() if below else v[beyond].max()
            found.append({
                "limit": name, "value": value, "count": len(beyond), "peak": float(peak),
                "first": int(t[beyond[0]]), "last": int(t[beyond[-1]]),
            })  # fmt: skip
    return found


def flags(series: Series, window: Window, anomalies: Sequence[Anomaly]) -> list[dict[str, Any]]:
    """The anomalies that lie in the window, as plain JSON.

    value − baseline = ± score × spread; `against` says what the baseline is and `tail` how probable so far a value is, never below
    1e-6. `detectors` has the same figures of every detector that said something, in which `observed` may be an average.
    """
    return [
        {
            "t": int(series.t[a.at]), "value": float(series.v[a.at]), "score": rounded(a.lead.spreads),
            "direction": a.direction, "baseline": rounded(a.lead.expected), "spread": rounded(a.lead.spread),
            "against": a.lead.against, "tail": rounded(a.lead.tail), "surprise": rounded(a.surprise),
            "detectors": [_account(one) for one in a.accounts],
        }
        for a in anomalies if window.a <= a.at < window.b
    ]  # fmt: skip


def _account(told: Account) -> dict[str, Any]:
    return {key: rounded(value) if isinstance(value, float) else value for key, value in told._asdict().items()}


def rounded(value: float) -> float:
    """Ten significant digits: the same on every machine, whatever its order of summing."""
    return float(f"{value:.{_DIGITS}g}")


def _edges(first: int, last: int, length: int, zone: tzinfo) -> Iterator[int]:
    if length % _DAY == 0:
        yield from _days(first, last, length // _DAY, zone)
        return
    offset = to_datetime(first, zone).utcoffset() or timedelta()
    shift = int(offset.total_seconds()) * _SECOND
    edge = (first + shift) // length * length - shift
    while edge <= last:
        yield edge
        edge += length
    yield edge


def _days(first: int, last: int, days: int, zone: tzinfo) -> Iterator[int]:
    day = to_datetime(first, zone).date()
    edge = to_micros(datetime.combine(day, time(), tzinfo=zone))
    while edge <= last:
        yield edge
        day += timedelta(days=days)
        edge = to_micros(datetime.combine(day, time(), tzinfo=zone))
    yield edge
