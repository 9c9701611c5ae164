"""Characters of a text that are already part of something, so that nothing is read twice."""

from __future__ import annotations


class Free:
    """Which characters of a text are not yet part of anything."""

    def __init__(self, text: str) -> None:
        self._taken = bytearray(len(text))

    def take(self, start: int, end: int) -> bool:
        """Take [start, end) when all of it is free."""
        if end <= start or any(self._taken[start:end]):
            return False
        self._taken[start:end] = b"\x01" * (end - start)
        return True
