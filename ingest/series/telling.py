"""A window of a series in one sentence: its figures, what passed a limit, what was unusual, and where samples are missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ingest.series.windows import Window
from retrieval.times import to_datetime


def window_text(title: str, window: Window, data: Mapping[str, Any]) -> str:
    """`data` is what the window's evidence carries. Anomalies and passed limits say by how much and against what."""
    unit = f" {data['unit']}" if data["unit"] else ""
    day = to_datetime(window.t0).date()
    figures = (
        f"{title} {_period(window)} UTC: min {_figure(data['min'])} at {_clock(data['t_min'], day)}, "
        f"max {_figure(data['max'])} at {_clock(data['t_max'], day)}, mean {_figure(data['mean'])}{unit}, n={data['count']}"
    )
    told = [_gap(data["gaps"], day)] if data["gaps"]["count"] else []
    told += [_crossing(one, unit, day) for one in data["crossings"]]
    told += [_anomaly(one, unit, day) for one in data["anomalies"]]
    told += [_joint(one, unit, day) for one in data["joint"]]
    return "; ".join([figures, *told])


def _gap(gaps: Mapping[str, Any], day: date) -> str:
    longest = gaps["longest"]
    more = f", the longest of {gaps['count']} gaps" if gaps["count"] > 1 else ""
    return (
        f"no samples between {_clock(longest['t0'], day)} and {_clock(longest['t1'], day)}{more}; "
        f"{gaps['missing']:.0%} of the samples of this time are missing"
    )


def _crossing(crossing: Mapping[str, Any], unit: str, day: date) -> str:
    side = "below" if crossing["peak"] < crossing["value"] else "above"
    return (
        f"{crossing['count']} samples {side} the {crossing['limit']} limit of {_figure(crossing['value'])}{unit}, "
        f"first at {_clock(crossing['first'], day)}, up to {_figure(crossing['peak'])}"
    )


def _anomaly(flag: Mapping[str, Any], unit: str, day: date) -> str:
    return (
        f"anomaly at {_clock(flag['t'], day)}: {_figure(flag['value'])}{unit}, {flag['score']:.0f} spreads {flag['direction']} "
        f"the {flag['against']} of {_figure(flag['baseline'])}, tail probability {flag['tail']:.0e}"
    )


def _joint(flag: Mapping[str, Any], unit: str, day: date) -> str:
    """The chart's figures, this series' own, and the others by name: their units stand with themselves."""
    own = flag["own"]
    others = ", ".join(
        f"{one['series']} ({one['spreads']:+.0f} spreads)" for one in flag["carriers"] if one["series"] != own["series"]
    )
    end = f"to {_clock(flag['t1'], day)}" if flag["ends"] else "to the end of the record"
    return (
        f"together with {others or 'the series sampled beside it'} unlike the first rows from {_clock(flag['t0'], day)} {end}: "
        f"statistic {_figure(flag['statistic'])} against a limit of {_figure(flag['limit'])} at {_clock(flag['peak'], day)}, "
        f"its moving average {_figure(own['average'])}{unit} is {own['spreads']:+.0f} spreads from the usual {_figure(own['usual'])}"
    )


def _period(window: Window) -> str:
    start, end = to_datetime(window.t0), to_datetime(window.t1)
    form = "%H:%M" if start.second == end.second == 0 and start.microsecond == end.microsecond == 0 else "%H:%M:%S"
    later = end.strftime(form) if start.date() == end.date() else end.strftime(f"%Y-%m-%d {form}")
    return f"{start.strftime(f'%Y-%m-%d {form}')}–{later}"


def _clock(t: int, day: date) -> str:
    moment = to_datetime(t)
    form = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.strftime(form if moment.date() == day else f"%Y-%m-%d {form}")


def _figure(value: float) -> str:
    return f"{value:.4g}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.6g}"
