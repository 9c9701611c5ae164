"""The graph as dictionaries, walked in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrieval import walking
from retrieval.digests import digest
from retrieval.fakes.shelf import Documented
from retrieval.ports import LogEntry, LogReader, Neighbour
from retrieval.projecting import UNKNOWN, Times, admits, audience, sites
from retrieval.reconciling import Mark
from retrieval.types import Entity, Filter, Link, Micros, Principal


class MemoryGraph(Documented):
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

    def marks(self) -> Iterator[Mark]:
        yield from super().marks()
        for tenant, (entities, links) in self._sites.items():
            yield from self.expected_site(tenant, list(entities.values()), links)

    def expected_site(self, tenant: str, entities: Sequence[Entity], links: Sequence[Link]) -> Iterator[Mark]:
        for entity in entities:
            yield ("entity", tenant, entity.id), digest(audience(entity.labels))
        for link in dict.fromkeys(links):
            yield ("link", tenant, link.source, link.type.value, link.target), digest(audience(link.labels))

    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal) -> list[Neighbour]:
        there, links = self._sites.get(principal.tenant, ({}, []))
        return walking.neighbours((list(there.values()), links), entities, hops, principal)

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
