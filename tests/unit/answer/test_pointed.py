"""Questions that point at evidence, or bring a picture of their own."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from app.ports import Ask
from retrieval.errors import BadQuery, EvidenceNotFound
from retrieval.types import Answer, Filter, FrameAt, Interval, Kind, Principal, RowKey, Verdict

T0 = 1_772_588_460_000_000
ASKED = 1_772_784_000_000_000


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


def fill(house: Any) -> Any:
    house.open_eyes()
    for n, colour in enumerate(("red", "lime", "blue")):
        media = house.blobs.put("t", picture(colour), "image/png")
        valid = Interval(T0 + n * 60_000_000, T0 + n * 60_000_000 + 5_000_000)
        house.put(
            house.piece(f"cam{n}.mp4", Kind.FRAME, FrameAt(0, 5000), f"CAM-0{n} sees: person", media=media, valid=valid)
        )
    house.put(
        house.piece("alerts.jsonl", Kind.ALERT, RowKey("alerts", "A-17", 1), "Alert A-17 (high): vibration of P-101"),
        house.piece("hr.md", Kind.ALERT, RowKey("alerts", "A-18", 2), "Alert A-18: badge of visitor", labels=("hr",)),
    )
    return house


@pytest.fixture(scope="module")
def filled(shared_house: Any) -> Any:
    return fill(shared_house)


def ask(house: Any, question: str, **more: Any) -> Answer:
    return house.brief.answer(Ask(question=question, asked_at=ASKED, **more), house.me, lambda event: None)


def ids(house: Any) -> dict[str, str]:
    everything = house.catalog.scan(Filter(), Principal("t", labels=("hr",)))
    return {e.text.split(":")[0].split(" ")[0 if "sees" in e.text else 1]: e.id for e in everything}


def test_what_is_pointed_at_is_told_in_its_own_words(filled: Any) -> None:
    of = ids(filled)
    answer = ask(filled, "What does this show?", about=(of["A-17"],))
    assert answer.verdict is Verdict.ANSWERED
    assert [c.text for c in answer.claims] == ["Alert A-17 (high): vibration of P-101"]
    assert answer.claims[0].citations[0].evidence == of["A-17"]


def test_what_the_asker_may_not_see_cannot_be_pointed_at(filled: Any) -> None:
    of = ids(filled)
    for id_ in (of["A-18"], "ev_unknown"):
        with pytest.raises(EvidenceNotFound, match="is visible to you"):
            ask(filled, "What does this show?", about=(id_,))


def test_a_picture_that_is_none_is_refused(filled: Any) -> None:
    with pytest.raises(BadQuery, match="cannot be read"):
        ask(filled, "Where was this seen?", pictures=(b"GIF89a",))


def test_a_picture_finds_frames_that_look_like_it(filled: Any) -> None:
    of = ids(filled)
    answer = ask(filled, "Where was this seen?", pictures=(picture("blue"),))
    assert answer.verdict is Verdict.ANSWERED
    assert answer.claims[0].citations[0].evidence == of["CAM-02"]
    assert answer.claims[0].text.startswith("Looks most like it: cam2.mp4 at 4 March 2026 02:43:00 CET")


def test_like_this_frame_finds_the_others_and_not_itself(house: Any) -> None:
    of = ids(fill(house))
    house.put(
        house.piece(
            "cam9.mp4",
            Kind.FRAME,
            FrameAt(0, 5000),
            "CAM-09 sees: person",
            media=house.blobs.put("t", picture("red"), "image/png"),
        )
    )
    answer = ask(house, "Find frames like this one", about=(of["CAM-00"],))
    cited = [c.citations[0].source.rsplit("/", 1)[1] for c in answer.claims]
    assert cited[:2] == ["cam0.mp4", "cam9.mp4"] and len(cited) == len(set(cited))


def test_without_an_image_space_a_picture_finds_nothing(house: Any) -> None:
    assert ask(house, "Where was this seen?", pictures=(picture("red"),)).verdict is Verdict.INSUFFICIENT


def test_pointing_at_one_thing_many_times_is_pointing_at_it_once(filled: Any) -> None:
    (alert,) = [e for e in filled.catalog.scan(Filter(kinds=(Kind.ALERT,)), filled.me) if not e.labels]
    many = Ask(question="What is this?", asked_at=ASKED, about=(alert.id,) * 10_000)
    assert len(filled.brief.answer(many, filled.me, lambda event: None).claims) == 1
    with pytest.raises(BadQuery, match="64 at most"):
        unknown = tuple(f"ev_{n:040x}" for n in range(65))
        filled.brief.answer(Ask(question="What is this?", asked_at=ASKED, about=unknown), filled.me, lambda event: None)
