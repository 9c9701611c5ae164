"""Who delivers what, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.quality_page import Quality

# so many sources have series of their own, the worst first; the rest are one
MOST = 100
OTHER = "other"


class Gauge(NamedTuple):
    """A figure of every source: its name, what it is, the field that holds it, and how those of several sources are one."""

    name: str
    about: str
    field: str
    fold: str = "max"


GAUGES = (
    Gauge("last_heard_timestamp_seconds", "When the source was last heard of.", "heard"),
    Gauge("lag_seconds", "0.95 quantile of the time from when something happened until it was stored.", "lag_p95_s"),
    Gauge("lag_max_seconds", "The longest of these times.", "lag_max_s"),
    Gauge("usual_gap_seconds", "Median time between two deliveries.", "usual_s"),
    Gauge("allowed_silence_seconds", "How long the source may be silent.", "allowed_s"),
    Gauge("pieces", "Pieces of evidence and stretches recorded.", "pieces", "sum"),
    Gauge("gaps", "Stretches that a camera or sensor did not record.", "gaps", "sum"),
    Gauge("gap_seconds", "How long these are together.", "gap_s", "sum"),
    Gauge("duplicates", "Sources with the bytes of another, and messages that said nothing new.", "duplicates", "sum"),
    Gauge("unknown_entities", "Tags met in texts that name no known thing.", "unknown_pieces", "sum"),
    Gauge("future_pieces", "Pieces dated after they were stored.", "future", "sum"),
)
LISTENING = (
    ("lag_seconds", "How old the newest message was when it was stored.", "lag_s"),
    ("waiting_messages", "Messages in hand that are not stored yet.", "waiting"),
    ("stored_messages", "Messages stored since the listener started.", "stored"),
    ("known_messages", "Messages that said nothing new since the listener started.", "known"),
    ("refused_messages", "Messages that cannot be evidence since the listener started.", "dead"),
)


def exposition(quality: Quality) -> bytes:
    """The Prometheus text format, of gauges over the time that `quality` was asked about."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sources(quality))
    return generate_latest(registry)


class _Sources(Collector):
    def __init__(self, quality: Quality) -> None:
        self._quality = quality

    def collect(self) -> Iterator[GaugeMetricFamily]:
        sources = self._quality["sources"]
        named, rest = sources[:MOST], sources[MOST:]
        for gauge in GAUGES:
            family = GaugeMetricFamily(f"watchfloor_source_{gauge.name}", gauge.about, labels=["source"])
            for one in named:
                _add(family, [one["name"]], _value(one[gauge.field]))
            if rest:
                _add(family, [OTHER], _folded(gauge, rest))
            yield family
        yield _silent(named, rest)
        yield _rejected(named, rest)
        yield _drift(named)
        yield from _listeners(self._quality["listeners"])


def _add(family: GaugeMetricFamily, labels: Sequence[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def _value(value: Any) -> float | None:
    if isinstance(value, str):
        return datetime.fromisoformat(value).timestamp()
    return None if value is None else float(value)


def _folded(gauge: Gauge, rest: Sequence[Mapping[str, Any]]) -> float | None:
    values = [value for one in rest if (value := _value(one[gauge.field])) is not None]
    if not values:
        return None
    return sum(values) if gauge.fold == "sum" else max(values)


def _silent(named: Sequence[Mapping[str, Any]], rest: Sequence[Mapping[str, Any]]) -> GaugeMetricFamily:
    about = "1 while the source is silent for longer than allowed."
    family = GaugeMetricFamily("watchfloor_source_silent", about, labels=["source"])
    for one in named:
        family.add_metric([one["name"]], float(one["state"] == "silent"))
    if rest:
        family.add_metric([OTHER], float(sum(one["state"] == "silent" for one in rest)))
    return family


def _rejected(named: Sequence[Mapping[str, Any]], rest: Sequence[Mapping[str, Any]]) -> GaugeMetricFamily:
    about = "Sources refused and not taken in since."
    family = GaugeMetricFamily("watchfloor_source_rejected", about, labels=["source", "code"])
    folded: dict[str, int] = {}
    for one in rest:
        for code, count in one["rejected"].items():
            folded[code] = folded.get(code, 0) + count
    told = [(one["name"], one["rejected"]) for one in named] + [(OTHER, folded)]
    for name, codes in told:
        for code, count in codes.items():
            family.add_metric([name, code], count)
    return family


def _drift(named: Sequence[Mapping[str, Any]]) -> GaugeMetricFamily:
    about = "How far the clock in the pictures is ahead of another clock."
    family = GaugeMetricFamily("watchfloor_source_clock_ahead_seconds", about, labels=["source", "against"])
    for one in named:
        for skew in one["skews"]:
            family.add_metric([one["name"], skew["against"]], skew["seconds"])
    return family


def _listeners(listeners: Mapping[str, Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    for name, about, field in LISTENING:
        family = GaugeMetricFamily(f"watchfloor_listener_{name}", about, labels=["bus"])
        for bus, standing in listeners.items():
            _add(family, [bus], _value(standing[field]))
        yield family
