"""Vectors of texts that search meets again and again: the question, and what it found last time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from retrieval.ports import TextEncoder
from retrieval.types import Vector

_KEPT = 4096


@runtime_checkable
class Forgetful(Protocol):
    """What keeps something of evidence in memory."""

    def forget(self) -> None: ...


class Remembering:
    """A text encoder that keeps the vectors of the texts it has met lately (6 MB at 384 dimensions)."""

    def __init__(self, encoder: TextEncoder, kept: int = _KEPT) -> None:
        self._encoder = encoder
        self._most = kept
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0

    @property
    def space(self) -> str:
        """The encoder's own."""
        return self._encoder.space

    def forget(self) -> None:
        """Drop them all."""
        with self._lock:
            self._kept.clear()
            self._forgotten += 1

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """One (dim,) array a text."""
        with self._lock:
            known, begun = {text: self._kept[text] for text in texts if text in self._kept}, self._forgotten
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        made = dict(zip(missing, self._encoder.encode(missing), strict=True)) if missing else {}
        with self._lock:
            # what was begun before all was to be forgotten is not remembered after
            self._kept.update(made if begun == self._forgotten else {})
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return [made[text] if text in made else known[text] for text in texts]
