"""What holds for a camera: what its file says, on top of what the site description told the catalog."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingest.live.cameras import Camera
from ingest.ports import SourcePolicy
from retrieval.errors import BadSettings
from retrieval.ids import content_hash
from retrieval.ports import Unit
from retrieval.types import Entity, EntityType, Link, LinkType

# marks a camera that only the cameras file describes
_BY = "cameras file"


def policy_of(name: str, camera: Camera, entities: Sequence[Entity]) -> SourcePolicy:
    """Labels and what must be blurred are only ever added up: a live camera cannot show what its site hides."""
    known = next((each for each in entities if each.id == name), None)
    sites = [each for each in entities if each.type is EntityType.SITE]
    hidden = {part for each in (*sites, known) if each for part in each.facts.get("blur", ())}
    fixed = camera.fixed if camera.fixed is not None else known.facts.get("fixed") if known else None
    return SourcePolicy(
        timezone=_zone(known, sites),
        camera=name,
        fixed=fixed,
        labels=_labels(camera, known),
        blur=tuple(sorted(hidden | set(camera.blur))),
    )


def _labels(camera: Camera, known: Entity | None) -> tuple[str, ...]:
    """Any of the labels lets in: those of the file are a narrower choice, so they stand alone where there are any."""
    return camera.labels or (known.labels if known else ())


def _zone(known: Entity | None, sites: Sequence[Entity]) -> str:
    told = [each.facts.get("timezone") for each in (known, *sites) if each]
    return next((zone for zone in told if zone), "UTC")


def declared(name: str, camera: Camera, tenant: str, entities: Sequence[Entity]) -> Unit | None:
    """The unit that tells of a camera which no site description knows; None where one does. Raises BadSettings for places that nothing
    has told of."""
    known = {each.id: each for each in entities}
    watched = [place for place in (camera.zone, *camera.monitors) if place]
    for place in watched:
        if place not in known:
            raise BadSettings(f"camera {name}: {place!r} is not known; ingest the site.yaml that describes it first")
    if name in known and known[name].facts.get("told_by") != _BY:
        return None
    labels = camera.labels
    entity = Entity(
        id=name, type=EntityType.CAMERA, name=camera.name or name, tenant=tenant, facts={"told_by": _BY}, labels=labels
    )
    links = [Link(place, LinkType.MONITORED_BY, name, tenant, labels) for place in watched]
    digest = content_hash(msgspec.json.encode([entity, links], order="deterministic"))
    return Unit(tenant, f"camera:///{name}", digest, "cameras@1", entities=[entity], links=links)
