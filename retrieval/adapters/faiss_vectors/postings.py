"""Numbers → the slots they stand at, as sorted arrays: 8 or 12 bytes an entry, where dicts of sets take hundreds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
# entries that wait to be sorted in: at least so many, and a share of those sorted, so that sorting is paid once for many; no more than
# are looked through in 20 µs
_WAITING, _SHARE, _MOST = 1024, 32, 65_536


def room(array: NDArray[Any], size: int, fill: Any = 0) -> NDArray[Any]:
    """The array, or a longer copy of it that has at least `size` rows: appending one by one copies each row a constant number of times."""
    if len(array) >= size:
        return array
    # zeros that nobody has written yet take no memory
    longer = np.zeros((max(256, size, len(array) * 5 // 4), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    if fill:
        longer[len(array) :] = fill
    return longer


class Postings:
    """Key → slots. Entries are never taken out one by one: what is given may be out of date, and the caller checks it."""

    def __init__(self, keys: type[np.int32] | type[np.int64] = np.int64) -> None:
        self._keys: NDArray[Any] = np.zeros(0, keys)
        self._slots = np.zeros(0, np.int32)
        # the last to come are looked through one by one
        self._late_keys, self._late_slots, self._late = self._keys, self._slots, 0

    @classmethod
    def of(cls, keys: NDArray[Any], slots: Slots) -> Postings:
        """Of many at once; both of shape (n,). Keys are kept in as many bits as they come in."""
        made = cls(keys.dtype.type)
        made._put(keys, slots.astype(np.int32))
        return made

    def __len__(self) -> int:
        """Entries, those that are out of date among them."""
        return len(self._keys) + self._late

    def add(self, keys: Collection[int], slot: int) -> None:
        """A slot may be added to a key that has it."""
        total = self._late + len(keys)
        self._late_keys, self._late_slots = room(self._late_keys, total), room(self._late_slots, total)
        self._late_keys[self._late : total], self._late_slots[self._late : total] = list(keys), slot
        self._late = total
        if total > min(max(_WAITING, len(self._keys) // _SHARE), _MOST):
            self._sort_in()

    def get(self, key: int) -> Slots:
        """Ascending, each once."""
        begin, end = self._at(key), self._at(key, "right")
        sorted_: Slots = self._slots[begin:end].astype(np.int64)
        late = self._late_of(key)
        few = np.unique(late).astype(np.int64) if late.size else sorted_
        return _with(sorted_, few) if late.size and sorted_.size else few

    def one(self, key: int) -> list[int]:
        """The same as a list: quicker where few are expected."""
        begin = self._at(key)
        found = set(self._late_of(key).tolist())
        while begin < len(self._keys) and self._keys[begin] == key:
            found.add(int(self._slots[begin]))
            begin += 1
        return sorted(found)

    def _at(self, key: int, side: Literal["left", "right"] = "left") -> int:
        # a key of another type would have all keys converted
        return int(self._keys.searchsorted(self._keys.dtype.type(key), side))

    def _late_of(self, key: int) -> NDArray[np.int32]:
        found: NDArray[np.int32] = self._late_slots[: self._late][self._late_keys[: self._late] == key]
        return found

    def _sort_in(self) -> None:
        keys = np.concatenate([self._keys, self._late_keys[: self._late]])
        slots = np.concatenate([self._slots, self._late_slots[: self._late]])
        self._late = 0
        self._put(keys, slots)

    def _put(self, keys: NDArray[Any], slots: NDArray[np.int32]) -> None:
        order = np.lexsort((slots, keys))
        keys, slots = keys[order], slots[order]
        first = np.ones(len(keys), np.bool_)
        first[1:] = (keys[1:] != keys[:-1]) | (slots[1:] != slots[:-1])
        self._keys, self._slots = keys[first], slots[first]


def _with(slots: Slots, few: Slots) -> Slots:
    """Both ascending, each once: sorting them together would cost ten times what is found of the many."""
    at = np.searchsorted(slots, few)
    new = np.ones(few.size, np.bool_)
    within = at < slots.size
    new[within] = slots[at[within]] != few[within]
    return np.insert(slots, at[new], few[new])
