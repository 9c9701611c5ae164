"""A pause after a failure that doubles with each further one, so that what is broken costs less and less."""

from __future__ import annotations

from collections.abc import Callable

_MOST = 32


class Rest:
    """Over from the start. `clock` gives seconds that never go back."""

    def __init__(self, first_s: float, clock: Callable[[], float]) -> None:
        self._first_s, self._clock = first_s, clock
        self._until, self._times = float("-inf"), 0
        self.why = ""

    @property
    def resting(self) -> bool:
        return self._clock() < self._until

    @property
    def left_s(self) -> float:
        return max(0.0, self._until - self._clock())

    def begin(self, why: str) -> None:
        """Rest for `first_s`, twice that when it failed again since it last worked, and so on to 32 times."""
        self._until = self._clock() + self._first_s * min(2**self._times, _MOST)
        self._times, self.why = self._times + 1, why

    def over(self) -> None:
        """It works."""
        self._times, self.why = 0, ""
