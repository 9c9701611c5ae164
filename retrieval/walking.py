"""Walking a site's links in plain Python: what graphs do in their own words, and what is asked of how a site was known to be earlier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from retrieval.errors import BadQuery
from retrieval.ports import Neighbour
from retrieval.types import Entity, Link, Principal

# entity id → (link, the entity at its other end)
_Ends: TypeAlias = Mapping[str, Sequence[tuple[Link, str]]]


def neighbours(
    site: tuple[Sequence[Entity], Sequence[Link]], seeds: Sequence[str], hops: int, principal: Principal
) -> list[Neighbour]:
    """See Graph.neighbours: over entities and links that the principal may see. Raises BadQuery for hops other than 1 and 2."""
    if hops not in (1, 2):
        raise BadQuery(f"hops must be 1 or 2, not {hops}")
    entities = {entity.id: entity for entity in site[0]}
    ends: dict[str, list[tuple[Link, str]]] = defaultdict(list)
    for link in site[1]:
        if _sees(principal, link) and all(_sees(principal, entities.get(end)) for end in (link.source, link.target)):
            ends[link.source].append((link, link.target))
            ends[link.target].append((link, link.source))
    best: dict[str, Neighbour] = {}
    for entity, via in (walk for seed in dict.fromkeys(seeds) for walk in _walks(ends, seed, (), hops)):
        found = Neighbour(entity, len(via), via)
        if entity not in seeds and (entity not in best or found[1:] < best[entity][1:]):
            best[entity] = found
    return sorted(best.values(), key=lambda found: (found.hops, found.entity))


def _walks(ends: _Ends, start: str, via: tuple[str, ...], left: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every walk of at most `left` more links."""
    for link, far in ends.get(start, ()) if left else ():
        yield far, (*via, link.type.value)
        yield from _walks(ends, far, (*via, link.type.value), left - 1)


def _sees(principal: Principal, thing: Entity | Link | None) -> bool:
    return thing is None or not thing.labels or not set(thing.labels).isdisjoint(principal.labels)
