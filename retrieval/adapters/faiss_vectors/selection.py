"""Which slots pass a filter, as a list or as a mask, whichever came first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
Slots: TypeAlias = NDArray[np.int64]


class Selection:
    """Slots that pass a filter. `key` names them for as long as the columns stay as they are; None = asked for once.

    Good only while the columns do not change.
    """

    def __init__(self, key: Hashable | None, slots: Slots | None, mask: Mask | None, count: int) -> None:
        self.key, self.count = key, count
        self._slots, self._mask = slots, mask

    @classmethod
    def listed(cls, slots: Slots) -> Selection:
        """Of ascending slots."""
        return cls(None, slots, None, int(slots.size))

    @classmethod
    def masked(cls, mask: Mask) -> Selection:
        """Of a mask over all slots."""
        return cls(None, None, mask, int(np.count_nonzero(mask)))

    @property
    def slots(self) -> Slots:
        """Ascending."""
        if self._slots is None:
            assert self._mask is not None
            self._slots = np.flatnonzero(self._mask)
        return self._slots

    @property
    def mask(self) -> Mask | None:
        """Over all slots, where it was made as one."""
        return self._mask

    def passes(self, slots: NDArray[Any]) -> Mask:
        """Which of these slots are selected, same shape; what is said of negative numbers means nothing."""
        passing: Mask
        if self._mask is not None:
            passing = self._mask[slots]
        elif not self.slots.size:
            passing = np.zeros(slots.shape, np.bool_)
        else:
            at = np.minimum(np.searchsorted(self.slots, slots), self.slots.size - 1)
            passing = self.slots[at] == slots
        return passing


class Words:
    """Values ↔ small codes. A filter is asked once a value, not once a row."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._codes: dict[Any, int] = {}
        for value in values:
            self.code(value)

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def values(self) -> list[Any]:
        """By code."""
        return list(self._codes)

    def code(self, value: Any) -> int:
        return self._codes.setdefault(value, len(self._codes))

    def known(self, value: Any) -> int | None:
        """The code of a value that has one."""
        return self._codes.get(value)

    def table(self, passes: Callable[[Any], bool]) -> Mask:
        """Shape (values,): which codes pass."""
        return np.fromiter((passes(value) for value in self._codes), np.bool_, len(self._codes))
