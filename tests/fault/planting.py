"""Planting differences: an index is told another truth than the catalog's, through the way it is told everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec
from yard import SPACE, Yard, ids_of, tenant_of, vector

from retrieval.ports import LogEntry, Projected, Projection
from retrieval.types import Entity, Link, LinkType, Vector

GHOSTS = 10**6
Links: TypeAlias = Callable[[list[Link]], list[Link]]
Entries: TypeAlias = Sequence[LogEntry]


class Doctored:
    """A log that tells revisions and links through `change`."""

    def __init__(self, yard: Yard, change: Callable[[list[Projected]], list[Projected]]) -> None:
        self._catalog, self._change = yard.catalog, change
        self.links: Links = lambda links: links

    def sequence(self) -> int:
        return self._catalog.sequence()

    def log(self, after: int, limit: int = 500) -> list[LogEntry]:
        return self._catalog.log(after, limit)

    def projected(self, ids: Sequence[str]) -> list[Projected]:
        return self._change(self._catalog.projected(ids))

    def embeddings(self, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
        for item in self.projected(ids):
            yield item.row, SPACE, vector("planted", item.row)

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]:
        entities, links = self._catalog.site(tenant)
        return entities, self.links(links)


def _tell(yard: Yard, part: Projection, numbers: Sequence[int], log: Doctored, site: bool = False) -> None:
    by_tenant: defaultdict[str, list[str]] = defaultdict(list)
    for number in numbers:
        by_tenant[tenant_of(number)] += ids_of(number)
    for tenant, ids in by_tenant.items():
        part.apply([LogEntry(part.applied(), tenant, () if site else tuple(ids), (), site)], log)


def plant_missing(yard: Yard, part: Projection, numbers: Sequence[int]) -> None:
    """The index loses these sources' pieces."""
    _tell(yard, part, numbers, Doctored(yard, lambda items: []))


def plant_stale(yard: Yard, part: Projection, numbers: Sequence[int]) -> None:
    """It has them with other words, times, labels, entities and vectors."""

    def other(items: list[Projected]) -> list[Projected]:
        changed = {"text": "something else entirely", "recorded_at": 1, "labels": ("planted",), "entities": ()}
        return [Projected(item.row, msgspec.structs.replace(item.evidence, **changed)) for item in items]

    _tell(yard, part, numbers, Doctored(yard, other))


def plant_extra(yard: Yard, part: Projection, numbers: Sequence[int]) -> None:
    """It has each of them once more, as a row that the catalog has not."""

    def doubled(items: list[Projected]) -> list[Projected]:
        ghosts = [Projected(GHOSTS + item.row, item.evidence) for item in items]
        return [*items, *ghosts]

    class Truthful(Doctored):
        def embeddings(self, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
            yield from self._catalog.embeddings(ids)
            for item in self.projected(ids):
                if item.row > GHOSTS:
                    yield item.row, SPACE, vector("ghost", item.row)

    _tell(yard, part, numbers, Truthful(yard, doubled))


def plant_links(yard: Yard, part: Projection, numbers: Sequence[int], links: Links) -> None:
    """It has other links between the entities of these sources' tenants."""
    log = Doctored(yard, lambda items: items)
    log.links = links
    _tell(yard, part, numbers, log, site=True)


def without_first(links: list[Link]) -> list[Link]:
    return links[1:]


def with_another(links: list[Link]) -> list[Link]:
    return [*links, Link("pump-1", LinkType.MONITORED_BY, "pump-2", links[0].tenant)]


def relabelled(links: list[Link]) -> list[Link]:
    return [msgspec.structs.replace(links[0], labels=("planted",)), *links[1:]]
