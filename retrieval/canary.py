"""Probes that must come back: an index that is empty or stale is never mistaken for one that found nothing.

Pieces of evidence are taken from the catalog (the newest, and some spread over all there are) and looked for in each index as anyone
would: by their own vectors, by their own rarest words, by what they hang on.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from retrieval.errors import GraphUnavailable, ProjectionError
from retrieval.ports import Graph, LogReader, Projected, VectorIndex, WordIndex
from retrieval.types import Evidence, Filter, Principal, Vector

PROBED = ("vectors", "words", "graph")
_PROBES = 8
_K = 50
# float32 sums in another order differ by less
_TOLERANCE = 1e-3
# whole, since a piece of a longer one is no term; longer than every stop word of the analysers, but for some verb forms: of three, one
# at least is none
_WORD = re.compile(r"(?<![^\W_])[^\W_]{6,}(?![^\W_])")
_WORDS = 3
# bytes; analysers drop what is much longer
_LONGEST = 40
# of a text so many characters are looked at
_READ = 4000
_TOLD = 3


class Sample(Protocol):
    """Evidence to look for."""

    def sample(self, count: int) -> list[Projected]: ...

    def still_open(self, rows: Sequence[int]) -> set[int]: ...


@runtime_checkable
class SelfTested(Protocol):
    """An index that can look into its own segments; what did not come back, in words."""

    def canary(self) -> list[str]: ...


class Probe(NamedTuple):
    """A piece of evidence with its vectors, each of shape (dim,), by space; it passed every filter when it was taken."""

    row: int
    evidence: Evidence
    vectors: dict[str, list[Vector]]

    @property
    def who(self) -> Principal:
        """Someone who may see it."""
        return Principal(self.evidence.tenant, "canary", self.evidence.labels)

    @property
    def beside(self) -> Filter:
        """What lets it through and little else, so that it is compared exactly."""
        return Filter(sources=(self.evidence.source,), window=self.evidence.valid)


class Canary:
    """Looks for known evidence in the indexes. `take` before catching up, `look` after it."""

    def __init__(
        self,
        log: LogReader,
        sample: Sample,
        vectors: VectorIndex,
        words: WordIndex | None = None,
        graph: Graph | None = None,
    ) -> None:
        self._log = log
        self._sample = sample
        self._vectors, self._words, self._graph = vectors, words, graph

    def take(self, count: int = _PROBES) -> list[Probe]:
        """What to look for: 2 × `count` pieces at most. Raises StoreError."""
        items = self._sample.sample(count)
        vectors: defaultdict[int, dict[str, list[Vector]]] = defaultdict(dict)
        for row, space, vector in self._log.embeddings([item.evidence.id for item in items]):
            vectors[row].setdefault(space, []).append(vector)
        return [Probe(item.row, item.evidence, vectors[item.row]) for item in items]

    def reach(self) -> int:
        """The log's end: an index that is there, after `take`, holds every probe. Raises StoreError."""
        return self._log.sequence()

    def look(self, probes: Sequence[Probe], among: Collection[str] = PROBED) -> dict[str, str]:
        """Projection → what did not come back, in words; {} when everything did. Only those `among` are asked. Raises StoreError of the
        catalog."""
        finders = {"vectors": self._by_vector, "words": self._by_words, "graph": self._by_entity}
        lost = {name: self._lost(find, probes) for name, find in finders.items() if name in among}
        rows = {row for each in lost.values() for row, _ in each}
        # one superseded since it was taken is rightly gone
        valid = self._sample.still_open(sorted(rows)) if rows else set()
        told = {name: [why for row, why in each if row in valid] for name, each in lost.items()}
        if "vectors" in told and isinstance(self._vectors, SelfTested):
            told["vectors"] += self._vectors.canary()
        return {name: _in_words(each) for name, each in told.items() if each}

    def _lost(
        self, find: Callable[[Probe], Iterator[tuple[int, str]]], probes: Sequence[Probe]
    ) -> list[tuple[int, str]]:
        """(row, why) of what an index does not find. One that fails when asked says so to whoever asks it."""
        try:
            return [each for probe in probes for each in find(probe)]
        except (ProjectionError, GraphUnavailable):
            return []

    def _by_vector(self, probe: Probe) -> Iterator[tuple[int, str]]:
        left_out: Collection[tuple[int, str]] = getattr(self._vectors, "left_out", ())
        for space, vectors in probe.vectors.items():
            if (probe.row, space) in left_out:
                continue
            asked = vectors[0]
            near = max(float(vector @ asked) for vector in vectors) - _TOLERANCE
            found = self._vectors.search(space, asked, _K, probe.beside, probe.who)
            ours = found.scores[found.rows == probe.row]
            # so many others as near leave it no place
            crowded = found.rows.size == _K and float(found.scores[-1]) >= near
            if not crowded and not (ours.size and float(ours[0]) >= near):
                yield probe.row, f"row {probe.row} was not found by its own vector in {space}"
            elif not self._vectors.search(space, asked, 1, Filter(), probe.who).rows.size:
                yield probe.row, f"nothing at all was found in {space}"

    def _by_words(self, probe: Probe) -> Iterator[tuple[int, str]]:
        asked = rare_words(probe.evidence.text)
        if self._words is None or not asked:
            return
        found = self._words.search(" ".join(asked), _K, probe.beside, probe.who)
        if found.rows.size < _K and not np.any(found.rows == probe.row):
            yield probe.row, f"row {probe.row} was not found by its own words"

    def _by_entity(self, probe: Probe) -> Iterator[tuple[int, str]]:
        named = [mention.entity for mention in probe.evidence.entities[:1]]
        if self._graph is None or not named:
            return
        found = self._graph.evidence(named, probe.who)
        if probe.evidence.id not in found and len(found) < 200:
            yield probe.row, f"row {probe.row} was not found by what it hangs on"


def rare_words(text: str) -> list[str]:
    """The likeliest to be rare of a text's first words, at most three: with digits, else the longest. None where all are short."""
    begin = unicodedata.normalize("NFC", text[:_READ])
    whole = (found[0] for found in _WORD.finditer(begin) if found.end() < len(begin) or len(text) <= _READ)
    words = dict.fromkeys(word for word in whole if len(word.encode()) <= _LONGEST)
    ranked = sorted(words, key=lambda word: (not any(char.isdigit() for char in word), -len(word), word))
    return ranked[:_WORDS] if len(ranked) >= _WORDS else []


def _in_words(lost: Sequence[str]) -> str:
    more = f" and {len(lost) - _TOLD} more" if len(lost) > _TOLD else ""
    return f"the canary did not come back: {'; '.join(lost[:_TOLD])}{more}"
