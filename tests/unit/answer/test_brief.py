"""The brief as a whole: any question gets an answer whose every claim is cited and whose order is that of time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.ports import Ask, Event
from retrieval.errors import QuestionTooLong
from retrieval.types import Answer, CharSpan, Kind, Principal, Support, Verdict

WORDS = (
    "what when who why how many was were is there seen person people fire camera vibration temperature pressure highest lowest "
    "average exceed limit alert alerts work order orders P-101 CAM-07 CAM-08 V-1 T-1 zone-b P-999 chiller 99 between 02:00 and "
    "03:00 at 25:61 4 March 2026 31 February 99/99/2026 last night yesterday past 24 hours not in total happened ? . , \u0000 ″ 0"
).split()
NOTHING = {Verdict.NOT_RECORDED, Verdict.INSUFFICIENT}


def check(answer: Answer) -> None:
    assert all(c.support is Support.SUPPORTED and c.citations and c.text.strip() for c in answer.claims)
    assert [e.valid.t0 for e in answer.timeline] == sorted(e.valid.t0 for e in answer.timeline)
    assert answer.confidence is None
    if answer.verdict in NOTHING:
        assert answer.claims == ()
    else:
        assert answer.claims
    msgspec.json.encode(answer)


@example("seen alert V-1 February")
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_question_is_answered_in_order(plant: Any, question: str) -> None:
    check(plant.ask(question))


@settings(max_examples=15)
@given(st.text(max_size=80))
def test_any_text_is_answered_in_order(plant: Any, question: str) -> None:
    check(plant.ask(question))


def test_the_same_question_gets_the_same_answer(plant: Any) -> None:
    question = "What happened to P-101 between 02:00 and 03:00 on 4 March 2026?"
    first, second = plant.ask(question), plant.ask(question)
    assert (first.claims, first.verdict, first.timeline, first.coverage) == (
        second.claims, second.verdict, second.timeline, second.coverage,
    )  # fmt: skip
    assert first.id != second.id


def test_an_event_joins_its_alert_with_its_figures(plant: Any) -> None:
    answer = plant.ask("Why did P-101 alarm between 02:00 and 03:00 on 4 March 2026?")
    kinds = {c.kind for one in answer.claims for c in one.citations}
    assert {Kind.ALERT, Kind.WINDOW} <= kinds
    told = " ".join(c.text for c in answer.claims)
    assert "A-1" in told and "9.4 mm/s" in told and "7.1" in told


def test_the_steps_are_told(plant: Any) -> None:
    heard: list[Event] = []
    ask = Ask(question="What was the highest vibration of P-101 on 4 March 2026?", asked_at=1_772_784_000_000_000)
    answer = plant.brief.answer(ask, plant.me, heard.append)
    assert [e.name for e in heard] == ["plan", "evidence", *["claim"] * len(answer.claims)]
    assert heard[0].data["entities"] == ["P-101"] or "P-101" in heard[0].data["entities"]
    assert heard[0].data["window"] == {"start": "2026-03-03T23:00:00Z", "end": "2026-03-04T23:00:00Z"}


def test_a_question_that_is_too_long_is_refused(plant: Any) -> None:
    with pytest.raises(QuestionTooLong, match="100000 characters"):
        plant.ask("x" * 100_000)


def notes(house: Any) -> None:
    def note(source: str, text: str, **more: Any) -> Any:
        return house.piece(source, Kind.PASSAGE, CharSpan(0, len(text), ""), text, **more)

    house.put(
        note("seal.md", "The coupling bolts are tightened to 40 Nm with a torque wrench."),
        note("pay.md", "The night bonus of the fitters is 17 euros an hour.", labels=("hr",)),
        note("old.md", "Hydrants are inspected every spring."),
    )


def test_facts_are_quoted_from_where_they_stand(house: Any) -> None:
    notes(house)
    finding = house.find("With what are the coupling bolts tightened, a torque wrench?")
    assert finding.verdict is Verdict.ANSWERED
    (cited,) = {c.source for one in finding.claims for c in one.citations}
    assert cited == "file:///site/seal.md"
    assert all(
        c.quote in "The coupling bolts are tightened to 40 Nm with a torque wrench."
        for c in finding.claims[0].citations
    )


def test_what_one_may_not_see_is_not_there(house: Any) -> None:
    notes(house)
    question = "What is the night bonus of the fitters an hour?"
    refused = house.find(question)
    assert "file:///site/pay.md" not in {c.source for one in refused.claims for c in one.citations}
    house.me = Principal("t", labels=("hr",))
    assert "17 euros" in house.find(question).claims[0].text


def test_what_was_not_known_then_is_not_said(house: Any) -> None:
    notes(house)
    question = "When are hydrants inspected, every spring?"
    asked = 1_772_784_000_000_000
    now = house.brief.answer(Ask(question=question, asked_at=asked), house.me, lambda event: None)
    before = house.brief.answer(Ask(question=question, asked_at=asked, as_of=1), house.me, lambda event: None)
    assert now.verdict is Verdict.ANSWERED and before.verdict is Verdict.INSUFFICIENT
    assert before.as_of == 1
