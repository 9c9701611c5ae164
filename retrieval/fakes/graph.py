"""The graph as dictionaries, walked in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrieval.errors import BadQuery
from retrieval.fakes.shelf import Shelf
from retrieval.ports import LogEntry, LogReader, Neighbour
from retrieval.projecting import UNKNOWN, Times, admits, sites
from retrieval.types import Entity, Filter, Link, Micros, Principal


class MemoryGraph(Shelf):
    """The Graph port without a store."""

    name = "graph"

    def __init__(self) -> None:
        super().__init__()
        self._sites: dict[str, tuple[dict[str, Entity], list[Link]]] = {}

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for tenant in sites(entries):
            entities, links = log.site(tenant)
            self._sites[tenant] = ({entity.id: entity for entity in entities}, list(links))
        super().apply(entries, log)

    def reset(self) -> None:
        super().reset()
        self._sites = {}

    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal) -> list[Neighbour]:
        if hops not in (1, 2):
            raise BadQuery(f"hops must be 1 or 2, not {hops}")
        best: dict[str, Neighbour] = {}
        for seed in dict.fromkeys(entities):
            for entity, via in self._walks(seed, (), hops, principal):
                found = Neighbour(entity, len(via), via)
                if entity not in entities and (entity not in best or found[1:] < best[entity][1:]):
                    best[entity] = found
        return sorted(best.values(), key=lambda found: (found.hops, found.entity))

    def evidence(
        self, entities: Sequence[str], principal: Principal, limit: int = 200, as_of: Micros | None = None
    ) -> list[str]:
        if not entities or limit < 1:
            return []
        filter_ = Filter(entities=tuple(entities), as_of=as_of)
        times: dict[str, Micros] = {}
        for item in self._held.values():
            if admits(item, filter_, principal):
                times[item.id] = max(times.get(item.id, UNKNOWN), Times.of(item).t0)
        return sorted(times, key=lambda id_: (-times[id_], id_))[:limit]

    def _walks(
        self, start: str, via: tuple[str, ...], left: int, principal: Principal
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every walk of at most `left` more links whose entities and links are all visible."""
        entities, links = self._sites.get(principal.tenant, ({}, []))
        if not left or not _sees(principal, entities.get(start)):
            return
        for link in links:
            ends = {link.source: link.target, link.target: link.source}
            far = ends.get(start)
            if far is None or not _sees(principal, link) or not _sees(principal, entities.get(far)):
                continue
            yield far, (*via, link.type.value)
            yield from self._walks(far, (*via, link.type.value), left - 1, principal)


def _sees(principal: Principal, thing: Entity | Link | None) -> bool:
    return thing is None or not thing.labels or not set(thing.labels).isdisjoint(principal.labels)
