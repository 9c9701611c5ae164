"""Small charts of a window of a series, drawn only when somebody will look (one costs some 26 ms)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from retrieval.times import to_datetime


class Drawn(msgspec.Struct, frozen=True):
    """The stored samples of a window: times in UTC microseconds, values (null = gap), unit."""

    series: str
    t: list[int]
    v: list[float | None]
    unit: str = ""


def draw(samples: bytes, title: str, limits: Mapping[str, float] | None = None, anomalies: Sequence[Any] = ()) -> bytes:
    """A PNG of the samples (JSON of Drawn), with its limits as lines and its anomalies as dots."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.figure import Figure

    drawn = msgspec.json.decode(samples, type=Drawn)
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    at = [float(date2num(to_datetime(t))) for t in drawn.t]
    axes.plot(at, [float("nan") if v is None else v for v in drawn.v], color="#2a6f97", linewidth=1.2)
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
