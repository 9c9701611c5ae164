"""Which positions of a store belong to which slot, in both directions."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.postings import room

Positions: TypeAlias = NDArray[np.int64]
Slots: TypeAlias = NDArray[np.int64]


class Places:
    """Positions 0, 1, … in the order they came. A slot has any number of them, chained: `first[slot]`, then `next[position]`; -1 ends."""

    def __init__(self) -> None:
        self._slot = np.zeros(0, np.int32)
        self._next = np.zeros(0, np.int32)
        self._first = np.zeros(0, np.int32)
        self.size, self.dead = 0, 0
        self._straight = True

    @property
    def live(self) -> int:
        return self.size - self.dead

    @property
    def straight(self) -> bool:
        """Whether every position is that of the slot of the same number: then a mask over slots is one over positions."""
        return self._straight and not self.dead

    @property
    def slot(self) -> NDArray[np.int32]:
        """The slot of each position, -1 once it is dead; shape (size,)."""
        return self._slot[: self.size]

    def append(self, slots: Slots) -> None:
        """Give the next positions to these slots; one may come several times, and -1 is a position that is dead from the start."""
        total = self.size + slots.size
        self._slot, self._next = room(self._slot, total, -1), room(self._next, total, -1)
        self._slot[self.size : total], self._next[self.size : total] = slots, -1
        self._straight = self._straight and bool((slots == np.arange(self.size, total)).all())
        living = np.flatnonzero(slots >= 0)
        if living.size:
            self._first = room(self._first, int(slots.max()) + 1, -1)
            self._chain(slots[living], self.size + living)
        self.size, self.dead = total, self.dead + slots.size - living.size

    def _chain(self, slots: Slots, positions: Positions) -> None:
        """Put these positions at the front of their slots' chains."""
        order = np.argsort(slots, kind="stable")
        by_slot, at = slots[order], positions[order]
        again = by_slot[1:] == by_slot[:-1]
        after = self._first[by_slot]
        after[:-1][again] = at[1:][again]
        self._next[at] = after
        heads = np.concatenate([[True], ~again])
        self._first[by_slot[heads]] = at[heads]

    def known(self, slots: Slots) -> NDArray[np.bool_]:
        """Which of these slots have a position; same shape."""
        within = slots < self._first.size
        known: NDArray[np.bool_] = (
            within & (self._first[np.where(within, slots, 0)] >= 0) if self._first.size else within
        )
        return known

    def of(self, slots: Slots) -> Positions:
        """The positions of these slots, which are ascending and come once each; ascending."""
        if self.straight:
            return slots[slots < self.size]
        at = self._first[slots[slots < self._first.size]]
        found = [at[at >= 0]]
        while found[-1].size:
            at = self._next[found[-1]]
            found.append(at[at >= 0])
        return np.sort(found[0] if len(found) == 2 else np.concatenate(found)).astype(np.int64)

    def alive(self) -> Positions:
        """Every live position, ascending."""
        return np.flatnonzero(self.slot >= 0)

    def drop(self, slots: Slots) -> int:
        """Take these slots' positions from them; how many there were."""
        gone = self.of(slots)
        self._slot[gone] = -1
        self._first[slots[slots < self._first.size]] = -1
        self.dead += gone.size
        return int(gone.size)
