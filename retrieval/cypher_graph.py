"""The Graph port in Cypher, whatever store runs the statements.

Evidence nodes are keyed by catalog row, entity nodes by tenant and id together. Every revision has a node; entities that
evidence mentions but no site describes are nodes without links.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from retrieval.digests import digest
from retrieval.errors import BadQuery
from retrieval.failpoints import NOWHERE, Failpoints
from retrieval.failpoints import Step as Failpoint
from retrieval.ports import LogEntry, LogReader, Neighbour, Projected
from retrieval.projecting import EVERYONE, Change, Times, audience, audiences, changes, known_at, last, sites
from retrieval.queries import relationship
from retrieval.reconciling import Mark
from retrieval.types import Entity, Link, LinkType, Micros, Principal, Relation

BATCH = 2000


class Step(NamedTuple):
    """One statement of a transaction: its name, what it binds, and the relationship type where it has a gap for one."""

    name: str
    params: Mapping[str, Any]
    kind: LinkType | Relation | None = None


def entity_key(tenant: str, id_: str) -> str:
    """One key for (tenant, id) that no other pair can have."""
    return f"{len(tenant)}:{tenant}:{id_}"


class CypherGraph(ABC):
    """What both stores do alike. A subclass runs statements: `_read` in a read transaction, `_write` all steps in one."""

    name = "graph"
    failpoints: Failpoints = NOWHERE
    # so many pieces are parted from what they hang on one by one
    few = 0

    @abstractmethod
    def _read(self, name: str, params: Mapping[str, Any]) -> list[list[Any]]:
        """Rows of a reading statement, columns in order. Raises GraphUnavailable."""

    @abstractmethod
    def _write(self, steps: Sequence[Step]) -> None:
        """Run the steps in one transaction. Raises GraphUnavailable."""

    @abstractmethod
    def reset(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    def applied(self) -> int:
        found = self._read("applied", {})
        return int(found[0][0]) if found else 0

    def rows(self) -> set[int]:
        """Catalog rows this graph knows, for reconciling."""
        return {int(row) for (row,) in self._read("rows", {})}

    def marks(self) -> Iterator[Mark]:
        """Of every node and edge, for reconciling."""
        hanging: defaultdict[int, list[list[str]]] = defaultdict(list)
        for row, relation, key in self._read("held_relations", {}):
            hanging[int(row)].append([str(relation), str(key)])
        for row, *told in self._read("held_evidence", {}):
            yield int(row), digest(*told, sorted(hanging[int(row)]))
        for tenant, id_, key, labels in self._read("held_entities", {}):
            yield _entity_mark(tenant, id_, key, labels)
        for tenant, source, link, target, labels in self._read("held_links", {}):
            yield ("link", tenant, source, link, target), digest(labels)

    def expected(self, page: Sequence[Projected], log: LogReader) -> Iterator[Mark]:
        for item in page:
            node, tenant = _node(item), item.evidence.tenant
            mentions = dict.fromkeys(item.evidence.entities)
            hanging = sorted([relationship(each.relation), entity_key(tenant, each.entity)] for each in mentions)
            told = (node["id"], tenant, node["labels"], node["t0"], node["recorded_at"], node["superseded_at"])
            yield item.row, digest(*told, hanging)

    def expected_site(self, tenant: str, entities: Sequence[Entity], links: Sequence[Link]) -> Iterator[Mark]:
        for entity in {each.id: each for each in entities}.values():
            yield _entity_mark(tenant, entity.id, entity_key(tenant, entity.id), audience(entity.labels))
        for link in dict.fromkeys(links):
            ends = (link.source, relationship(link.type), entity_key(tenant, link.target))
            yield ("link", tenant, *ends), digest(audience(link.labels))

    def forget(self, rows: Collection[int]) -> None:
        """Drop nodes of evidence, for reconciling."""
        owned: defaultdict[str, list[int]] = defaultdict(list)
        for start in range(0, len(rows), BATCH):
            for tenant, row in self._read("owners", {"rows": sorted(rows)[start : start + BATCH]}):
                owned[str(tenant)].append(int(row))
        for tenant, own in owned.items():
            self._write(list(_batches("drop_rows", own, tenant)))

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for change in changes(entries, log, BATCH):
            self._write(list(self._evidence_steps(change)))
        for tenant in sites(entries):
            self._write(list(_site_steps(tenant, *log.site(tenant))))
        self.failpoints.reach(Failpoint.GRAPH_COMMITTED)
        before = self.applied()
        if (reached := last(entries, before)) != before:
            self._write([Step("save_applied", {"applied": reached})])

    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal) -> list[Neighbour]:
        """As the port says; every entity and link on the way must be visible, the seeds too. Raises BadQuery."""
        if hops not in (1, 2):
            raise BadQuery(f"hops must be 1 or 2, not {hops}")
        seen = set(entities)
        frontier: dict[str, tuple[str, ...]] = dict.fromkeys(seen, ())
        found: list[Neighbour] = []
        for hop in range(1, hops + 1):
            frontier = self._step(frontier, seen, principal)
            found += [Neighbour(entity, hop, via) for entity, via in sorted(frontier.items())]
            seen |= set(frontier)
        return found

    def evidence(
        self, entities: Sequence[str], principal: Principal, limit: int = 200, as_of: Micros | None = None
    ) -> list[str]:
        if not entities or limit < 1:
            return []
        params = self._asking(entities, principal) | {"known": known_at(as_of), "limit": limit}
        return [str(id_) for id_, _ in self._read("evidence", params)]

    def _step(
        self, frontier: Mapping[str, tuple[str, ...]], seen: set[str], principal: Principal
    ) -> dict[str, tuple[str, ...]]:
        """One hop on from the frontier to entities not seen; of several ways the first by name is kept."""
        reached: dict[str, tuple[str, ...]] = {}
        if not frontier:
            return reached
        for near, relation, far in self._read("neighbours", self._asking(list(frontier), principal)):
            via = (*frontier[near], str(relation).lower())
            if far not in seen and via < reached.get(far, ("\U0010ffff",)):
                reached[far] = via
        return reached

    def _asking(self, entities: Iterable[str], principal: Principal) -> dict[str, Any]:
        keys = [entity_key(principal.tenant, id_) for id_ in dict.fromkeys(entities)]
        return {"keys": keys, "tenant": principal.tenant, "audiences": audiences(principal)}

    def _named(self, change: Change) -> set[int]:
        """Rows held of what may have fewer revisions than before: found among all rows, so asked only where it is so."""
        if not change.fewer:
            return set()
        return {int(row) for (row,) in self._read("held_rows", {"ids": change.fewer, "tenant": change.tenant})}

    def _known(self, name: str, keys: Sequence[Any], tenant: str) -> set[Any]:
        """Which of these have a node: found by their keys, whatever the graph's size."""
        return {key for (key,) in self._read(name, {"keys": list(keys), "tenant": tenant})} if keys else set()

    def _evidence_steps(self, change: Change) -> Iterator[Step]:
        tenant, nodes = change.tenant, {item.row: _node(item) for item in change.present}
        held = self._known("known_rows", sorted(nodes), tenant)
        yield from _batches("drop_rows", sorted(self._named(change) - set(nodes)), tenant)
        yield from self._parted(sorted(held), tenant)
        yield from _batches("set_evidence", [nodes[row] for row in sorted(held)], tenant)
        yield from _batches("add_evidence", [node for row, node in nodes.items() if row not in held], tenant)
        yield from self._hung(change)

    def _parted(self, rows: Sequence[int], tenant: str) -> Iterator[Step]:
        """Pieces hang on nothing any more."""
        if len(rows) > self.few:
            yield from _batches("clear_relations", rows, tenant)
        else:
            yield from (Step("clear_relations_of", {"row": row}) for row in rows)

    def _hung(self, change: Change) -> Iterator[Step]:
        """What the pieces hang on."""
        tenant = change.tenant
        mentions = [(item.row, mention) for item in change.present for mention in dict.fromkeys(item.evidence.entities)]
        named = {entity_key(tenant, id_): id_ for id_ in sorted({mention.entity for _, mention in mentions})}
        there = self._known("known_entities", list(named), tenant)
        fresh = [_entity(tenant, id_) for key, id_ in named.items() if key not in there]
        yield from _batches("touch_entities", fresh, tenant)
        for kind in Relation:
            pairs = [
                {"row": row, "key": entity_key(tenant, mention.entity)}
                for row, mention in mentions
                if mention.relation is kind
            ]
            yield from _batches("hang", pairs, tenant, kind)


