"""What is measured of an answer: always the same names, always in [0, 1], and each says what it means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.answer.brief import investigate
from app.answer.desk import Desk, Finding
from app.confidence.features import MEANINGS, STRATEGIES, features_of
from app.verify.port import Judgement
from retrieval.types import (
    CharSpan,
    Claim,
    CoverageNote,
    Entity,
    EntityType,
    Interval,
    Kind,
    RowKey,
    Sighting,
    Support,
    Verdict,
)

T0 = 1_772_588_460_000_000  # 2026-03-04T01:41:00Z
MINUTE = 60_000_000
SEAL = "The mechanical seal of pump P-101 failed because the flush line was blocked."


@pytest.fixture(scope="module")
def filled(shared_house: Any) -> Any:
    pump = Entity(id="P-101", type=EntityType.ASSET, name="Pump P-101", tenant="t")
    alarm = "Alert A-17 (high): pump P-101 vibration above its limit"
    shared_house.put(
        shared_house.piece("seal.md", Kind.PASSAGE, CharSpan(0, 80, "Seal"), SEAL, on=("P-101",)),
        shared_house.piece("canteen.md", Kind.PASSAGE, CharSpan(0, 50, "Menu"), "The canteen serves soup on Mondays."),
        shared_house.piece("alerts.jsonl", Kind.ALERT, RowKey("alerts", "A-17", 1), alarm, valid=Interval(T0, T0 + MINUTE), on=("P-101",)),
        entities=(pump,),
    )  # fmt: skip
    return shared_house


def measured(house: Any, question: str, **given: Any) -> tuple[dict[str, float], Desk]:
    desk = house.desk(question)
    return features_of(desk, investigate(desk), **given), desk


QUESTIONS = (
    "Why did the mechanical seal of pump P-101 fail?",
    "What is the phone number of the mayor of Lisbon?",
    "Which alerts did P-101 raise on 4 March 2026?",
    "What will happen tomorrow?",
    "Did any camera see a person on 4 March?",
    "What was the maximum vibration of P-101 yesterday?",
    "?",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_answer_has_the_same_names_with_figures_in_0_to_1(filled: Any, question: str) -> None:
    found, desk = measured(filled, question)
    assert list(found) == list(MEANINGS)
    assert all(0.0 <= value <= 1.0 for value in found.values())
    assert desk.strategy in STRATEGIES
    assert sum(found[f"strategy_{name}"] for name in STRATEGIES) == 1.0
    assert sum(found[f"verdict_{verdict.value}"] for verdict in Verdict) == 1.0


def test_an_answer_that_carries_the_question_shows_it(filled: Any) -> None:
    found, _ = measured(filled, "Was the flush line of the mechanical seal blocked?")
    assert found["strategy_fact"] == found["verdict_answered"] == 1.0
    assert found["words_carried"] == found["words_carried_by_one"] == 1.0
    assert found["cited_rank"] == 1.0 and found["channel_agreement"] > 0 and found["top_score"] > 0
    assert found["meaning"] > 0 and found["words"] == 1.0
    assert found["entity_named"] == found["time_named"] == found["time_known"] == 0.0


def test_what_is_not_there_is_carried_by_nothing(filled: Any) -> None:
    found, _ = measured(filled, "Who painted the ceiling of the chapel?")
    assert found["verdict_insufficient"] == 1.0
    assert found["words_carried"] == found["claims"] == found["cited_rank"] == 0.0


def test_a_close_match_speaks_for_an_answer_and_against_saying_that_there_is_none(filled: Any) -> None:
    desk = filled.desk("Anything?")
    desk.measured |= {"meaning": 0.6, "words": 0.3, "sentence_lead": 0.2}
    told = features_of(desk, Finding(Verdict.ANSWERED))
    assert (told["meaning"], told["words"], told["sentence_lead"], told["near_miss"]) == (0.6, 0.3, 0.2, 0.0)
    silent = features_of(desk, Finding(Verdict.INSUFFICIENT))
    assert (silent["meaning"], silent["words"], silent["sentence_lead"]) == (0.0, 0.0, 0.0)
    assert silent["near_miss"] == pytest.approx((0.6 + 0.5 * 0.3) / 1.5)


@pytest.mark.parametrize(
    ("question", "text", "amount", "time"),
    [
        ("How much oil was lost?", "Oil was lost.", 1.0, 0.0),
        ("How much oil was lost?", "4 litres of oil were lost.", 0.0, 0.0),
        ("When was the oil lost?", "Oil was lost.", 0.0, 1.0),
        ("When was the oil lost?", "Oil was lost on 4 March 2026.", 0.0, 0.0),
        ("What was lost?", "Oil was lost.", 0.0, 0.0),
    ],
)
def test_an_answer_without_what_is_asked_for_shows_it(
    filled: Any, question: str, text: str, amount: float, time: float
) -> None:
    found = features_of(filled.desk(question), Finding(Verdict.ANSWERED, (Claim(text, Support.SUPPORTED, ()),)))
    assert (found["amount_missing"], found["time_missing"]) == (amount, time)
    nothing = features_of(filled.desk(question), Finding(Verdict.INSUFFICIENT))
    assert nothing["amount_missing"] == nothing["time_missing"] == 0.0


def test_things_and_times_that_are_named_are_matched(filled: Any) -> None:
    found, _ = measured(filled, "Which alerts did P-101 raise on 4 March 2026?")
    assert found["strategy_table"] == found["entity_named"] == found["entity_matched"] == 1.0
    assert found["time_named"] == found["time_known"] == found["time_matched"] == 1.0
    assert found["kinds"] == pytest.approx(1 / 6)


def test_coverage_is_told_in_shares(filled: Any) -> None:
    notes = tuple(CoverageNote("CAM-01", status, None, "") for status in ("gap", "examined", "gap", "recorded"))
    found = features_of(filled.desk("Anything?"), Finding(Verdict.NOT_OBSERVED, notes=notes))
    assert (found["coverage_told"], found["coverage_gaps"], found["coverage_examined"]) == (1.0, 0.5, 0.25)


def test_what_verification_found_is_there(filled: Any) -> None:
    claims = (
        Claim("a", Support.SUPPORTED, (), sighting=Sighting.CONFIRMED),
        Claim("b", Support.CONTRADICTED, ()),
    )
    judgements = (
        Judgement(Support.SUPPORTED, score=0.9, checks={"words": 0.8}, recomputed=("1 mm/s",)),
        Judgement(Support.CONTRADICTED, score=0.1, checks={"words": 0.2}),
    )
    found = features_of(filled.desk("Anything?"), Finding(Verdict.PARTIAL, claims), judgements, [-0.1, -2.0])
    assert (found["supported"], found["contradicted"], found["judged"]) == (0.5, 1.0, 1.0)
    assert found["judged_score"] == pytest.approx(0.5) and found["judged_lowest"] == pytest.approx(0.1)
    assert found["judged_words"] == pytest.approx(0.5) and found["judged_recomputed"] == 0.5
    assert (found["sighting_confirmed"], found["sighting_rejected"]) == (0.5, 0.0)
    # e^-1.05 and e^-2
    assert found["token_probability"] == pytest.approx(0.349938, abs=1e-6)
    assert found["token_probability_lowest"] == pytest.approx(0.135335, abs=1e-6)


def test_what_was_off_is_noted(filled: Any) -> None:
    desk = filled.desk("Anything?")
    assert features_of(desk, Finding(Verdict.INSUFFICIENT))["degraded"] == 0.0
    desk.degraded.append("image: off")
    assert features_of(desk, Finding(Verdict.INSUFFICIENT))["degraded"] == 1.0


@example(logprobs=[-1.7e308, -1.7e308], scores=[], measured=0.0)
@given(
    logprobs=st.lists(st.floats(), max_size=6),
    scores=st.lists(st.floats(-5, 5), max_size=4),
    measured=st.floats(),
)
def test_no_figure_of_others_leaves_the_bounds(
    filled: Any, logprobs: list[float], scores: list[float], measured: float
) -> None:
    desk = filled.desk("Anything?")
    desk.measured["meaning"] = measured
    judgements = [Judgement(Support.SUPPORTED, score=score, checks={"words": score}) for score in scores]
    found = features_of(desk, Finding(Verdict.ANSWERED), judgements, logprobs)
    assert all(0.0 <= value <= 1.0 for value in found.values())
