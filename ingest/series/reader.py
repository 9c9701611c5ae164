"""Series → windows that can be found, read and recomputed: figures in words, figures as data, and the samples themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

import msgspec

from ingest.entities import EntityLinker
from ingest.ports import Batch, Draft, Item
from ingest.series.anomaly import standard
from ingest.series.anomaly.flagging import flag
from ingest.series.samples import Series, read_series, spans
from ingest.series.windows import Window, crossings, cut, figures, flags
from ingest.tables.records import clock_for
from ingest.tables.shape import Shape
from ingest.tables.table import Table
from retrieval.times import to_datetime
from retrieval.types import (
    Coverage,
    Entity,
    EntityType,
    Interval,
    Kind,
    Layer,
    Link,
    LinkType,
    Mention,
    Relation,
    SeriesWindow,
)

READER = "series-reader@2"
_WIDE = 4
SAMPLES = "application/vnd.watchfloor.samples+json"


class _Place(NamedTuple):
    """What a series is, beyond its numbers. `subject` is what coverage is about."""

    subject: str
    title: str
    quantity: str
    unit: str
    limits: dict[str, float]
    mentions: tuple[Mention, ...]


def series_batches(
    table: Table, shape: Shape, item: Item, tenant: str, site: tuple[Sequence[Entity], Sequence[Link]]
) -> Iterator[Batch]:
    """One batch a series: its windows and its coverage. Raises SourceRejected before the first batch."""
    found = read_series(table, shape, item, site[0])
    zone = clock_for(table, shape, item).zone
    assets = {series.asset for series in found if series.asset and any(c.isdigit() for c in series.asset)}
    known = EntityLinker(site[0])
    entities = [
        Entity(id=name, type=EntityType.ASSET, name=name, tenant=tenant, facts={"found_in": table.stem})
        for name in sorted(assets)
        if not known.exact(name)
    ]
    for index, series in enumerate(found):
        place = _place(series, table, item, site, known)
        drafts = list(_drafts(series, place, zone, len(found) > _WIDE, table.notes))
        yield Batch(drafts, _coverage(series, place, item, tenant), entities if index == 0 else ())


def _drafts(series: Series, place: _Place, zone: tzinfo, wide: bool, notes: tuple[str, ...]) -> Iterator[Draft]:
    anomalies = flag(series.t, series.v)
    for window in cut(series, zone, wide):
        data = {
            "series": series.column, "unit": place.unit, "quantity": place.quantity, "step_s": series.step / 1e6,
            **figures(series, window), "limits": place.limits,
            "crossings": crossings(series, window, place.limits), "anomalies": flags(series, window, anomalies),
        }  # fmt: skip
        lines = series.line[window.a : window.b]
        locator = SeriesWindow(series.column, window.t0, window.t1, int(lines.min()), int(lines.max()))
        yield Draft(
            Kind.WINDOW,
            locator,
            window_text(place.title, window, data),
            Interval(window.t0, window.t1),
            media=_samples(series, place, window),
            media_type=SAMPLES,
            mentions=place.mentions,
            data=data,
            models={"anomalies": standard.VERSION},
            notes=(*notes, *series.notes),
        )


def window_text(title: str, window: Window, data: dict[str, Any]) -> str:
    """The figures of a window in one sentence; anomalies and passed limits say by how much and against what."""
    unit = f" {data['unit']}" if data["unit"] else ""
    day = to_datetime(window.t0).date()
    text = (
        f"{title} {_period(window)} UTC: min {_figure(data['min'])} at {_clock(data['t_min'], day)}, "
        f"max {_figure(data['max'])} at {_clock(data['t_max'], day)}, mean {_figure(data['mean'])}{unit}, n={data['count']}"
    )
    for c in data["crossings"]:
        side = "below" if c["peak"] < c["value"] else "above"
        text += (
            f"; {c['count']} samples {side} the {c['limit']} limit of {_figure(c['value'])}{unit}, "
            f"first at {_clock(c['first'], day)}, up to {_figure(c['peak'])}"
        )
    for a in data["anomalies"]:
        text += (
            f"; anomaly at {_clock(a['t'], day)}: {_figure(a['value'])}{unit}, {a['score']:.0f} spreads {a['direction']} "
            f"the {a['against']} of {_figure(a['baseline'])}, tail probability {a['tail']:.0e}"
        )
    return text


def _place(
    series: Series, table: Table, item: Item, site: tuple[Sequence[Entity], Sequence[Link]], known: EntityLinker
) -> _Place:
    sensor = series.sensor
    if sensor is None:
        return _unbound(series, table, item, known)
    asset, zone = _around(sensor, site[1])
    names = {entity.id: entity.name for entity in site[0]}
    quantity = str(sensor.facts.get("quantity", ""))
    around = ", ".join(part for part in (asset, names.get(zone, zone) if zone else None) if part)
    title = f"{sensor.id} {quantity or sensor.name}" + (f" ({around})" if around else "")
    mentions = [Mention(sensor.id, Relation.MEASURES)] + ([Mention(asset, Relation.MENTIONS)] if asset else [])
    limits = {str(k): float(v) for k, v in dict(sensor.facts.get("limits", {})).items()}
    unit = str(sensor.facts.get("unit", ""))
    return _Place(sensor.id, title, quantity or sensor.name, unit, limits, tuple(mentions))


def _unbound(series: Series, table: Table, item: Item, known: EntityLinker) -> _Place:
    """A column nobody declared: it is called by its file, its asset and itself, and covers only `file#column`."""
    column, unit = _unit(series.column)
    words = re.sub(r"[_\s]+", " ", column).strip()
    stem = re.sub(r"[_\s]+", " ", table.stem).strip()
    title = f"{words} ({series.asset}) of {stem}" if series.asset else f"{words} of {stem}"
    assets = known.exact(series.asset) or ((series.asset,) if any(c.isdigit() for c in series.asset) else ())
    mentions = tuple(Mention(asset, Relation.MENTIONS) for asset in assets)
    return _Place(f"{item.uri}#{series.column}", title, words, unit, {}, mentions)


def _unit(column: str) -> tuple[str, str]:
    """ "Pressure (bar)" and "Pressure [bar]" carry their unit."""
    found = re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]{1,12})[)\]]", column.strip())
    return (found[1], found[2]) if found else (column, "")


def _around(sensor: Entity, links: Sequence[Link]) -> tuple[str | None, str | None]:
    asset = next((k.source for k in links if k.target == sensor.id and k.type is LinkType.MONITORED_BY), None)
    homes = {k.source: k.target for k in links if k.type is LinkType.LOCATED_IN}
    return asset, homes.get(sensor.id) or homes.get(asset or "")


def _coverage(series: Series, place: _Place, item: Item, tenant: str) -> list[Coverage]:
    found = []
    for span in spans(series):
        common: dict[str, Any] = {"source": item.uri, "subject": place.subject, "tenant": tenant, "valid": span}
        found.append(Coverage(layer=Layer.RECORDED, **common))
        able = {place.quantity: 0.0}
        found.append(Coverage(layer=Layer.EXAMINED, by=READER, interval_s=series.step / 1e6, able=able, **common))
    return found


def _samples(series: Series, place: _Place, window: Window) -> bytes:
    """The window's samples, from which every figure can be recomputed: {"series", "unit", "t": [µs], "v": [...]}."""
    part = slice(window.a, window.b)
    return msgspec.json.encode(
        {"series": series.column, "unit": place.unit, "t": series.t[part].tolist(), "v": series.v[part].tolist()}
    )


def _period(window: Window) -> str:
    start, end = to_datetime(window.t0), to_datetime(window.t1)
    form = "%H:%M" if start.second == end.second == 0 and start.microsecond == end.microsecond == 0 else "%H:%M:%S"
    later = end.strftime(form) if start.date() == end.date() else end.strftime(f"%Y-%m-%d {form}")
    return f"{start.strftime(f'%Y-%m-%d {form}')}–{later}"


def _clock(t: int, day: Any) -> str:
    moment = to_datetime(t)
    form = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.strftime(form if moment.date() == day else f"%Y-%m-%d {form}")


def _figure(value: float) -> str:
    return f"{value:.4g}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.6g}"
