"""What is known of a tenant's entities while it is being ingested: the linker, and one name for one thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ingest.entities import EntityLinker
from ingest.ports import Batch, Draft
from retrieval.types import Entity, Mention


class Settled(NamedTuple):
    """A batch whose mentions name known entities, and the entities that are new or have a new alias."""

    drafts: Sequence[Draft]
    entities: Sequence[Entity]


class EntityBook:
    """Entities found in tables are matched by name with those already known, so that "chiller 9" and CWC04009 are one."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._known = {entity.id: entity for entity in entities}
        self._linker: EntityLinker | None = None

    @property
    def linker(self) -> EntityLinker:
        if self._linker is None:
            self._linker = EntityLinker(self._known.values())
        return self._linker

    def declare(self, entities: Iterable[Entity]) -> None:
        """Take over entities as they stand (from a site description)."""
        self._known.update((entity.id, entity) for entity in entities)
        self._linker = None

    def settle(self, batch: Batch, labels: tuple[str, ...], renamed: dict[str, str], learn: bool = True) -> Settled:
        """Match the batch's entities with the known ones. `renamed` carries id → known id from batch to batch of a source. What the
        batch tells of entities is known from then on, unless `learn` is false."""
        changed = [
            entity for proposed in batch.entities if (entity := self._settled(proposed, labels, renamed)) is not None
        ]
        if changed and learn:
            self.declare(changed)
        drafts = [self._with_mentions(draft, renamed) for draft in batch.drafts]
        return Settled(drafts, changed)

    def _settled(self, proposed: Entity, labels: tuple[str, ...], renamed: dict[str, str]) -> Entity | None:
        """The entity to store, or None when it is known as it is."""
        known = self._known.get(proposed.id) or self._same(proposed)
        if known is None:
            return msgspec.structs.replace(proposed, labels=proposed.labels or labels)
        if known.id != proposed.id:
            renamed[proposed.id] = known.id
        names = {known.id.casefold(), known.name.casefold(), *(alias.casefold() for alias in known.aliases)}
        offered = dict.fromkeys((proposed.id, proposed.name, *proposed.aliases))
        more = tuple(name for name in offered if name.casefold() not in names)
        return msgspec.structs.replace(known, aliases=known.aliases + more) if more else None

    def _same(self, proposed: Entity) -> Entity | None:
        """The one known entity called by the proposed id or name; none when two are."""
        found = set(self.linker.exact(proposed.id)) or set(self.linker.exact(proposed.name))
        return self._known[found.pop()] if len(found) == 1 else None

    def _with_mentions(self, draft: Draft, renamed: dict[str, str]) -> Draft:
        given = {Mention(renamed.get(m.entity, m.entity), m.relation) for m in draft.mentions}
        known = {mention.entity for mention in given}
        named = [mention for mention in self.linker.mentions(draft.text) if mention.entity not in known]
        return draft._replace(mentions=tuple(sorted([*given, *named])))
