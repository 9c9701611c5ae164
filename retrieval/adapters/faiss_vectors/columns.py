"""Columns beside vectors: what a filter needs to know of each row, so that it picks candidates before anything is ranked."""

from __future__ import annotations

import hashlib
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.postings import Postings, room
from retrieval.adapters.faiss_vectors.selection import Mask, Selection, Slots, Words
from retrieval.adapters.faiss_vectors.sets import Sets
from retrieval.ports import Projected
from retrieval.projecting import OPEN, UNKNOWN, Times, audience, audiences, known_at
from retrieval.types import Filter, Interval, Kind, Principal

_TIMES = Times._fields
_WORDS = ("kind", "source", "audience")
_CODES = (*_WORDS, "hung")
_IDS = ("id_high", "id_low")
# questions share a handful of kinds and audiences; each costs a byte a slot, and its list of slots 8 once it is asked for
_KEPT = 8
# entries of a list, or values with a code, beside twice as many as there are rows, before what is out of date is thrown away
_STALE = 100_000


class _Base(NamedTuple):
    """What passes kinds and audience now, as a mask over all slots that is kept up with every change, how many do, and what makes it."""

    filter: Filter
    principal: Principal
    mask: Mask
    passing: int


class Columns:
    """The rows of one tenant. A *slot* is a row's place here; slots of removed rows are reused.

    Columns: catalog row and the four times (int64), 128 bits of the id's BLAKE2b (two int64), and int32 codes of kind, source, audience
    and the set of entities the row hangs on (a tuple of their codes). Posting lists lead from row, id, source and entity to slots. Some
    130 bytes a row.
    """

    def __init__(self) -> None:
        self._column: dict[str, NDArray[Any]] = {name: np.zeros(0, np.int64) for name in ("row", *_TIMES, *_IDS)}
        self._column |= {name: np.zeros(0, np.int32) for name in _CODES}
        self._words = {name: Words() for name in (*_WORDS, "entity")}
        self._hung = Sets()
        self._alive = np.zeros(0, np.bool_)
        self._used = self._count = 0
        self._free: list[int] = []
        self._version, self._stale = 0, False
        self._bases: OrderedDict[Hashable, _Base] = OrderedDict()
        self._lock = threading.Lock()
        self._index()

    def __len__(self) -> int:
        return self._count

    def rows(self) -> set[int]:
        return set(self._column["row"][: self._used][self._alive[: self._used]].tolist())

    def rows_of(self, id_: str) -> set[int]:
        """Rows held of an evidence id."""
        high, low = _hashed(id_)
        rows, highs, lows = (self._column[name] for name in ("row", *_IDS))
        slots = (slot for slot in self._of_id.one(low) if self._alive[slot])
        return {int(rows[slot]) for slot in slots if (highs[slot], lows[slot]) == (high, low)}

    def slot(self, row: int) -> int | None:
        for slot in self._of_row.one(row):
            if self._alive[slot] and self._column["row"][slot] == row:
                return slot
        return None

    def row_numbers(self, slots: Slots) -> Slots:
        """Slots → catalog rows, same shape."""
        found: Slots = self._column["row"][slots]
        return found

    def holds(self, slots: NDArray[Any]) -> bool:
        """Whether each of these slots is taken by a row."""
        return not slots.size or bool(slots.max() < self._used and self._alive[slots].all())

    def put(self, items: Sequence[Projected]) -> None:
        """Add rows, or bring the columns of known rows up to date."""
        slots = []
        for item in items:
            slot = self.slot(item.row)
            slots.append(self._take(item) if slot is None else slot)
            self._write(slots[-1], item)
        self._changed(np.array(sorted({*slots}), np.int64))

    def drop(self, row: int) -> None:
        """Forget a row; its slot becomes free."""
        slot = self.slot(row)
        if slot is None:
            return
        self._alive[slot], self._stale = False, True
        self._free.append(slot)
        self._count -= 1
        self._changed(np.array([slot]))

    @property
    def overgrown(self) -> bool:
        """Whether what is out of date outweighs what is there: lists and values only ever grow."""
        lists = (self._of_row, self._of_id, self._of_source, self._words["source"], self._hung)
        # of entities a row has any number
        most = 2 * self._count + _STALE
        return any(len(each) > most for each in lists) or len(self._of_entity) > 2 * self._hanging_at + _STALE

    def tidied(self) -> Columns:
        """The same without what is out of date, so that nothing is left of what was dropped; every row keeps its slot."""
        if not self._stale:
            return self
        tidied = Columns.of(*self.told())
        # selections are kept by version
        tidied._version = self._version + 1
        return tidied

    def select(self, filter_: Filter, principal: Principal) -> Selection:
        """The slots that pass. The principal's tenant is the owner of these columns.

        What hangs on entities or comes from sources is looked up first, so that a narrow filter costs what it lets through, not what
        there is.
        """
        slots = self._narrow(filter_)
        if slots is None:
            return self._wide(filter_, principal)
        if filter_.as_of is None:
            slots = slots[self._base(filter_, principal)[1].mask[slots]]
        else:
            slots = slots[self._passing(filter_, principal, slots)]
        return Selection.listed(slots if filter_.window is None else slots[self._within(filter_.window, slots)])

    def standing(self, selection: Selection) -> Selection:
        """Of these, what has not ended."""
        slots = selection.slots
        return Selection.listed(slots[self._column["superseded"][slots] == OPEN])

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

    def told(self) -> tuple[dict[str, NDArray[Any]], dict[str, list[Any]]]:
        """Every column, shape (slots,) each, with "alive"; and the values of each code, by code, as plain JSON.

        Of rows that were dropped nothing is in it, nor are values that only they had.
        """
        # a copy, as all the rest is: what was told does not change with what comes
        alive = self._alive[: self._used].copy()
        arrays = {name: np.where(alive, column[: self._used], 0) for name, column in self._column.items()}
        words = dict[str, list[Any]]()
        for name in _CODES:
            used = np.unique(arrays[name][alive])
            values = self._hung.values if name == "hung" else self._words[name].values
            words[name] = [values[code] for code in used]
            arrays[name] = np.where(alive, np.searchsorted(used, arrays[name]), 0).astype(np.int32)
        entities = sorted({entity for each in words["hung"] for entity in each})
        place = {entity: number for number, entity in enumerate(entities)}
        values = self._words["entity"].values
        words["hung"] = [[place[entity] for entity in each] for each in words["hung"]]
        return arrays | {"alive": alive}, words | {"entity": [values[entity] for entity in entities]}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]], words: dict[str, list[Any]]) -> Columns:
        """What `told` gave. Raises KeyError, ValueError or IndexError where they do not fit together."""
        made = cls()
        made._words = {
            "kind": Words(Kind(each) for each in words["kind"]),
            "source": Words(words["source"]),
            "audience": Words(tuple(each) for each in words["audience"]),
            "entity": Words(words["entity"]),
        }
        made._hung = Sets.of([tuple(each) for each in words["hung"]])
        made._alive = np.array(arrays["alive"], np.bool_)
        made._used, made._count = made._alive.size, int(np.count_nonzero(made._alive))
        for name, column in made._column.items():
            made._column[name] = np.array(arrays[name], column.dtype)
            if made._column[name].shape != (made._used,):
                raise ValueError(f"column {name} has shape {made._column[name].shape}, {made._used} slots are told")
        made._free = np.flatnonzero(~made._alive).tolist()
        made._index()
        return made

    def _wide(self, filter_: Filter, principal: Principal) -> Selection:
        """Without a list to begin from."""
        if filter_.as_of is not None:
            mask = self._passing(filter_, principal, slice(None))
        else:
            key, base = self._base(filter_, principal)
            if filter_.window is None:
                return Selection(key, None, base.mask, base.passing)
            mask = base.mask
        return Selection.masked(mask if filter_.window is None else mask & self._within(filter_.window, slice(None)))

    def _narrow(self, filter_: Filter) -> Slots | None:
        """Slots of the entities and of the sources, ascending; None where the filter names neither."""
        lists = []
        if filter_.entities:
            lists.append(self._union([self._hanging(entity) for entity in dict.fromkeys(filter_.entities)]))
        if filter_.sources:
            lists.append(self._union([self._from(source) for source in dict.fromkeys(filter_.sources)]))
        if len(lists) == 2:
            both: Slots = np.intersect1d(lists[0], lists[1], assume_unique=True)
            return both
        return lists[0] if lists else None

    def _union(self, lists: list[Slots]) -> Slots:
        """Ascending, each once; by a mask, which takes a tenth of what numpy's `unique` does."""
        if len(lists) == 1:
            return lists[0]
        mask = np.zeros(self._used, np.bool_)
        for slots in lists:
            mask[slots] = True
        return np.flatnonzero(mask)

    def _hanging(self, entity: str) -> Slots:
        code = self._words["entity"].known(entity)
        if code is None:
            return np.zeros(0, np.int64)
        slots = self._of_entity.get(code)
        table = np.zeros(max(1, len(self._hung)), np.bool_)
        table[np.array(self._sets_of.get(code, ()), np.int64)] = True
        found: Slots = slots[self._alive[slots] & table[self._column["hung"][slots]]]
        return found

    def _from(self, source: str) -> Slots:
        code = self._words["source"].known(source)
        if code is None:
            return np.zeros(0, np.int64)
        slots = self._of_source.get(code)
        found: Slots = slots[self._alive[slots] & (self._column["source"][slots] == code)]
        return found

    def _base(self, filter_: Filter, principal: Principal) -> tuple[Hashable, _Base]:
        """What passes now but for entities, sources and window. Its key changes with every change of the columns."""
        name = (filter_.kinds, tuple(audiences(principal)))
        with self._lock:
            kept = self._bases.get(name)
            if kept is not None:
                self._bases.move_to_end(name)
        if kept is None:
            alone = Filter(kinds=filter_.kinds)
            mask = self._passing(alone, principal, slice(None))
            kept = _Base(alone, principal, mask, int(np.count_nonzero(mask)))
            with self._lock:
                self._bases[name] = kept
                if len(self._bases) > _KEPT:
                    self._bases.popitem(last=False)
        return (self._version, *name), kept

    def _passing(self, filter_: Filter, principal: Principal, at: Slots | slice) -> Mask:
        """Which of these slots pass kinds, audience and the time of knowing; the lists are not asked here."""
        now, mine = known_at(filter_.as_of), set(audiences(principal))
        passing: Mask = self._alive[at] & (self._column["recorded"][at] <= now) & (now < self._column["superseded"][at])
        passing &= self._coded("audience", lambda members: not mine.isdisjoint(members), at)
        if filter_.kinds:
            passing &= self._coded("kind", lambda kind: kind in filter_.kinds, at)
        return passing

    def _changed(self, slots: Slots) -> None:
        """These slots, each named once, are not what they were."""
        self._version += 1
        for name, base in self._bases.items():
            mask = base.mask
            if mask.size < self._alive.size:
                mask = np.zeros(self._alive.size, np.bool_)
                mask[: base.mask.size] = base.mask
            before, after = mask[slots], self._passing(base.filter, base.principal, slots)
            mask[slots] = after
            more = int(np.count_nonzero(after)) - int(np.count_nonzero(before))
            self._bases[name] = base._replace(mask=mask, passing=base.passing + more)

    def _coded(self, name: str, passes: Callable[[Any], bool], at: Slots | slice) -> Mask:
        table, codes = self._words[name].table(passes), self._column[name][at]
        return table[codes] if table.size else np.zeros(codes.size, np.bool_)

    def _within(self, window: Interval, at: Slots | slice) -> Mask:
        """Interval.overlaps of these slots, a column at a time; unknown times never pass."""
        t0, t1 = self._column["t0"][at], self._column["t1"][at]
        # an unknown time ends before everything that is known
        overlap: Mask = t1 > max(window.t0, UNKNOWN)
        overlap &= (t0 <= window.t0) if window.t0 == window.t1 else (t0 < window.t1)
        # an instant ends where it begins, and counts where that is the window's beginning
        begun = np.flatnonzero(t0 == window.t0) if window.t0 > UNKNOWN else np.zeros(0, np.int64)
        overlap[begun[t1[begun] == window.t0]] = True
        return overlap

    def _take(self, item: Projected) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot, self._used = self._used, self._used + 1
            for name, column in self._column.items():
                self._column[name] = room(column, self._used)
            self._alive = room(self._alive, self._used)
        self._count += 1
        return slot

    def _write(self, slot: int, item: Projected) -> None:
        evidence = item.evidence
        values = dict(zip(_TIMES, Times.of(evidence), strict=True)) | dict(zip(_IDS, _hashed(evidence.id), strict=True))
        entities = sorted({self._words["entity"].code(mention.entity) for mention in evidence.entities})
        words: tuple[Any, ...] = (evidence.kind, evidence.source, tuple(audience(evidence.labels)))
        values |= {name: self._words[name].code(word) for name, word in zip(_WORDS, words, strict=True)}
        values |= {"hung": self._hung.code(tuple(entities)), "row": item.row}
        fresh = not self._alive[slot]
        self._stale = self._stale or not fresh
        stood = {name: None if fresh else int(self._column[name][slot]) for name in ("source", "hung")}
        for name, value in values.items():
            self._column[name][slot] = value
        self._alive[slot] = True
        if fresh:
            self._of_row.add([item.row], slot)
            self._of_id.add([values["id_low"]], slot)
        if stood["source"] != values["source"]:
            self._of_source.add([values["source"]], slot)
        if stood["hung"] != values["hung"]:
            self._of_entity.add(entities, slot)
            self._know(values["hung"], entities)

    def _know(self, code: int, entities: Sequence[int]) -> None:
        """Each entity of a new set learns that it is in it; codes are given in order."""
        if code == self._sets:
            self._sets += 1
            for entity in entities:
                self._sets_of.setdefault(entity, array("i")).append(code)

    def _index(self) -> None:
        """Posting lists of all there is, and for each entity the codes of the sets it is in."""
        self._sets = 0
        self._sets_of: dict[int, array[int]] = {}
        slots = np.flatnonzero(self._alive[: self._used])
        self._of_row = Postings.of(self._column["row"][slots], slots)
        self._of_id = Postings.of(self._column["id_low"][slots], slots)
        self._of_source = Postings.of(self._column["source"][slots], slots)
        for code, each in enumerate(self._hung.values):
            self._know(code, each)
        sizes, flat = self._hung.sizes.astype(np.int64), self._hung.members
        begins = np.cumsum(sizes) - sizes
        hung = self._column["hung"][slots]
        # the members of each slot's set, one after another
        many = sizes[hung]
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        self._of_entity = Postings.of(flat[np.repeat(begins[hung], many) + within], np.repeat(slots, many))
        self._hanging_at = len(self._of_entity)


def _hashed(id_: str) -> tuple[int, int]:
    """128 bits of the id's BLAKE2b, as two signed numbers of 64."""
    digest = hashlib.blake2b(id_.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big", signed=True), int.from_bytes(digest[8:], "big", signed=True)
