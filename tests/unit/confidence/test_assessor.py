"""What becomes of an answer by how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.confidence.assessor import STATED, Abstain, Assessor
from app.confidence.calibrator import load
from retrieval.types import Answer, Verdict

from .conftest import ANSWERER, abstention, answer, calibration, features, head

SURE, UNSURE = features(words=1.0), features(words=0.25)


@pytest.fixture
def assessed(written: Callable[..., Path]) -> Callable[..., Answer]:
    calibrators = load(written(calibration(head(abstention=abstention(0.7)))))

    def assess(given: Answer, found: dict[str, float], abstain: Abstain) -> Answer:
        return Assessor(calibrators, abstain).assess(given, found)

    return assess


@pytest.mark.parametrize("abstain", ["off", "warn", "refuse"])
def test_a_sure_answer_stays_as_it_is(assessed: Callable[..., Answer], abstain: Abstain) -> None:
    found = assessed(answer(), SURE, abstain)
    assert found.confidence == pytest.approx(0.989, abs=1e-3) and found.features == SURE
    assert found.calibration.startswith("own.v2@") and found.verdict is Verdict.ANSWERED and found.degraded == ()


@pytest.mark.parametrize("verdict", sorted(STATED))
def test_an_unsure_one_says_so_whatever_it_states(assessed: Callable[..., Answer], verdict: Verdict) -> None:
    found = assessed(answer(verdict), UNSURE, "warn")
    assert found.verdict is verdict
    assert found.degraded == (
        "low confidence: 0.18 is below 0.70, from where on at most 10% of answers are wrong; check what it cites before acting on it",
    )


def test_it_can_be_refused_or_let_be(assessed: Callable[..., Answer]) -> None:
    refused = assessed(answer(Verdict.PARTIAL), UNSURE, "refuse")
    assert refused.verdict is Verdict.INSUFFICIENT and refused.degraded and refused.confidence is not None
    assert assessed(answer(), UNSURE, "off").degraded == ()


@pytest.mark.parametrize("verdict", [Verdict.INSUFFICIENT, Verdict.REFUSED])
def test_what_states_nothing_is_not_warned_of(assessed: Callable[..., Answer], verdict: Verdict) -> None:
    found = assessed(answer(verdict), UNSURE, "refuse")
    assert (found.verdict, found.degraded) == (verdict, ())


def test_without_a_calibrator_for_who_answered_there_is_no_confidence(assessed: Callable[..., Answer]) -> None:
    found = assessed(answer(model="some/model"), UNSURE, "refuse")
    assert (found.confidence, found.calibration, found.verdict) == (None, "", Verdict.ANSWERED)
    assert found.features == UNSURE


def test_a_head_without_a_threshold_never_abstains(written: Callable[..., Path]) -> None:
    found = Assessor(load(written(calibration())), "refuse").assess(answer(), UNSURE)
    assert found.confidence == pytest.approx(0.182, abs=1e-3) and found.verdict is Verdict.ANSWERED


def test_doctor_reads_who_is_calibrated_and_what_follows(written: Callable[..., Path]) -> None:
    assessor = Assessor(load(written(calibration(head(abstention=abstention(0.7))))), "refuse")
    told = assessor.describe([ANSWERER, "some/model"])
    assert "is insufficient below 0.70 (risk 10%)" in told and "some/model: not calibrated" in told
