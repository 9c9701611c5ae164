"""What was stored, arrival by arrival, into the records of who delivered it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import msgspec

from ingest.entities import EntityLinker
from ingest.quality import tags_in
from ingest.video.skew import ClipSkew, Skew
from ingest.watchfulness.groups import Places, group_of
from ingest.watchfulness.ledger import Ledger
from ingest.watchfulness.record import Record, Way
from retrieval.ports import Arrival
from retrieval.types import Entity, EntityType

_STEMS = 200


class Fold:
    """For arrivals of one time; `entities` are the tenant's."""

    def __init__(self, ledger: Ledger, places: Places, entities: Sequence[Entity]) -> None:
        self._ledger, self._places, self._entities = ledger, places, entities
        self._things = {each.id: each.type for each in entities}

    @cached_property
    def _known(self) -> Callable[[str], Sequence[str]]:
        return EntityLinker(self._entities).exact

    def take(self, arrival: Arrival) -> None:
        """In the order of storing."""
        if arrival.skew is not None:
            self._skewed(arrival, arrival.skew)
        group = group_of(arrival, self._places, self._things)
        if group is None:
            return
        record = self._ledger.record(group.name, group.way, group.subject)
        record.seen_by(arrival.labels)
        record.hear(arrival.at, arrival.valid)
        # what few may read is not spelt out in a list for all
        if not arrival.labels:
            self._named(arrival, record)

    def _named(self, arrival: Arrival, record: Record) -> None:
        """Tags that name no thing. Rows are called by their keys, and so is what refers to them: such a key is no tag."""
        stems = self._ledger.head.stems
        if arrival.key and (stem := _stem(arrival.key)) and stem not in stems and len(stems) < _STEMS:
            stems.append(stem)
        for tag in tags_in(arrival.text):
            if tag != arrival.key and _stem(tag) not in stems and not self._known(tag):
                record.unnamed(tag)

    def _skewed(self, arrival: Arrival, skew: dict[str, object]) -> None:
        camera = next((each for each in arrival.entities if self._things.get(each) is EntityType.CAMERA), None)
        if camera is not None and arrival.valid is not None:
            told = ClipSkew(arrival.source, arrival.valid.t0, msgspec.convert(skew, Skew))
            self._ledger.record(camera, Way.CAMERA, camera).skewed(told)


def _stem(key: str) -> str:
    """The letters and dash that keys of one table share: "AL-" of "AL-246"; "" where there are none."""
    letters, dash, rest = key.partition("-")
    return letters + dash if dash and letters.isalpha() and rest.isdigit() else ""
