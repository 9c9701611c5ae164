"""Sets of small numbers ↔ small codes, as arrays: 20 bytes a set and 4 a member, where a dict of tuples takes some 200."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.postings import Postings, room

Members: TypeAlias = tuple[int, ...]


class Sets:
    """A set is a tuple of its members, ascending. Codes are 0, 1, … in the order in which sets came."""

    def __init__(self) -> None:
        self._members = np.zeros(0, np.int32)
        # where each set's members end
        self._ends = np.zeros(0, np.int32)
        self._count = 0
        self._of_hash = Postings()

    @classmethod
    def of(cls, sets: Sequence[Members]) -> Sets:
        """Different ones, by code."""
        made = cls()
        made._members = np.fromiter(chain.from_iterable(sets), np.int32)
        made._ends = np.cumsum([len(each) for each in sets], dtype=np.int32)
        made._count = len(sets)
        made._of_hash = Postings.of(np.array([hash(each) for each in sets], np.int64), np.arange(len(sets)))
        return made

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> list[Members]:
        """By code."""
        return [self._told(code) for code in range(self._count)]

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Members of each set, shape (sets,)."""
        return np.diff(self._ends[: self._count], prepend=np.int32(0))

    @property
    def members(self) -> NDArray[np.int32]:
        """Of all sets, one after another."""
        return self._members[: self._ends[self._count - 1] if self._count else 0]

    def code(self, members: Members) -> int:
        """Its code; a new set gets the next."""
        key = hash(members)
        for code in self._of_hash.one(key):
            if self._told(code) == members:
                return code
        return self._add(key, members)

    def _add(self, key: int, members: Members) -> int:
        begin, code = len(self.members), self._count
        self._members = room(self._members, begin + len(members))
        self._members[begin : begin + len(members)] = members
        self._ends = room(self._ends, code + 1)
        self._ends[code] = begin + len(members)
        self._of_hash.add([key], code)
        self._count += 1
        return code

    def _told(self, code: int) -> Members:
        begin = int(self._ends[code - 1]) if code else 0
        return tuple(self._members[begin : int(self._ends[code])].tolist())
