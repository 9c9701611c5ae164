"""Two sources contradict each other only about the amount that is asked for."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from app.answer.conflict import contradicting
from app.answer.question import parse
from app.answer.sentences import Sentence
from retrieval.types import CharSpan, Evidence, Kind, Provenance


def sentences(*texts: str) -> list[Sentence]:
    def evidence(n: int, text: str) -> Evidence:
        return Evidence(
            id=f"ev_{n}", tenant="t", source=f"file:///{n}.md", kind=Kind.PASSAGE, text=text,
            locator=CharSpan(0, len(text)), provenance=Provenance("test"),
        )  # fmt: skip

    return [Sentence(evidence(n, text), text, 0.8, 0.5, 0) for n, text in enumerate(texts)]


STILL = ("The conveyor stood still 72 minutes after the fire.", "K-451 stood still for 97 minutes.")
LEAK = ("About 140 litres lost, cleared in 20 minutes.", "The leak took 200 litres in 30 minutes.")
SPARES = ("The store keeps 4 spare bearings.", "There are 6 spare bearings.")


@pytest.mark.parametrize(
    ("question", "texts", "disagree"),
    [
        ("How many workers were hurt in the fire?", STILL, False),
        ("How much was burnt in the fire?", STILL, False),
        ("How high did the flames reach?", STILL, False),
        ("For how long did K-451 stand still after the motor fire?", STILL, True),
        ("How much time was lost?", STILL, True),
        ("How many minutes did the conveyor stand still?", STILL, True),
        ("How much product was lost in the leak at T-501?", LEAK, True),
        ("How many litres leaked from Tank T-501 yesterday?", LEAK, True),
        ("How many spare bearings are there?", SPARES, True),
        ("How long is a bearing kept?", SPARES, False),
        ("How long was it?", ("It took 3 h.", "It took 5 h."), True),
    ],
)
def test_only_the_unit_that_is_asked_is_compared(question: str, texts: tuple[str, ...], disagree: bool) -> None:
    asked = parse(question, 1_772_784_000_000_000, ZoneInfo("Europe/Madrid"), lambda _: [])
    assert (contradicting(asked, sentences(*texts)) is not None) is disagree
