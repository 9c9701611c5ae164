"""Questions that lean on what was said before, made to stand alone; and those that stand alone, left as they are."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.places import Site
from app.conversation.follow_up import before, resolved
from app.conversation.pointing import Around, Before
from app.ports import Turn
from ingest.entities import EntityLinker
from retrieval.times import to_micros
from retrieval.types import Entity, EntityType, Link, LinkType

MADRID = ZoneInfo("Europe/Madrid")
NOW = to_micros(datetime(2026, 4, 10, 7, 30, tzinfo=MADRID))
DAY = 86_400_000_000
NAMES = (
    ("P-101", EntityType.ASSET, "Pump P-101", {"type": "pump"}),
    ("P-102", EntityType.ASSET, "Pump P-102", {"type": "pump"}),
    ("CAM-01", EntityType.CAMERA, "Camera 1", {}),
    ("CAM-02", EntityType.CAMERA, "Camera 2", {}),
    ("zone-d", EntityType.ZONE, "Zone D", {}),
)
BOOK = [Entity(id=i, type=t, name=n, tenant="t", facts=f) for i, t, n, f in NAMES]
LINKS = [Link(source="P-101", type=LinkType.MONITORED_BY, target="CAM-01", tenant="t")]
AROUND = Around(Site({e.id: e for e in BOOK}, LINKS), EntityLinker(BOOK).find, MADRID)
NIGHT = "on 9 April 2026 between 18:00 and 06:00"
FIRST = "What happened to pump P-101 last night?"


def put(text: str, question: str = FIRST, asked_at: int = NOW, **cited: tuple[str, ...]) -> str:
    known = {"cited": ("CAM-02", "zone-d"), "keys": ("WO-2420",), **cited}
    return resolved(text, asked_at, Before(question, NOW, **known), AROUND)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        # another time
        ("And the day before?", "What happened to pump P-101 on 8 April 2026 between 18:00 and 06:00?"),
        ("two hours earlier?", "What happened to pump P-101 on 9 April 2026 between 16:00 and 04:00?"),
        ("and yesterday?", "What happened to pump P-101 on 9 April 2026?"),
        ("and then?", "What happened to pump P-101 on 10 April 2026 between 06:00 and 18:00?"),
        # a clock alone is one of the night spoken of
        ("and at 03:00?", "What happened to pump P-101 on 10 April 2026 at 03:00?"),
        ("And at 22:15?", "What happened to pump P-101 on 9 April 2026 at 22:15?"),
        # another thing
        ("And P-102?", f"What happened to P-102 {NIGHT}?"),
        ("what about pump P-102?", f"What happened to pump P-102 {NIGHT}?"),
        ("Show me the same for P-102", f"What happened to P-102 {NIGHT}?"),
        ("and P-102 the day before?", "What happened to P-102 on 8 April 2026 between 18:00 and 06:00?"),
        ("Camera 2 at 03:00?", "What happened to Camera 2 on 10 April 2026 at 03:00?"),
        ("what about P-102 on 3 April?", "What happened to P-102 on 3 April 2026?"),
        # a word before the same question
        ("Why?", f"Why? What happened to pump P-101 {NIGHT}?"),
        ("and how long?", f"How long? What happened to pump P-101 {NIGHT}?"),
        # words that point back
        ("show me that camera", f"show me Camera 2 {NIGHT}?"),
        ("What did it see then?", f"What did Camera 2 see {NIGHT}?"),
        ("What was its highest vibration?", f"What was Pump P-101's highest vibration {NIGHT}?"),
        ("Was anyone there?", f"Was anyone at Zone D {NIGHT}?"),
        ("show me that work order", "show me work order WO-2420"),
        ("Was it hot at 02:10?", "Was Pump P-101 hot on 10 April 2026 at 02:10?"),
        ("and the alarms?", f"and the alarms for Pump P-101 {NIGHT}?"),
        ("When did the alarm clear?", f"When did the alarm clear for Pump P-101 {NIGHT}?"),
        ("what happened after that?", "What happened to pump P-101 on 10 April 2026 between 06:00 and 18:00?"),
        ("what did Camera 1 see at that time?", f"what did Camera 1 see {NIGHT}?"),
        # what does not hang on a time keeps none
        ("When was it installed?", "When was Pump P-101 installed?"),
        ("Which work orders are open for it?", "Which work orders are open for Pump P-101?"),
    ],
)
def test_a_question_that_leans(text: str, whole: str) -> None:
    assert put(text) == whole


@pytest.mark.parametrize(
    "text",
    [
        "Who replaced the bearing?",
        "How often must the filter be replaced?",
        "Is there a forklift in Zone D?",
        "What happened to P-102 yesterday?",
        "Which alarms were raised yesterday?",
        "Thanks!",
        "   ",
        "",
    ],
)
def test_a_question_that_stands_alone_stays(text: str) -> None:
    assert put(text) == text


def test_the_earlier_time_means_the_same_on_another_day() -> None:
    later = put("And P-102?", "Which alarms did P-101 raise yesterday?", NOW + 3 * DAY)
    assert later == "Which alarms did P-102 raise on 9 April 2026?"


def test_a_camera_nobody_cited_is_the_one_that_watches() -> None:
    assert put("show me that camera", cited=()) == f"show me Camera 1 {NIGHT}?"


def test_without_anything_before_nothing_is_changed() -> None:
    assert resolved("and the day before?", NOW, None, AROUND) == "and the day before?"
    assert before([]) is None


def test_what_is_not_known_is_not_guessed() -> None:
    nobody = Around(Site({}, []), lambda text: (), MADRID)
    last = Before("What happened?", NOW)
    for text in ("show me that camera", "what did it see?", "that work order?", "was anyone there?", "the day before?"):
        assert resolved(text, NOW, last, nobody) == text


def test_a_third_question_leans_on_the_second_as_it_was_understood() -> None:
    second = put("and the day before?")
    turns = [
        Turn(question=FIRST, asked_at=NOW),
        Turn(question="and the day before?", asked_at=NOW, resolved=second),
    ]
    third = resolved("And the day before that?", NOW, before(turns), AROUND)
    assert third == "What happened to pump P-101 on 7 April 2026 between 18:00 and 06:00?"


@given(st.text(max_size=200), st.text(max_size=200))
def test_anything_can_be_asked(text: str, earlier: str) -> None:
    assert isinstance(put(text, earlier), str)
