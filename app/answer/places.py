"""Which cameras and sensors watch a place or a thing, by the site's links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from retrieval.types import Entity, EntityType, Link, LinkType


class Site(NamedTuple):
    """The entities by id, and the links, that the asker may see."""

    entities: Mapping[str, Entity]
    links: Sequence[Link]

    def of(self, ids: Iterable[str], *types: EntityType) -> list[Entity]:
        """The entities of these types among the ids, in order."""
        return [self.entities[i] for i in ids if i in self.entities and self.entities[i].type in types]

    def watchers(self, ids: Iterable[str], kind: EntityType) -> list[str]:
        """Cameras (or sensors) that watch the given things: themselves, those linked to them, else those of their zone."""
        ids = list(ids)
        named = [e.id for e in self.of(ids, kind)]
        if named:
            return named
        direct = self._linked(ids, kind)
        if direct:
            return direct
        zones = [link.target for link in self.links if link.source in ids and link.type is LinkType.LOCATED_IN]
        return self._linked(zones, kind)

    def _linked(self, ids: Iterable[str], kind: EntityType) -> list[str]:
        wanted = set(ids)
        found = [link.target for link in self.links if link.source in wanted and link.type is LinkType.MONITORED_BY]
        found += [link.source for link in self.links if link.target in wanted and link.type is LinkType.LOCATED_IN]
        return list(dict.fromkeys(i for i in found if i in self.entities and self.entities[i].type is kind))

    def name(self, entity_id: str) -> str:
        """How people call it."""
        entity = self.entities.get(entity_id)
        return entity.name if entity else entity_id
