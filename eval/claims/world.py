"""What claims are made about: a store's evidence, its samples and its site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import cached_property
from typing import NamedTuple

from retrieval.types import Entity, EntityType, Evidence, Kind, Micros, Relation

# fields that every work order has
_ORDER = {"id", "asset"}


class Series(NamedTuple):
    """Samples of a window: UTC microseconds and values, of the same length, in order of time."""

    t: Sequence[Micros]
    v: Sequence[float]


class World:
    """Everything a claim can be about, in a fixed order (kind, time, source, id): the same store gives the same claims."""

    def __init__(
        self,
        evidence: Iterable[Evidence],
        entities: Iterable[Entity],
        samples: Callable[[Evidence], Series | None],
        zone: tzinfo,
    ) -> None:
        self._samples, self.zone = samples, zone
        # ids differ from store to store (they are keyed), so they must not decide the order
        self.evidence = sorted(evidence, key=lambda e: (e.kind.value, e.valid.t0 if e.valid else 0, e.source, e.text))
        self.entities = {e.id: e for e in entities}

    @cached_property
    def by_id(self) -> Mapping[str, Evidence]:
        return {e.id: e for e in self.evidence}

    @cached_property
    def of_kind(self) -> Mapping[Kind, list[Evidence]]:
        found: dict[Kind, list[Evidence]] = defaultdict(list)
        for one in self.evidence:
            # a table that is none of work orders has rows too: claims are made of orders alone
            if one.kind is not Kind.ROW or (one.data.get("fields") or {}).keys() >= _ORDER:
                found[one.kind].append(one)
        return found

    def names(self, type_: EntityType) -> list[str]:
        """The ids of every entity of a type, in order."""
        return sorted(e.id for e in self.entities.values() if e.type is type_)

    def samples(self, window: Evidence) -> Series:
        """The samples behind a window. Raises ValueError where there are none."""
        found = self._samples(window)
        if found is None:
            raise ValueError(f"no samples behind {window.id}")
        return found

    def assets(self, evidence: Evidence) -> tuple[str, ...]:
        """The assets that a piece is about, in order."""
        named = (m.entity for m in evidence.entities if m.relation is not Relation.MEASURES)
        return tuple(n for n in named if n in self.entities and self.entities[n].type is EntityType.ASSET)

    def words(self, ids: Iterable[str]) -> str:
        """All text of the cited pieces; unknown ids are passed over."""
        return "\n".join(self.by_id[one].text for one in ids if one in self.by_id)
