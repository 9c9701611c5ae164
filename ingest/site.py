"""The site description (site.yaml): what stands where, who watches what, and how each source's clocks are read."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingest.ports import SourcePolicy, camera_key
from ingest.yaml_text import parsed
from retrieval.errors import BadSiteDescription
from retrieval.types import Entity, EntityType, Link, LinkType

FILE_NAMES = ("site.yaml", "site.yml")
# what can be asked to be blurred before a picture is kept
Blur: TypeAlias = Literal["person", "face", "plate"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    labels: tuple[str, ...] = ()


class SitePart(_Part, frozen=True, kw_only=True):
    id: str
    name: str
    timezone: str = "UTC"
    aliases: tuple[str, ...] = ()
    blur: tuple[Blur, ...] = ()


class ZonePart(_Part, frozen=True, kw_only=True):
    id: str
    name: str
    aliases: tuple[str, ...] = ()


class AssetPart(_Part, frozen=True, kw_only=True):
    id: str
    name: str
    type: str = ""
    aliases: tuple[str, ...] = ()
    zone: str | None = None
    feeds: tuple[str, ...] = ()


class CameraPart(_Part, frozen=True, kw_only=True):
    id: str
    name: str
    aliases: tuple[str, ...] = ()
    zone: str | None = None
    monitors: tuple[str, ...] = ()
    timezone: str | None = None
    fixed: bool | None = None
    blur: tuple[Blur, ...] = ()


class SensorPart(_Part, frozen=True, kw_only=True):
    id: str
    name: str
    aliases: tuple[str, ...] = ()
    unit: str = ""
    quantity: str = ""
    asset: str | None = None
    zone: str | None = None
    limits: dict[str, float] = {}
    file: str | None = None
    timezone: str | None = None


class PersonPart(_Part, frozen=True, kw_only=True):
    id: str
    name: str
    aliases: tuple[str, ...] = ()
    role: str = ""


class SourcePart(_Part, frozen=True, kw_only=True):
    """Defaults for files whose path below the site folder matches `match` (a shell pattern whose * also spans folders)."""

    match: str
    camera: str | None = None
    sensor: str | None = None
    timezone: str | None = None
    dates: Literal["iso", "us", "eu"] | None = None
    fixed: bool | None = None
    blur: tuple[Blur, ...] = ()


class SiteDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole site.yaml. `image_encoder` is a checkpoint folder, relative to the site's folder, or an open_clip name."""

    site: SitePart
    image_encoder: str | None = None
    zones: tuple[ZonePart, ...] = ()
    assets: tuple[AssetPart, ...] = ()
    cameras: tuple[CameraPart, ...] = ()
    sensors: tuple[SensorPart, ...] = ()
    people: tuple[PersonPart, ...] = ()
    sources: tuple[SourcePart, ...] = ()

    def policy(self, name: str) -> SourcePolicy:
        """What holds for the file at this path below the site folder: the first matching source, then its camera or sensor."""
        given = next((s for s in self.sources if fnmatch.fnmatchcase(name, s.match)), SourcePart(match="*"))
        sensor = next((s for s in self.sensors if s.id == given.sensor or s.file == name), None)
        camera = next((c for c in self.cameras if c.id == given.camera), None)
        owner = camera or sensor
        fixed = given.fixed if given.fixed is not None else camera.fixed if camera else None
        return SourcePolicy(
            timezone=given.timezone or (owner.timezone if owner else None) or self.site.timezone,
            dates=given.dates or "iso",
            camera=given.camera,
            sensor=sensor.id if sensor else None,
            fixed=fixed,
            labels=given.labels or (owner.labels if owner else ()),
            # only ever added up: a source cannot show what its camera or its site hides
            blur=tuple(sorted({*self.site.blur, *given.blur, *(camera.blur if camera else ())})),
            blur_by_camera={} if camera else self._blur_by_camera(),
            labels_by_camera={} if owner or given.labels else self._labels_by_camera(),
        )

    def _blur_by_camera(self) -> dict[str, tuple[str, ...]]:
        """What each camera asks to be blurred, by every name it has; empty where none asks."""
        if not any(camera.blur for camera in self.cameras):
            return {}
        return {camera_key(name): c.blur for c in self.cameras for name in (c.id, c.name, *c.aliases)}

    def _labels_by_camera(self) -> dict[str, tuple[str, ...]]:
        """Who may see what each camera records, by every name it has; empty where none says."""
        if not any(camera.labels for camera in self.cameras):
            return {}
        return {camera_key(name): c.labels for c in self.cameras for name in (c.id, c.name, *c.aliases)}

    def entities(self, tenant: str) -> list[Entity]:
        """The site and everything in it."""
        return [
            Entity(
                id=part.id, type=kind, name=part.name, tenant=tenant, aliases=part.aliases,
                facts=_facts(part), labels=part.labels,
            )
            for kind, part in self._parts()
        ]  # fmt: skip

    def links(self, tenant: str) -> list[Link]:
        """Zone part of site, asset located in zone and feeding assets, what is watched by which camera or sensor; sorted."""
        return sorted({Link(a, kind, b, tenant, labels) for a, kind, b, labels in self._links()})

    def _parts(self) -> Iterator[tuple[EntityType, Any]]:
        yield EntityType.SITE, self.site
        groups = (
            (EntityType.ZONE, self.zones), (EntityType.ASSET, self.assets), (EntityType.CAMERA, self.cameras),
            (EntityType.SENSOR, self.sensors), (EntityType.PERSON, self.people),
        )  # fmt: skip
        for kind, parts in groups:
            for part in parts:
                yield kind, part

    def _links(self) -> Iterator[tuple[str, LinkType, str, tuple[str, ...]]]:
        for zone in self.zones:
            yield zone.id, LinkType.PART_OF, self.site.id, zone.labels
        for asset in self.assets:
            if asset.zone:
                yield asset.id, LinkType.LOCATED_IN, asset.zone, asset.labels
            for target in asset.feeds:
                yield asset.id, LinkType.FEEDS, target, asset.labels
        for camera in self.cameras:
            for watched in (camera.zone, *camera.monitors):
                if watched:
                    yield watched, LinkType.MONITORED_BY, camera.id, camera.labels
        for sensor in self.sensors:
            if sensor.zone:
                yield sensor.id, LinkType.LOCATED_IN, sensor.zone, sensor.labels
            if sensor.asset:
                yield sensor.asset, LinkType.MONITORED_BY, sensor.id, sensor.labels


