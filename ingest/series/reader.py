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
from ingest.series.gaps import gaps
from ingest.series.joint import Episode, episodes, groups, joint_flags
from ingest.series.samples import Series, read_series, spans
from ingest.series.telling import window_text
from ingest.series.units import named, same
from ingest.series.windows import Window, buckets, crossings, cut, figures, flags
from ingest.tables.reading import clock_for
from ingest.tables.shape import Shape
from ingest.tables.table import Table
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

READER = "series-reader@3"
_WIDE = 4
SAMPLES = "application/vnd.watchfloor.samples+json"


class _Place(NamedTuple):
    """What a series is, beyond its numbers. `subject` is what coverage is about, `asset` what it belongs to ("" where that is unknown)."""

    subject: str
    title: str
    quantity: str
    unit: str
    limits: dict[str, float]
    mentions: tuple[Mention, ...]
    asset: str = ""
    notes: tuple[str, ...] = ()


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
    places = [_place(series, table, item, site, known) for series in found]
    together = _episodes(found, places)
    for index, (series, place) in enumerate(zip(found, places, strict=True)):
        place = place._replace(notes=(*table.notes, *series.notes, *place.notes))
        drafts = list(_drafts(series, place, zone, len(found) > _WIDE, together.get(index, ())))
        yield Batch(drafts, _coverage(series, place, item, tenant), entities if index == 0 else ())


def _episodes(found: Sequence[Series], places: Sequence[_Place]) -> dict[int, list[Episode]]:
    """The episodes of the group that a series, by its place in the file, belongs to."""
    assets = {id(series): place.asset for series, place in zip(found, places, strict=True)}
    told = [(group, episodes(found, group)) for group in groups(found, lambda series: assets[id(series)])]
    return {member: episodes_ for group, episodes_ in told for member in group.members}


def _drafts(series: Series, place: _Place, zone: tzinfo, wide: bool, together: Sequence[Episode]) -> Iterator[Draft]:
    anomalies = flag(series.t, series.v)
    for window in cut(series, zone, wide):
        data = {
            "series": series.column, "unit": place.unit, "quantity": place.quantity, "step_s": series.step / 1e6,
            **figures(series, window), "limits": place.limits,
            "crossings": crossings(series, window, place.limits), "anomalies": flags(series, window, anomalies),
            "joint": joint_flags(window, series.column, together), "gaps": gaps(series, window),
            "buckets": buckets(series, window),
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
            models={"anomalies": standard.VERSION, **({"joint": standard.ROWS_VERSION} if data["joint"] else {})},
            notes=place.notes,
        )


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
    unit, limits, notes = _scale(series, sensor)
    return _Place(
        sensor.id, title, quantity or sensor.name, unit, limits, tuple(mentions), asset or series.asset, notes
    )


def _scale(series: Series, sensor: Entity) -> tuple[str, dict[str, float], tuple[str, ...]]:
    """Unit and limits of a declared sensor. What the file says of its own numbers wins; limits in another unit are not compared."""
    limits = {str(k): float(v) for k, v in dict(sensor.facts.get("limits", {})).items()}
    declared = str(sensor.facts.get("unit", ""))
    told = series.unit or named(series.column).unit
    if not told or not declared or same(told, declared):
        return declared or told, limits, ()
    note = f"the file gives {told}, the site description {declared}: values stay in {told} and limits are not compared"
    return told, {}, (note,)


def _unbound(series: Series, table: Table, item: Item, known: EntityLinker) -> _Place:
    """A column nobody declared: it is called by its file, its asset and itself, and covers only `file#column`."""
    column, unit = named(series.column)
    words = re.sub(r"[_\s]+", " ", column).strip()
    stem = re.sub(r"[_\s]+", " ", table.stem).strip()
    title = f"{words} ({series.asset}) of {stem}" if series.asset else f"{words} of {stem}"
    assets = known.exact(series.asset) or ((series.asset,) if any(c.isdigit() for c in series.asset) else ())
    mentions = tuple(Mention(asset, Relation.MENTIONS) for asset in assets)
    return _Place(f"{item.uri}#{series.column}", title, words, series.unit or unit, {}, mentions, series.asset)


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
