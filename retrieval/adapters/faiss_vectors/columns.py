"""Columns beside vectors: what a filter needs to know of each row, so that it picks candidates before anything is ranked."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.ports import Projected
from retrieval.projecting import OPEN, UNKNOWN, Times, audience, audiences, known_at
from retrieval.types import Filter, Interval, Principal

Mask = NDArray[np.bool_]
Slots = NDArray[np.int64]
_TIMES = Times._fields
_CODES = ("kind", "source", "audience")
# questions share a handful of kinds and audiences; each costs 9 bytes a slot
_KEPT = 8


class Selection(NamedTuple):
    """Slots that pass a filter, ascending. `key` names them for as long as the columns stay as they are; None = asked for once."""

    slots: Slots
    key: Hashable | None = None


class _Base(NamedTuple):
    """What passes everything but entities and window: as a mask over all slots, and as a selection."""

    mask: Mask
    selection: Selection


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
        self._sorted_of: dict[str, Slots] = {}
        self._entities: dict[int, frozenset[str]] = {}
        self._ids: dict[int, str] = {}
        self._free: list[int] = []
        self._version = 0
        self._bases: OrderedDict[Hashable, _Base] = OrderedDict()
        self._lock = threading.Lock()

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

    def row_numbers(self, slots: Slots) -> Slots:
        """Slots → catalog rows, same shape."""
        found: Slots = self._column["row"][slots]
        return found

    def put(self, items: Iterable[Projected]) -> None:
        """Add rows, or bring the columns of known rows up to date."""
        self._changed()
        for item in items:
            slot = self._slots.get(item.row)
            self._write(self._take(item) if slot is None else slot, item)

    def drop(self, row: int) -> None:
        """Forget a row; its slot becomes free."""
        self._changed()
        slot = self._slots.pop(row)
        self._hang(slot, frozenset())
        id_ = self._ids.pop(slot)
        self._of_id[id_].discard(slot)
        if not self._of_id[id_]:
            del self._of_id[id_]
        self._alive[slot] = False
        self._free.append(slot)

    def select(self, filter_: Filter, principal: Principal) -> Selection:
        """The slots that pass. The principal's tenant is the owner of these columns.

        What hangs on the entities is looked up first, so that a narrow filter costs what it lets through, not what there is.
        """
        base = self._base(filter_, principal)
        if not filter_.entities and filter_.window is None:
            return base.selection
        slots = base.selection.slots
        if filter_.entities:
            hanging = self._hanging(filter_.entities)
            slots = hanging[base.mask[hanging]]
        return Selection(slots if filter_.window is None else slots[self._within(filter_.window, slots)])

    def by_time(self, selection: Selection, near: Interval | None, k: int) -> Slots:
        """The k slots whose middle is nearest to that of `near`; without it, those that began last. Unknown times at the end."""
        slots = selection.slots
        t0, t1 = self._column["t0"][slots], self._column["t1"][slots]
        # the sum of two unknown times is the least there is: its distance would overflow
        far = -t0 if near is None else np.where(t0 == UNKNOWN, OPEN, np.abs((t0 + t1) - (near.t0 + near.t1)))
        if slots.size > k:
            # equal distances at the border are all kept, so that the row decides between them
            closest = np.flatnonzero(far <= np.partition(far, k - 1)[k - 1])
            slots, far = slots[closest], far[closest]
        chosen: Slots = slots[np.lexsort((self._column["row"][slots], far))[:k]]
        return chosen

    def _base(self, filter_: Filter, principal: Principal) -> _Base:
        """Kept for questions of now; those of the past and those about single sources are rare."""
        if filter_.as_of is not None or filter_.sources:
            return self._passing(filter_, principal, None)
        key = (self._version, filter_.kinds, tuple(audiences(principal)))
        with self._lock:
            if key in self._bases:
                self._bases.move_to_end(key)
                return self._bases[key]
        made = self._passing(filter_, principal, key)
        with self._lock:
            self._bases[key] = made
            if len(self._bases) > _KEPT:
                self._bases.popitem(last=False)
        return made

    def _passing(self, filter_: Filter, principal: Principal, key: Hashable | None) -> _Base:
        now, mine = known_at(filter_.as_of), set(audiences(principal))
        passing = self._alive & (self._column["recorded"] <= now) & (now < self._column["superseded"])
        passing &= self._coded("audience", lambda members: not mine.isdisjoint(members))
        if filter_.kinds:
            passing &= self._coded("kind", lambda kind: kind in filter_.kinds)
        if filter_.sources:
            passing &= self._coded("source", lambda source: source in filter_.sources)
        return _Base(passing, Selection(np.flatnonzero(passing), key))

    def _changed(self) -> None:
        self._version += 1
        self._bases.clear()

    def _coded(self, name: str, passes: Callable[[Any], bool]) -> Mask:
        table = self._words[name].table(passes)
        return table[self._column[name]] if table.size else np.zeros(self.size, np.bool_)

    def _hanging(self, entities: Iterable[str]) -> Slots:
        """The slots that hang on any of the entities, ascending."""
        found = [self._sorted(entity) for entity in dict.fromkeys(entities) if entity in self._of_entity]
        return found[0] if len(found) == 1 else np.unique(np.concatenate([np.zeros(0, np.int64), *found]))

    def _sorted(self, entity: str) -> Slots:
        kept = self._sorted_of.get(entity)
        if kept is None:
            slots = self._of_entity[entity]
            kept = self._sorted_of[entity] = np.sort(np.fromiter(slots, np.int64, len(slots)))
        return kept

    def _within(self, window: Interval, slots: Slots) -> Mask:
        """Interval.overlaps of these slots, a column at a time; unknown times never pass. Same shape as `slots`."""
        t0, t1 = self._column["t0"][slots], self._column["t1"][slots]
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
        for entity in before ^ entities:
            self._sorted_of.pop(entity, None)
        for entity in before - entities:
            self._of_entity[entity].discard(slot)
        for entity in entities - before:
            self._of_entity.setdefault(entity, set()).add(slot)
        if entities:
            self._entities[slot] = entities
