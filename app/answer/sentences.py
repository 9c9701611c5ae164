"""A sentence of found evidence, with how well it answers."""

from __future__ import annotations

from typing import NamedTuple

from retrieval.types import Evidence


class Sentence(NamedTuple):
    """A sentence of a hit, with how well it answers: `meaning` is a cosine, `words` a share in [0, 1]."""

    evidence: Evidence
    text: str
    meaning: float
    words: float
    rank: int

    @property
    def score(self) -> float:
        return self.meaning + 0.5 * self.words - 0.01 * self.rank
