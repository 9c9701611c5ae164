"""Where an entailment model is configured: it may lift a wording, take support away, and be missing; it never lifts a figure."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.verify.meaning import Meaning
from app.verify.port import Entailed, Instruments
from app.verify.verifier import ClaimVerifier
from retrieval.errors import EncoderUnavailable
from retrieval.types import Support


class Model:
    """An entailment model of fixed opinion, which remembers what it was asked."""

    name = "fixed"

    def __init__(self, opinion: Entailed | None) -> None:
        self._opinion = opinion
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def judge(self, premises: Sequence[str], hypothesis: str) -> list[Entailed]:
        self.asked.append((tuple(premises), hypothesis))
        if self._opinion is None:
            raise EncoderUnavailable("no weights")
        return [self._opinion] * len(premises)


YES, NO, OPEN = Entailed(0.97, 0.02, 0.01), Entailed(0.01, 0.02, 0.97), Entailed(0.2, 0.6, 0.2)
SAID = "The pump was mended by the crew in 95 minutes."
TEXT = "The crew nursed the pump back in 95 minutes. The yard was empty."


def judged(plant, opinion: Entailed | None, claim: str = SAID):
    model = Model(opinion)
    verifier = ClaimVerifier(Instruments(lambda text: [], lambda evidence: None, plant.zone, model))
    return verifier, model, verifier.judge(claim, [plant.passage(TEXT)])


def test_a_wording_is_lifted_and_the_statement_it_rests_on_is_asked_first(plant) -> None:
    _, model, found = judged(plant, YES)
    assert found.support is Support.SUPPORTED
    assert found.checks["entailment"] == pytest.approx(0.97)
    assert model.asked[0][0][0] == "The crew nursed the pump back in 95 minutes."
    assert judged(plant, OPEN)[2].support is Support.UNSUPPORTED


@pytest.mark.parametrize(
    "claim", ["The pump was mended in 94 minutes.", "The pump was not mended.", "P-9 was mended in 95 minutes."]
)
def test_figures_denials_and_names_are_not_the_models_to_judge(plant, claim: str) -> None:
    _, _, found = judged(plant, YES, claim)
    assert found.support is not Support.SUPPORTED


def test_a_contradiction_takes_support_away(plant) -> None:
    claim = "The crew nursed the pump back in 95 minutes."
    assert judged(plant, OPEN, claim)[2].support is Support.SUPPORTED
    assert judged(plant, NO, claim)[2].support is Support.CONTRADICTED


def test_a_model_that_cannot_be_had_is_left_out_and_not_asked_again(plant) -> None:
    verifier, model, found = judged(plant, None)
    assert found.support is Support.UNSUPPORTED
    verifier.judge(SAID, [plant.passage(TEXT)])
    assert len(model.asked) == 1


def test_only_what_is_nearly_certain_counts() -> None:
    assert Meaning(0.9, 0.0).lifts and not Meaning(0.89, 0.0).lifts
    assert Meaning(0.0, 0.9).denies and not Meaning(0.5, 0.95).denies
