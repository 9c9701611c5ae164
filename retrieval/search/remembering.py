"""Vectors of texts that search meets again and again: the question, and what it found last time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from retrieval.ports import TextEncoder
from retrieval.types import Vector

_KEPT = 4096


class Remembering:
    """A text encoder that keeps the vectors of the texts it has met lately (6 MB at 384 dimensions)."""

    def __init__(self, encoder: TextEncoder, kept: int = _KEPT) -> None:
        self._encoder = encoder
        self._most = kept
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def space(self) -> str:
        """The encoder's own."""
        return self._encoder.space

    def forget(self) -> None:
        """Drop them all."""
        with self._lock:
            self._kept.clear()

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """One (dim,) array a text."""
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        made = dict(zip(missing, self._encoder.encode(missing), strict=True)) if missing else {}
        with self._lock:
            self._kept.update(made)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return [made[text] if text in made else known[text] for text in texts]
