"""Numbers → the slots they stand at, as sorted arrays: 12 bytes an entry, where dicts of sets take hundreds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
# entries that wait to be sorted in: at least so many, and a share of those sorted, so that sorting is paid once for many
_WAITING, _SHARE = 1024, 32


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
    """Key (int64) → slots. Entries are never taken out one by one: what is given may be out of date, and the caller checks it."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.int64)
        self._slots = np.zeros(0, np.int32)
        self._waiting: dict[int, list[int]] = {}
        self._count = 0

    @classmethod
    def of(cls, keys: NDArray[Any], slots: Slots) -> Postings:
        """Of many at once; both of shape (n,)."""
        made = cls()
        made._put(keys.astype(np.int64), slots.astype(np.int32))
        return made

    def __len__(self) -> int:
        """Entries, those that are out of date among them."""
        return len(self._keys) + self._count

    def add(self, keys: Iterable[int], slot: int) -> None:
        """A slot may be added to a key that has it."""
        for key in keys:
            self._waiting.setdefault(key, []).append(slot)
            self._count += 1
        if self._count > max(_WAITING, len(self._keys) // _SHARE):
            self._sort_in()

    def get(self, key: int) -> Slots:
        """Ascending, each once."""
        begin, end = np.searchsorted(self._keys, key, "left"), np.searchsorted(self._keys, key, "right")
        sorted_: Slots = self._slots[begin:end].astype(np.int64)
        waiting = self._waiting.get(key)
        return sorted_ if waiting is None else np.union1d(sorted_, waiting)

    def one(self, key: int) -> list[int]:
        """The same as a list: quicker where few are expected."""
        begin = int(np.searchsorted(self._keys, key))
        found = set(self._waiting.get(key, ()))
        while begin < len(self._keys) and self._keys[begin] == key:
            found.add(int(self._slots[begin]))
            begin += 1
        return sorted(found)

    def _sort_in(self) -> None:
        sizes = [len(slots) for slots in self._waiting.values()]
        keys = np.concatenate([self._keys, np.repeat(np.fromiter(self._waiting, np.int64, len(sizes)), sizes)])
        waiting = np.fromiter((slot for slots in self._waiting.values() for slot in slots), np.int32, self._count)
        self._waiting, self._count = {}, 0
        self._put(keys, np.concatenate([self._slots, waiting]))

    def _put(self, keys: Slots, slots: NDArray[np.int32]) -> None:
        order = np.lexsort((slots, keys))
        keys, slots = keys[order], slots[order]
        first = np.ones(len(keys), np.bool_)
        first[1:] = (keys[1:] != keys[:-1]) | (slots[1:] != slots[:-1])
        self._keys, self._slots = keys[first], slots[first]