def read_site(path: Path) -> SiteDescription:
    """Read and check a site description. Raises BadSiteDescription naming the file and the field."""
    try:
        raw = parsed(path.read_bytes())
        site = msgspec.convert(raw, SiteDescription)
    except (OSError, ValueError) as problem:
        raise BadSiteDescription(f"{path.name}: {' '.join(str(problem).split())}") from problem
    for complaint in _complaints(site):
        raise BadSiteDescription(f"{path.name}: {complaint}")
    return site


class _Zoned(Protocol):
    @property
    def timezone(self) -> str | None: ...


def _facts(part: Any) -> dict[str, Any]:
    fields = msgspec.to_builtins(part)
    common = {"id", "name", "aliases", "labels", "feeds", "monitors"}
    return {key: value for key, value in fields.items() if key not in common and value not in (None, "", {}, [])}


def _complaints(site: SiteDescription) -> Iterator[str]:
    yield from _twice(part.id for _, part in site._parts())
    yield from _bad_zones(site)
    known = {part.id: kind for kind, part in site._parts()}
    for field, target, kinds in _references(site):
        if target is not None and known.get(target) not in kinds:
            yield f"{field}: {target!r} is not a declared {' or '.join(kind.value for kind in kinds)}"


def _twice(ids: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            yield f"id {name!r} is declared twice"
        if not name.strip():
            yield "an id is blank"
        seen.add(name)


def _bad_zones(site: SiteDescription) -> Iterator[str]:
    zoned: list[tuple[str, _Zoned]] = [("site", site.site)]
    zoned += [(f"cameras[{i}]", part) for i, part in enumerate(site.cameras)]
    zoned += [(f"sensors[{i}]", part) for i, part in enumerate(site.sensors)]
    zoned += [(f"sources[{i}]", part) for i, part in enumerate(site.sources)]
    for field, part in zoned:
        try:
            ZoneInfo(part.timezone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            yield f"{field}.timezone: {part.timezone!r} is not an IANA time zone"


def _references(site: SiteDescription) -> Iterator[tuple[str, str | None, tuple[EntityType, ...]]]:
    zone, asset = (EntityType.ZONE,), (EntityType.ASSET,)
    for i, a in enumerate(site.assets):
        yield f"assets[{i}].zone", a.zone, zone
        for target in a.feeds:
            yield f"assets[{i}].feeds", target, asset
    for i, c in enumerate(site.cameras):
        yield f"cameras[{i}].zone", c.zone, zone
        for target in c.monitors:
            yield f"cameras[{i}].monitors", target, (EntityType.ASSET, EntityType.ZONE)
    for i, s in enumerate(site.sensors):
        yield f"sensors[{i}].zone", s.zone, zone
        yield f"sensors[{i}].asset", s.asset, asset
    for i, source in enumerate(site.sources):
        yield f"sources[{i}].camera", source.camera, (EntityType.CAMERA,)
        yield f"sources[{i}].sensor", source.sensor, (EntityType.SENSOR,)
