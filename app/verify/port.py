"""What verification is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import NamedTuple, Protocol

import msgspec

from retrieval.types import Evidence, Micros, Support


class Exhibit(NamedTuple):
    """One piece of evidence as it was shown: `text` is all that stood under its label ("E3"), what we computed included."""

    label: str
    evidence: Evidence
    text: str


class Judgement(msgspec.Struct, frozen=True):
    """What a claim is worth. `why` says in words what does not stand ("" when all does); `score` is the support in [0, 1].

    `checks` holds what was measured on the way, by name, each in [0, 1] (figures, words, meaning, …): features for calibration.
    `recomputed` lists figures found by computing, not by reading ("10.08 mm/s: maximum of 60 samples").
    """

    support: Support
    why: str = ""
    score: float = 0.0
    checks: dict[str, float] = {}
    recomputed: tuple[str, ...] = ()


class Entailed(NamedTuple):
    """Probabilities that a premise entails, leaves open or contradicts a hypothesis; they sum to 1."""

    entails: float
    neutral: float
    contradicts: float


class Entailment(Protocol):
    """A natural-language-inference model (a cross-encoder), where one is configured."""

    name: str

    def judge(self, premises: Sequence[str], hypothesis: str) -> list[Entailed]:
        """One judgement for each premise. Raises EncoderUnavailable."""


class Instruments(NamedTuple):
    """What claims are verified with.

    `find_entities`: (start, end, entity id) of every name in a text. `samples`: times (UTC microseconds) and values behind a
    window, None where there are none. `entailment` is None where not configured.
    """

    find_entities: Callable[[str], Sequence[tuple[int, int, str]]]
    samples: Callable[[Evidence], tuple[Sequence[Micros], Sequence[float]] | None]
    zone: tzinfo
    entailment: Entailment | None = None


class Verifier(Protocol):
    """Judges one claim against the exhibits it cites, and against those alone."""

    def judge(self, claim: str, exhibits: Sequence[Exhibit]) -> Judgement: ...
