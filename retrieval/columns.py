"""Columns beside vectors: what a filter needs to know of each row, so that it picks candidates before anything is ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.ports import Projected
from retrieval.projecting import UNKNOWN, Times, audience, audiences, known_at
from retrieval.types import Filter, Interval, Principal

Mask = NDArray[np.bool_]
_TIMES = Times._fields
_CODES = ("kind", "source", "audience")


class _Words:
    """Values ↔ small codes. A filter is asked once a value, not once a row."""

    def __init__(self) -> None:
        self._codes: dict[Any, int] = {}

    def code(self, value: Any) -> int:
        return self._codes.setdefault(value, len(self._codes))

    def table(self, passes: Callable[[Any], bool]) -> Mask:
        """Shape (values,): which codes pass."""
        return np.fromiter((passes(value) for value in self._codes), np.bool_, len(self._codes))


class Columns:
    """The rows of one tenant. A *slot* is a row's place here; slots of removed rows are reused.

    Columns: catalog row and the four times (int64), kind, source and audience (int32 codes), and for each entity the set of
    slots that hang on it.
    """

    def __init__(self) -> None:
        self._column: dict[str, NDArray[Any]] = {name: np.zeros(0, np.int64) for name in ("row", *_TIMES)}
        self._column |= {name: np.zeros(0, np.int32) for name in _CODES}
        self._words = {name: _Words() for name in _CODES}
        self._alive = np.zeros(0, np.bool_)
        self._slots: dict[int, int] = {}
        self._of_id: dict[str, set[int]] = {}
        self._of_entity: dict[str, set[int]] = {}
        self._entities: dict[int, frozenset[str]] = {}
        self._ids: dict[int, str] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def size(self) -> int:
        """The number of slots, free ones included."""
        return int(self._alive.size)

    def rows(self) -> set[int]:
        return set(self._slots)

    def rows_of(self, id_: str) -> set[int]:
        """Rows held of an evidence id."""
        return {int(self._column["row"][slot]) for slot in self._of_id.get(id_, ())}

    def slot(self, row: int) -> int | None:
        return self._slots.get(row)

    def row_numbers(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Slots → catalog rows, same shape."""
        found: NDArray[np.int64] = self._column["row"][slots]
        return found

    def put(self, items: Iterable[Projected]) -> None:
        """Add rows, or bring the columns of known rows up to date."""
        for item in items:
            slot = self._slots.get(item.row)
            self._write(self._take(item) if slot is None else slot, item)

    def drop(self, row: int) -> None:
        """Forget a row; its slot becomes free."""
        slot = self._slots.pop(row)
        self._hang(slot, frozenset())
        id_ = self._ids.pop(slot)
        self._of_id[id_].discard(slot)
        if not self._of_id[id_]:
            del self._of_id[id_]
        self._alive[slot] = False
        self._free.append(slot)

    def mask(self, filter_: Filter, principal: Principal) -> Mask:
        """Shape (size,): which slots pass. The principal's tenant is the owner of these columns."""
        now, mine = known_at(filter_.as_of), set(audiences(principal))
        passing = self._alive & (self._column["recorded"] <= now) & (now < self._column["superseded"])
        passing &= self._coded("audience", lambda members: not mine.isdisjoint(members))
        if filter_.kinds:
            passing &= self._coded("kind", lambda kind: kind in filter_.kinds)
        if filter_.sources:
            passing &= self._coded("source", lambda source: source in filter_.sources)
        if filter_.entities:
            passing &= self._hanging(filter_.entities)
        return passing if filter_.window is None else passing & self._within(filter_.window)

    def _coded(self, name: str, passes: Callable[[Any], bool]) -> Mask:
        table = self._words[name].table(passes)
        return table[self._column[name]] if table.size else np.zeros(self.size, np.bool_)

    def _hanging(self, entities: Iterable[str]) -> Mask:
        mask = np.zeros(self.size, np.bool_)
        for entity in entities:
            slots = self._of_entity.get(entity, ())
            mask[np.fromiter(slots, np.int64, len(slots))] = True
        return mask

    def _within(self, window: Interval) -> Mask:
        """Interval.overlaps, a column at a time; unknown times never pass."""
        t0, t1 = self._column["t0"], self._column["t1"]
        instant_of_both = (t0 == window.t0) & (t1 == t0)
        if window.t0 == window.t1:
            overlap = ((t0 <= window.t0) & (window.t0 < t1)) | instant_of_both
        else:
            overlap = (t0 < window.t1) & ((window.t0 < t1) | instant_of_both)
        found: Mask = overlap & (t0 != UNKNOWN)
        return found

    def _take(self, item: Projected) -> int:
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self._slots[item.row] = slot
        self._ids[slot] = item.evidence.id
        self._of_id.setdefault(item.evidence.id, set()).add(slot)
        return slot

    def _grow(self) -> None:
        old, more = self.size, max(256, self.size)
        for name, column in self._column.items():
            self._column[name] = np.concatenate([column, np.zeros(more, column.dtype)])
        self._alive = np.concatenate([self._alive, np.zeros(more, np.bool_)])
        self._free.extend(range(old + more - 1, old - 1, -1))

    def _write(self, slot: int, item: Projected) -> None:
        evidence = item.evidence
        self._column["row"][slot] = item.row
        for name, value in zip(_TIMES, Times.of(evidence), strict=True):
            self._column[name][slot] = value
        coded: tuple[Any, ...] = (evidence.kind, evidence.source, tuple(audience(evidence.labels)))
        for name, word in zip(_CODES, coded, strict=True):
            self._column[name][slot] = self._words[name].code(word)
        self._hang(slot, frozenset(mention.entity for mention in evidence.entities))
        self._alive[slot] = True

    def _hang(self, slot: int, entities: frozenset[str]) -> None:
        before = self._entities.pop(slot, frozenset())
        for entity in before - entities:
            self._of_entity[entity].discard(slot)
        for entity in entities - before:
            self._of_entity.setdefault(entity, set()).add(slot)
        if entities:
            self._entities[slot] = entities
