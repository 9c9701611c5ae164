"""Small charts of a window of a series, drawn only when somebody will look (one costs some 26 ms)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrieval.resampling import breaks, resampled
from retrieval.times import to_datetime

# more samples than this are drawn as their mean within the band of their extremes, in as many buckets as the picture can show
_MOST, _BUCKETS = 2000, 500


class Drawn(msgspec.Struct, frozen=True):
    """The stored samples of a window: times in UTC microseconds, values (null = gap), unit."""

    series: str
    t: list[int]
    v: list[float | None]
    unit: str = ""


def draw(samples: bytes, title: str, limits: Mapping[str, float] | None = None, anomalies: Sequence[Any] = ()) -> bytes:
    """A PNG of the samples (JSON of Drawn), with its limits as lines and its anomalies as dots. No line crosses a gap."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.figure import Figure

    drawn = msgspec.json.decode(samples, type=Drawn)
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    course = _course(np.array(drawn.t, np.int64), np.array(drawn.v, np.float64))
    at = np.array([float(date2num(to_datetime(int(t)))) for t in course.t])
    axes.plot(at, course.mean, color="#2a6f97", linewidth=1.2)
    if course.low is not None and course.high is not None:
        axes.fill_between(at, course.low, course.high, color="#2a6f97", alpha=0.3, linewidth=0)
    for name, limit in (limits or {}).items():
        axes.axhline(limit, color="#b3261e", linewidth=0.9, linestyle="--", label=f"{name} {limit:g}")
    for anomaly in anomalies:
        axes.plot([float(date2num(to_datetime(int(anomaly["t"]))))], [anomaly["value"]], "o", color="#b3261e")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_title(title, fontsize=9)
    axes.set_ylabel(drawn.unit)
    axes.grid(alpha=0.25)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return data.getvalue()


class _Course(NamedTuple):
    """What is drawn, all of shape (n,): a NaN stands in every gap. `low` and `high` are None where each sample is drawn itself."""

    t: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None


def _course(t: NDArray[np.int64], v: NDArray[np.float64]) -> _Course:
    if len(t) <= _MOST:
        at = breaks(t, int(np.median(np.diff(t)))) + 1 if len(t) > 1 else np.zeros(0, np.intp)
        return _Course(np.insert(t, at, t[at]), np.insert(v, at, np.nan))
    length = max(1, -(-int(t[-1] - t[0] + 1) // _BUCKETS))
    found = resampled(t, v, length, int(t[0]))
    at = np.flatnonzero(found.empty_before)
    mean, low, high = (np.insert(part, at, np.nan) for part in (found.mean, found.low, found.high))
    return _Course(np.insert(found.t0 + length // 2, at, found.t0[at]), mean, low, high)
