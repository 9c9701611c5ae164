"""Moments against a sample site's truth: asked for by name, is the first moment found the one that somebody would point at?

One query for each recording and each thing that was in front of its camera for five seconds or more: the thing's name, over that camera and
that time. The first hit's moment counts when its span and that of one sighting have an intersection over union of 0.5 or more, the measure
of moment retrieval (Gao et al., TALL, ICCV 2017: R@1, IoU=0.5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from app.ports import Service
from app.principals import local_principal
from app.settings import load
from app.wiring import build
from eval.resampling import interval
from eval.site import generate
from eval.site.scripts import Sighting
from eval.site.story import tell
from retrieval.errors import EvidenceNotFound
from retrieval.times import to_micros
from retrieval.types import Evidence, Filter, Interval, Kind, Principal, Query

Progress = Callable[[int, int, str], None]
_LEAST = timedelta(seconds=5)
_ALIKE = 0.5


class Asked(NamedTuple):
    """One query and the spans that would be right."""

    attribute: str
    camera: str
    window: Interval
    truth: tuple[Interval, ...]


class Found(NamedTuple):
    """`iou` of the first hit's moment with the best sighting, `plain` the same of the moment as it was ingested; 0 for nothing found."""

    asked: Asked
    iou: float
    plain: float


def run(seed: int, days: int, folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Generate a site, take it in, ask; {n, r_at_1, interval, r_at_1_as_ingested, by_attribute, missed}."""
    if not (folder / "site").is_dir():
        generate(seed, days, folder / "site", progress)
    settings = load(data_dir=folder / "store")
    service = build(settings)
    try:
        principal = local_principal(settings)
        service.ingest([folder / "site" / "site"], principal)
        rows = [_found(service, principal, asked) for asked in queries(tell(seed, days).sights)]
    finally:
        service.close()
    return summary(rows)


def queries(sights: Sequence[Sighting]) -> list[Asked]:
    """One for each attribute of each recording."""
    groups: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for sight in sights:
        if sight.end - sight.start >= _LEAST:
            groups[sight.recording.path, sight.attribute].append(sight)
    return [
        Asked(
            attribute,
            same[0].recording.camera.id,
            Interval(to_micros(same[0].recording.start), to_micros(same[0].recording.end)),
            tuple(Interval(to_micros(each.start), to_micros(each.end)) for each in same),
        )
        for (_, attribute), same in sorted(groups.items(), key=lambda group: group[0])
    ]


def summary(rows: Sequence[Found]) -> dict[str, Any]:
    """Shares with IoU of at least 0.5, over all queries and by attribute."""
    right = [row.iou >= _ALIKE for row in rows]
    names = sorted({row.asked.attribute for row in rows})
    missed = [row for row in rows if row.iou < _ALIKE]
    return {
        "n": len(rows),
        "r_at_1": sum(right) / len(rows),
        "interval": interval(lambda at: sum(right[i] for i in at) / len(at), [1] * len(rows)),
        "r_at_1_as_ingested": sum(row.plain >= _ALIKE for row in rows) / len(rows),
        "by_attribute": {name: _share([row for row in rows if row.asked.attribute == name]) for name in names},
        "missed": [
            {"attribute": row.asked.attribute, "camera": row.asked.camera, "iou": round(row.iou, 3)} for row in missed
        ],
    }


def _share(rows: Sequence[Found]) -> dict[str, float]:
    return {"n": len(rows), "r_at_1": sum(row.iou >= _ALIKE for row in rows) / len(rows)}


def _found(service: Service, principal: Principal, asked: Asked) -> Found:
    wanted = Filter(kinds=(Kind.FRAME,), entities=(asked.camera,), window=asked.window)
    hits = service.search(Query(text=asked.attribute, filter=wanted, k=1), principal)
    if not hits:
        return Found(asked, 0.0, 0.0)
    first = hits[0].evidence
    return Found(
        asked,
        _best(_span(service, principal, first, asked.attribute), asked),
        _best(_span(service, principal, first, None), asked),
    )


def _span(service: Service, principal: Principal, frame: Evidence, label: str | None) -> Interval | None:
    try:
        return service.moment(frame.id, principal, label).valid
    except EvidenceNotFound:  # the frame does not show it
        return None


def _best(found: Interval | None, asked: Asked) -> float:
    return max(iou(found, true) for true in asked.truth) if found else 0.0


def iou(one: Interval, other: Interval) -> float:
    """Intersection over union of two spans of time, in [0, 1]."""
    shared = one.intersection(other)
    common = shared.seconds if shared else 0.0
    both = one.seconds + other.seconds - common
    return common / both if both > 0 else 0.0
