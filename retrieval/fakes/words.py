"""BM25 in memory (Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75), the statistics taken within the tenant."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from retrieval.fakes.shelf import Shelf
from retrieval.ports import LogReader, Scored
from retrieval.tags import tags
from retrieval.types import Evidence, Filter, Principal

_K1, _B = 1.2, 0.75
_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset("a an and are as at be by for if in into is it no not of on or the to was what when with".split())
_ENDINGS = ("ing", "ed", "es", "s", "e")


def _stem(word: str) -> str:
    """Cut one common English ending: enough to bring leaks, leaked and leaking together."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _terms(text: str) -> list[str]:
    words = [_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP]
    return words + [f"#{tag}" for tag in tags(text)]


class MemoryWords(Shelf):
    """The WordIndex port with dictionaries."""

    name = "words"

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[int, Counter[str]] = {}

    def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Scored:
        own = [self._counts[row] for row, item in self._held.items() if item.tenant == principal.tenant]
        wanted = set(_terms(text))
        weights = {term: self._weight(term, own) for term in wanted}
        mean = sum(counts.total() for counts in own) / max(len(own), 1)
        scores = {row: self._score(self._counts[row], weights, mean) for row in self._passing(filter_, principal)}
        best = sorted((row for row in scores if scores[row] > 0), key=lambda row: (-scores[row], row))[: max(k, 0)]
        return Scored(np.array(best, np.int64), np.array([scores[row] for row in best], np.float32))

    def _weight(self, term: str, documents: list[Counter[str]]) -> float:
        having = sum(term in counts for counts in documents)
        return math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))

    def _score(self, counts: Counter[str], weights: dict[str, float], mean: float) -> float:
        length = _K1 * (1 - _B + _B * counts.total() / max(mean, 1.0))
        return sum(weight * counts[t] * (_K1 + 1) / (counts[t] + length) for t, weight in weights.items() if counts[t])

    def _added(self, ids: Sequence[str], present: dict[int, Evidence], log: LogReader) -> None:
        for row, item in present.items():
            self._counts[row] = Counter(_terms(item.text))

    def _dropped(self, row: int) -> None:
        del self._counts[row]
