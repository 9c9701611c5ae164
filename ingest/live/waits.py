"""How long to wait before something is tried again: twice as long each time, half of it by chance, so that many do not come at once."""

from __future__ import annotations

from random import Random


class Waits:
    """Seconds from `first` to `longest`."""

    def __init__(self, first: float, longest: float, chance: Random) -> None:
        self._first, self._longest, self._chance = first, longest, chance
        self._now = first

    def well(self) -> None:
        """It worked: the next failure is the first."""
        self._now = self._first

    def next(self) -> float:
        """Of a failure."""
        wait, self._now = self._now, min(2 * self._now, self._longest)
        return wait / 2 + self._chance.random() * wait / 2