def _site_steps(tenant: str, entities: Sequence[Entity], links: Sequence[Link]) -> Iterator[Step]:
    """The tenant's site as it stands now: links replaced, entities brought up to date, entities gone left without labels."""
    described = [_entity(tenant, entity.id, entity.labels) for entity in {e.id: e for e in entities}.values()]
    ends = sorted({end for link in links for end in (link.source, link.target)})
    yield Step("clear_links", {"tenant": tenant})
    keys = [entity["key"] for entity in described]
    yield Step("retire_entities", {"tenant": tenant, "keys": keys, "labels": [EVERYONE]})
    yield from _batches("upsert_entities", described, tenant)
    yield from _batches("touch_entities", [_entity(tenant, id_) for id_ in ends], tenant)
    for kind in LinkType:
        rows = [
            {
                "source": entity_key(tenant, link.source),
                "target": entity_key(tenant, link.target),
                "labels": audience(link.labels),
            }
            for link in dict.fromkeys(links)
            if link.type is kind
        ]
        yield from _batches("link", rows, tenant, kind)


def _batches(name: str, rows: Sequence[Any], tenant: str, kind: LinkType | Relation | None = None) -> Iterator[Step]:
    for start in range(0, len(rows), BATCH):
        yield Step(name, {"rows": list(rows[start : start + BATCH]), "tenant": tenant}, kind)


def _entity_mark(tenant: str, id_: str, key: str, labels: Sequence[str]) -> Mark:
    """Nobody misses an entity that everyone may see: as an end of links and relations it is looked at there."""
    told = 0 if list(labels) == [EVERYONE] and key == entity_key(tenant, id_) else digest(key, list(labels))
    return ("entity", tenant, id_), told


def _entity(tenant: str, id_: str, labels: Sequence[str] = ()) -> dict[str, Any]:
    return {"key": entity_key(tenant, id_), "id": id_, "labels": audience(labels)}


def _node(item: Projected) -> dict[str, Any]:
    times = Times.of(item.evidence)
    return {
        "row": item.row,
        "id": item.evidence.id,
        "labels": audience(item.evidence.labels),
        "t0": times.t0,
        "recorded_at": times.recorded,
        "superseded_at": times.superseded,
    }
