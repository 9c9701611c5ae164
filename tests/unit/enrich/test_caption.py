"""What a model's reply becomes, whatever it says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.reply import schema_of
from app.enrich.caption import By, Caption, caption_of, content_of, evidence_of, in_words, said_in, source_of
from prompts import load
from retrieval.errors import ModelUnavailable
from retrieval.types import Evidence, FrameAt, Interval, Kind, Mention, Provenance, Relation

BY = By("Qwen/Qwen2.5-VL-7B-Instruct", load("caption", 1), "text:hash-256")
FRAME = Evidence(
    id="ev_frame",
    tenant="t",
    source="file:///site/cam.mp4",
    kind=Kind.FRAME,
    locator=FrameAt(4000, 5000),
    text="CAM-07 sees: person",
    media="ab" * 32,
    valid=Interval(10, 20),
    provenance=Provenance("video", models={"ocr": "rapidocr", "blur": "YuNet"}),
    entities=(Mention("CAM-07", Relation.OBSERVED_AT),),
    labels=("yard",),
    data={"moment": 3, "detections": []},
)


def said(caption: str = "A man carries a ladder.", **more: Any) -> Caption:
    return Caption(caption, more.get("objects", ["ladder"]), more.get("readable_text", ""), more.get("sure", True))


def test_a_reply_is_read_alone_or_inside_other_words() -> None:
    text = json.dumps({"caption": "A  man\nwalks", "objects": ["man", "man", ""], "readable_text": "", "sure": False})
    for reply in (text, f"```json\n{text}\n```", f"Here it is: {text} I hope it helps."):
        assert caption_of(reply) == Caption("A man walks", ["man"], "", False)


@pytest.mark.parametrize(
    "reply",
    ["", "{}", "A man walks.", '{"caption": "x"}', '{"caption": "\\u200b ", "objects": [], "readable_text": "", "sure": true}',
     '{"caption": "x", "objects": "man", "readable_text": "", "sure": true}',
     '{"caption": "x", "objects": [], "readable_text": "", "sure": "yes"}',
     '{"caption": "x", "objects": [], "readable_text": "", "sure": true, "more": 1}', "[" * 100_000],
)  # fmt: skip
def test_what_does_not_fit_is_no_caption(reply: str) -> None:
    with pytest.raises(ModelUnavailable):
        caption_of(reply)


@given(st.text(min_size=1), st.lists(st.text(), max_size=60), st.text())
def test_any_words_are_bounded_on_one_line_and_can_be_stored(caption: str, objects: list[str], text: str) -> None:
    reply = json.dumps({"caption": f"x{caption}" * 40, "objects": objects, "readable_text": text * 40, "sure": True})
    kept = caption_of(reply)
    assert len(kept.caption) <= 600 and len(kept.objects) <= 12 and len(kept.readable_text) <= 300
    told = in_words(kept, "m").partition("\n\n")[2]
    assert told.isprintable() and told.encode()
    assert len(set(kept.objects)) == len(kept.objects) and all(1 <= len(name) <= 40 for name in kept.objects)


def test_the_text_begins_with_whose_words_they_are() -> None:
    made = evidence_of(said(readable_text="EXIT"), FRAME, BY, b"key")
    assert made.text == (
        "caption by Qwen/Qwen2.5-VL-7B-Instruct, not checked:\n\n"
        "A man carries a ladder. Objects: ladder. Text in the picture: “EXIT”."
    )
    assert in_words(said(sure=False), "m").startswith("caption by m, not checked (unsure):\n\n")
    assert content_of(said("No stop", objects=[])) == "No stop."


def test_it_is_seen_where_when_and_by_whom_the_frame_is_and_plays_it_back() -> None:
    made = evidence_of(said(), FRAME, BY, b"key")
    assert (made.locator, made.valid, made.entities) == (FRAME.locator, FRAME.valid, FRAME.entities)
    assert (made.labels, made.media, made.tenant, made.kind) == (("yard",), FRAME.media, "t", Kind.PASSAGE)
    assert made.source == source_of(FRAME) == "file:///site/cam.mp4#captions/ev_frame"
    assert made.provenance.models == {"caption": BY.model, "prompt": "caption@v1", "blur": "YuNet"}
    assert made.data["frame"] == "ev_frame" and said_in(made) == said()


def test_its_id_says_all_that_it_says() -> None:
    other = [
        (said("Another."), FRAME, BY),
        (said(sure=False), FRAME, BY),
        (said(), msgspec.structs.replace(FRAME, labels=()), BY),
        (said(), msgspec.structs.replace(FRAME, id="ev_other"), BY),
        (said(), FRAME, By("another model", BY.prompt, BY.space)),
    ]
    ids = {evidence_of(what, frame, by, b"key").id for what, frame, by in [(said(), FRAME, BY), *other]}
    assert len(ids) == 1 + len(other)
    assert evidence_of(said(), FRAME, BY, b"key").id in ids and evidence_of(said(), FRAME, BY, b"else").id not in ids


def test_the_schema_asks_for_every_field_and_no_other() -> None:
    schema = schema_of(Caption)
    assert set(schema["required"]) == {"caption", "objects", "readable_text", "sure"} == set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_who_described_is_told_apart_from_what_embeds() -> None:
    again = By(BY.model, BY.prompt, "text:other")
    assert again.worded(BY.ingester) and again.ingester != BY.ingester
    assert not By("another", BY.prompt, BY.space).worded(BY.ingester)
    assert not By(BY.model, BY.prompt._replace(id="caption@v2"), BY.space).worded(BY.ingester)
