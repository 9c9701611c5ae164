"""BM25 in memory (Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75), the statistics taken within the tenant."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from retrieval.fakes.shelf import Documented
from retrieval.ports import Explained, LogReader, Scored, WordRead
from retrieval.tags import asked, tags
from retrieval.types import Evidence, Filter, Principal

_K1, _B = 1.2, 0.75
_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset("a an and are as at be by for if in into is it no not of on or the to was what when with".split())
_ENDINGS = ("ing", "ed", "es", "s", "e")
_SHORTEST, _TWO_SLIPS, _INSTEAD, _MOST_INSTEAD = 4, 8, 0.5, 8


def _stem(word: str) -> str:
    """Cut one common English ending: enough to bring leaks, leaked and leaking together."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(unicodedata.normalize("NFC", text).lower()) if word not in _STOP]


def _terms(text: str) -> list[str]:
    """Stems, tags behind a #, and words as they are written behind an =."""
    words = _words(text)
    plain = [f"={word}" for word in dict.fromkeys(words) if word.isalpha() and len(word) >= _SHORTEST]
    return [_stem(word) for word in words] + [f"#{tag}" for tag in tags(text)] + plain


class MemoryWords(Documented):
    """The WordIndex port with dictionaries."""

    name = "words"

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[int, Counter[str]] = {}

    def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Scored:
        own = [self._counts[row] for row, item in self._held.items() if item.tenant == principal.tenant]
        weights = {term: share * self._weight(term, own) for term, share in self._wanted(text, filter_, principal)}
        mean = sum(_length(counts) for counts in own) / max(len(own), 1)
        scores = {row: self._score(self._counts[row], weights, mean) for row in self._passing(filter_, principal)}
        best = sorted((row for row in scores if scores[row] > 0), key=lambda row: (-scores[row], row))[: max(k, 0)]
        return Scored(np.array(best, np.int64), np.array([scores[row] for row in best], np.float32))

    def explain(self, text: str, k: int, filter_: Filter, principal: Principal) -> Explained:
        begun = time.perf_counter()
        every = self.search(text, len(self._held), filter_, principal).rows.tolist()
        took = (time.perf_counter() - begun) * 1e3
        matching = len(set(every).intersection(self._standing(filter_, principal)))
        found = min(matching, max(k, 0))
        total = sum(item.tenant == principal.tenant for item in self._held.values())
        if not total:
            return Explained("words", 0, 0, k, "none", "the tenant has no words yet", 0, 0, 0.0)
        why = "; ".join(read.told() for read in self._reading(text, filter_, principal)) or "no word to look for"
        return Explained("words", total, matching, k, "BM25", why, matching, found, took)

    def reading(self, text: str, principal: Principal) -> list[WordRead]:
        return self._reading(text, Filter(), principal)

    def _reading(self, text: str, filter_: Filter, principal: Principal) -> list[WordRead]:
        if all(item.tenant != principal.tenant for item in self._held.values()):
            return []
        # every term that the asker may see for certain, of the filter's time
        shown = self._standing(Filter(as_of=filter_.as_of), principal)
        known, instead = {term for row in shown for term in self._counts[row]}, 0
        stems, found = {_stem(word): word for word in reversed(_words(text))}, list[WordRead]()
        for word in reversed(stems.values()):
            read = _read(word, known) if instead < _MOST_INSTEAD else WordRead(word, "whole")
            instead += read.how != "whole"
            found.append(read if filter_.as_of is None or read.how == "whole" else WordRead(word, "each"))
        return found

    def _wanted(self, text: str, filter_: Filter, principal: Principal) -> Iterator[tuple[str, float]]:
        """The terms of a question, and how much each counts."""
        for read in self._reading(text, filter_, principal):
            if read.how in ("whole", "each"):
                yield _stem(read.word), 1.0
            terms = self._near(read.word, filter_, principal) if read.how == "each" else read.terms
            yield from ((f"={term}", _INSTEAD) for term in terms)
        yield from ((f"#{tag}", 1.0) for tag in asked(text))

    def _near(self, word: str, filter_: Filter, principal: Principal) -> Iterator[str]:
        """What begins with the word, and what is written like it."""
        there = {term[1:] for row in self._passing(filter_, principal) for term in self._counts[row] if term[0] == "="}
        return (term for term in sorted(there) if term.startswith(word) or _alike(word, term))

    def _weight(self, term: str, documents: list[Counter[str]]) -> float:
        having = sum(term in counts for counts in documents)
        return math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))

    def _score(self, counts: Counter[str], weights: dict[str, float], mean: float) -> float:
        length = _K1 * (1 - _B + _B * _length(counts) / max(mean, 1.0))
        return sum(weight * counts[t] * (_K1 + 1) / (counts[t] + length) for t, weight in weights.items() if counts[t])

    def _added(self, ids: Sequence[str], present: dict[int, Evidence], log: LogReader) -> None:
        for row, item in present.items():
            self._counts[row] = Counter(_terms(item.text))

    def _dropped(self, row: int) -> None:
        del self._counts[row]


def _length(counts: Counter[str]) -> int:
    return sum(count for term, count in counts.items() if not term.startswith("="))


def _read(word: str, known: set[str]) -> WordRead:
    if not word.isalpha() or len(word) < _SHORTEST or _stem(word) in known:
        return WordRead(word, "whole")
    plain = sorted(term[1:] for term in known if term.startswith("="))
    begun = tuple(term for term in plain if term.startswith(word))
    if begun:
        return WordRead(word, "beginning", begun)
    return WordRead(word, "likeness", tuple(term for term in plain if _alike(word, term)))


def _alike(one: str, other: str) -> bool:
    return _slips(one, other) <= (2 if len(one) >= _TWO_SLIPS else 1)


def _slips(one: str, other: str) -> int:
    """Letters to insert, drop, change, or swap with the next, to make one of the other (optimal string alignment)."""
    before, row = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        ago, before, row = before, row, [i]
        for j, there in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != there)))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                row[j] = min(row[j], ago[j - 2] + 1)
    return row[-1]
