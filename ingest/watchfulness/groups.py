"""Who delivered a source: its feed, its folder, its mapping of a warehouse; of recordings the camera or sensor itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ingest.watchfulness.record import Way
from retrieval.ports import Arrival
from retrieval.types import EntityType

OWN = "watchfloor:"
WAREHOUSE = "warehouse:///"
_STARTS = {"feed:///": Way.FEED, WAREHOUSE: Way.MAPPING}
_WAYS = {EntityType.CAMERA: Way.CAMERA, EntityType.SENSOR: Way.SERIES}


class Group(NamedTuple):
    """Who delivers. `name` is the uri that its sources share, or the entity's id where that is what records."""

    name: str
    way: Way
    subject: str = ""


class Places(NamedTuple):
    """Uris, each ending in "/", below which files are no delivery of their folder: `uploads` are one group, what is `kept` here (the clips
    of live cameras) was delivered by whom it shows."""

    uploads: str = ""
    kept: str = ""


def group_of(arrival: Arrival, places: Places, things: Mapping[str, EntityType]) -> Group | None:
    """None for what nobody delivers: our own alarms, what was made out of other evidence, and a column of a single file."""
    if arrival.subject:
        return _recorder(arrival, things)
    source = arrival.source
    if "#" in source or source.startswith(OWN) or (places.kept and source.startswith(places.kept)):
        return None
    if places.uploads and source.startswith(places.uploads):
        return Group(places.uploads, Way.FOLDER)
    for start, way in _STARTS.items():
        if source.startswith(start):
            return Group(named(source, start, way), way)
    return Group(source.rpartition("/")[0] + "/", Way.FOLDER)


def named(source: str, start: str, way: Way) -> str:
    """ "feed:///alarms/AL-1" → "feed:///alarms", "warehouse:///plant/alarms@2026-03-04" → "warehouse:///plant/alarms"."""
    rest = source.removeprefix(start)
    return start + (rest.partition("/")[0] if way is Way.FEED else rest.partition("@")[0])


def _recorder(arrival: Arrival, things: Mapping[str, EntityType]) -> Group | None:
    if "#" in arrival.subject or arrival.subject == arrival.source:
        return None
    own = Way.CAMERA if arrival.source.startswith("camera:///") else Way.SERIES
    return Group(arrival.subject, _WAYS.get(things.get(arrival.subject, EntityType.SITE), own), arrival.subject)
