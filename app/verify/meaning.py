"""What an entailment model says of a claim, where one is configured: it may lift a wording, never a figure, a name or a denial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.verify.port import Entailment
from app.verify.statements import Statement

# as sure as this, of a probability in [0, 1], before a model's word counts
_SURE = 0.9
_PREMISES = 3


class Meaning(NamedTuple):
    """The highest probabilities, over what the evidence states, that it entails and that it contradicts a claim."""

    entails: float
    contradicts: float

    @property
    def lifts(self) -> bool:
        return self.entails >= _SURE

    @property
    def denies(self) -> bool:
        return self.contradicts >= _SURE > 2 * self.entails


def meaning(model: Entailment, claim: str, ranked: Sequence[Statement]) -> Meaning | None:
    """What a model says of a claim and the statements it rests on, best first; None without any. Raises EncoderUnavailable."""
    told = list(dict.fromkeys(s.reading.text for s in ranked if s.reading.text.strip()))[:_PREMISES]
    if not told:
        return None
    # a claim may rest on several statements together
    judged = model.judge([*told, " ".join(told)] if len(told) > 1 else told, claim)
    return Meaning(max(j.entails for j in judged), max(j.contradicts for j in judged))
