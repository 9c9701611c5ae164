"""Alerts and work orders: listed, narrowed and counted from the rows themselves."""

from __future__ import annotations

from typing import Any

import pytest

from retrieval.types import Kind, Verdict


def keys(finding: Any) -> list[str]:
    return list(dict.fromkeys(c.locator.key for one in finding.claims for c in one.citations))


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("How many alerts were raised on P-101 on 4 March 2026?", "3 alerts"),
        ("How many alerts were raised on P-101 on 4 March 2026 between 08:00 and 10:00?", "1 alert."),
        ("How many work orders were opened for P-101?", "3 work orders"),
        ("How many work orders were opened for P-101 on 4 March 2026?", "2 work orders"),
        ("How many high severity alerts were there on P-101 on 4 March 2026?", "2 alerts matching “high”"),
    ],
)
def test_counting(plant: Any, question: str, number: str) -> None:
    finding = plant.find(question)
    assert finding.verdict is Verdict.ANSWERED
    assert any(number in c.text for c in finding.claims), finding.claims


def test_listing_keeps_to_the_window(plant: Any) -> None:
    finding = plant.find("Which alerts were raised on P-101 on 4 March 2026 between 02:00 and 10:00?")
    assert keys(finding) == ["A-1", "A-2"]
    assert all("CET" in c.text for c in finding.claims)
    assert {e.kind for e in finding.used} == {Kind.ALERT}


def test_words_narrow(plant: Any) -> None:
    finding = plant.find("Which alerts about a seal were raised on P-101 on 4 March 2026?")
    assert keys(finding) == ["A-3"]


def test_another_day_has_none(plant: Any) -> None:
    finding = plant.find("Which alerts were raised on P-101 on 20 January 2026?")
    assert not any(c.kind is Kind.ALERT for one in finding.claims for c in one.citations)
    assert finding.verdict is not Verdict.ANSWERED
