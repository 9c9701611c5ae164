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
    fit: float = 0.0

    @property
    def score(self) -> float:
        """`fit` is what a strategy adds for the kind of sentence it needs (an amount, a cause, the alert's own key)."""
        return self.meaning + 0.5 * self.words - 0.01 * self.rank + self.fit
