"""Questions taken apart by rules."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.question import Question, Statistic, Wants, content_words, parse

ASKED = 1_772_784_000_000_000


def asked(text: str, entities: tuple[str, ...] = ()) -> Question:
    """Entities are found where their ids stand."""
    return parse(text, ASKED, UTC, lambda t: [(t.find(e), t.find(e) + len(e), e) for e in entities if e in t])


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("Was anyone seen in zone B?", {Wants.SIGHT}),
        ("Which cameras saw a forklift?", {Wants.SIGHT}),
        ("What does the footage of the yard show?", {Wants.SIGHT}),
        ("What was the maximum flow?", {Wants.FIGURE}),
        ("How many alerts were raised?", {Wants.ALERT, Wants.COUNT}),
        ("List the alarms of P-101", {Wants.ALERT}),
        ("How many work orders were opened?", {Wants.WORK_ORDER, Wants.COUNT}),
        ("What is WO-17 about?", {Wants.WORK_ORDER}),
        ("Why did the pump trip?", {Wants.EVENT}),
        ("Who signs the permit?", {Wants.FACT}),
    ],
)
def test_what_is_wanted(text: str, wants: set[Wants]) -> None:
    assert wants <= asked(text).wants


@pytest.mark.parametrize(
    ("text", "statistic"),
    [
        ("the highest temperature", Statistic.MAX),
        ("when did the flow peak", Statistic.MAX),
        ("the lowest pressure", Statistic.MIN),
        ("the average load", Statistic.MEAN),
        ("the median load", Statistic.MEDIAN),
        ("the standard deviation of the load", Statistic.STD),
        ("did it exceed its limit", Statistic.ABOVE),
        ("was it ever above 7", Statistic.ABOVE),
        ("anything unusual in the flow", Statistic.ANOMALY),
        ("the range of the pressure", Statistic.RANGE),
        ("what was the pressure at noon", Statistic.VALUE),
    ],
)
def test_statistics(text: str, statistic: Statistic) -> None:
    assert statistic in asked(text).statistics


def test_entities_are_in_order_and_once() -> None:
    assert asked("P-101 and CAM-07 and P-101", ("P-101", "CAM-07")).entities == ("P-101", "CAM-07")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("the seal of P-999", ("P-999",)),
        ("the seal of P-101", ()),
        ("chiller 99 tripped", ("chiller 99",)),
        ("at least 3 pumps, in 2026, above 7 bar, on 4 March at 10:00", ()),
    ],
)
def test_tags_that_name_nothing_known(text: str, tags: tuple[str, ...]) -> None:
    assert asked(text, ("P-101",)).unknown_tags == tags


def test_time_words_are_no_content() -> None:
    found = asked("Was the valve open last night between 02:00 and 03:00?")
    assert found.words == ("valve", "open")
    assert found.when is not None and found.yes_no


def test_kinds_of_asking() -> None:
    assert asked("When did it stop?").asks_when and asked("how long was it off").asks_when
    assert asked("How many trucks passed?").asks_count
    assert asked("Did anyone enter?").yes_no and asked("On 4 March, was anyone there?").yes_no
    assert not asked("Who entered?").yes_no


@given(st.text(max_size=300))
def test_any_text_can_be_taken_apart(text: str) -> None:
    found: Any = asked(text)
    assert found.text == text and found.wants
    assert all(word == word.lower() for word in content_words(text))
