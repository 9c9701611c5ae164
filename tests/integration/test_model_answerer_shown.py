"""What a model behind an OpenAI-compatible endpoint is shown of a question and its evidence."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

from PIL import Image

from app.answer.reply import Reply, schema_of
from app.ports import Turn
from eval.stub import (
    StubModel,
    claims,
    images,
    prompt,
    shown,
)
from retrieval.types import CharSpan, Entity, EntityType, FrameAt, Interval, Kind, Link, LinkType, RowKey, Verdict

KEY = "sk-the-secret-key"
ASKED = 1_772_784_000_000_000
T0, MINUTE = 1_772_588_460_000_000, 60_000_000  # 2026-03-04T01:41:00Z


def test_the_request_holds_labels_a_schema_and_pictures_as_bytes(filled: Any, stub: StubModel, ask: Any) -> None:
    ask(filled, stub)
    (request,) = stub.requests
    assert (request["model"], request["temperature"]) == ("Qwen/Qwen2.5-VL-7B-Instruct", 0.0)
    assert stub.headers[-1]["authorization"] == f"Bearer {KEY}"
    asked = request["response_format"]
    assert asked["type"] == "json_schema" and asked["json_schema"]["strict"] is True
    assert asked["json_schema"]["schema"] == schema_of(Reply)
    assert list(shown(request)) == [f"E{n}" for n in range(1, 5)]
    content = request["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert len(urls) == 1 and urls[0].startswith("data:image/jpeg;base64,")
    sent = Image.open(io.BytesIO(base64.b64decode(urls[0].partition(",")[2])))
    assert sent.size == (1024, 512)
    before = content[[part["type"] for part in content].index("image_url") - 1]["text"]
    told = shown(request)
    assert before == f"Picture of {next(label for label, text in told.items() if 'CAM-07' in text)}:"


def test_what_stays_comes_first_so_that_prefixes_can_be_cached(filled: Any, stub: StubModel, ask: Any) -> None:
    ask(filled, stub)
    ask(filled, stub, "What was the vibration of pump P-101, and why?")
    first, second = (prompt(request) for request in stub.requests)
    assert first != second
    # rules and evidence are the same letters; only the question behind them differs
    assert first.partition("Earlier in this conversation")[0] == second.partition("Earlier in this conversation")[0]


def test_evidence_cannot_close_its_own_quotation(filled: Any, stub: StubModel, ask: Any) -> None:
    ask(filled, stub)
    block = prompt(stub.requests[-1]).partition("Evidence:\n")[2].partition("\nQuestion, asked")[0]
    assert len(re.findall(r"</evidence>", block)) == len(re.findall(r"<evidence>", block)) == 4


def test_a_model_without_eyes_gets_words_alone(filled: Any, ask: Any) -> None:
    with StubModel(claims(insufficient=True), images=0) as stub:
        ask(filled, stub)
        assert images(stub.requests[-1]) == 0
        assert "CAM-07 sees: person" in prompt(stub.requests[-1])


def test_a_small_context_is_kept(filled: Any, ask: Any) -> None:
    for n in range(30):
        text = (
            f"Vibration note {n} of pump P-101: " + "the vibration of the pump was high and a bearing was worn. " * 15
        )
        filled.put(filled.piece(f"note{n}.md", Kind.PASSAGE, CharSpan(0, 9, "Note"), text))
    with StubModel(claims(insufficient=True), context=4096) as stub:
        answer = ask(filled, stub)
        # the stub refuses what is too long: it counts a token for four characters
        assert not [line for line in answer.degraded if "HTTP status" in line or "token limit" in line]
        assert 2 <= len(shown(stub.requests[-1])) < 24
    with StubModel(claims(insufficient=True), context=32768) as stub:
        ask(filled, stub)
        assert len(shown(stub.requests[-1])) > 8


def test_pictures_get_smaller_with_their_importance(filled: Any, stub: StubModel, ask: Any, frame: Any) -> None:
    filled.put(frame(filled, 1), frame(filled, 2))
    ask(filled, stub)
    content = stub.requests[-1]["messages"][-1]["content"]
    sides = [
        Image.open(io.BytesIO(base64.b64decode(p["image_url"]["url"].partition(",")[2]))).size[0]
        for p in content
        if p["type"] == "image_url"
    ]
    assert sorted(sides, reverse=True) == [1024, 768, 768]


def test_a_question_may_bring_a_picture(filled: Any, stub: StubModel, ask: Any, frame: Any) -> None:
    filled.open_eyes()
    filled.put(frame(filled, 1))
    green = io.BytesIO()
    Image.new("RGB", (40, 30), "lime").save(green, "PNG")
    answer = ask(filled, stub, "Where was this seen?", pictures=(green.getvalue(),))
    assert "Picture that came with the question:" in prompt(stub.requests[-1])
    assert images(stub.requests[-1]) == 3  # the question's own, and the two frames on record
    # the stub finds nothing: what looks most like it is told by the brief
    assert answer.verdict is Verdict.ANSWERED and answer.model == "evidence-brief.v1"


def test_earlier_turns_are_told_as_data(filled: Any, stub: StubModel, ask: Any) -> None:
    turns = (Turn(question="What happened to P-101?", asked_at=ASKED, reply="It tripped at 02:41."),)
    ask(filled, stub, before=turns)
    told = prompt(stub.requests[-1]).partition("Earlier in this conversation:\n<earlier>\n")[2]
    assert told.startswith("- What happened to P-101?\n  It tripped at 02:41.")


def test_beside_a_row_stand_the_same_words_and_what_was_recorded_there_and_then(
    filled: Any, stub: StubModel, ask: Any
) -> None:
    pump = Entity(id="P-101", type=EntityType.ASSET, tenant="t", name="pump P-101")
    camera = Entity(id="CAM-09", type=EntityType.CAMERA, tenant="t", name="camera 9")
    then, later = (Interval(T0 + n * MINUTE, T0 + n * MINUTE + 5_000_000) for n in (0, 600))
    filled.put(
        filled.piece("cam9.mp4", Kind.FRAME, FrameAt(0, 5000), "sees: ladder", valid=then, on=("CAM-09",)),
        filled.piece("late.mp4", Kind.FRAME, FrameAt(0, 5000), "sees: bucket", valid=later, on=("CAM-09",)),
        entities=(pump, camera),
        links=(Link("P-101", LinkType.MONITORED_BY, "CAM-09", "t"),),
    )
    ask(filled, stub, "What does alert A-17 of pump P-101 say?")
    told = " ".join(shown(stub.requests[-1]).values())
    assert "A-17" in told and "seals" in told
    assert "ladder" in told and "bucket" not in told


def test_beside_an_event_stands_what_was_found_of_it_from_every_side(filled: Any, stub: StubModel, ask: Any) -> None:
    soon = Interval(T0 + 60 * MINUTE, T0 + 60 * MINUTE)
    here: dict[str, Any] = {"valid": soon, "on": ("P-101",)}
    notes = [
        filled.piece(f"note{n}.md", Kind.PASSAGE, CharSpan(0, 9), f"Round {n}: P-101 was looked at.", **here)
        for n in range(8)
    ]
    filled.put(
        *notes,
        filled.piece("canteen.md", Kind.PASSAGE, CharSpan(0, 9), "What happened on 4 March 2026: soup."),
        filled.piece("orders.csv", Kind.ROW, RowKey("work_orders", "WO-7", 1), "WO-7: replace seal", **here),
        entities=(Entity(id="P-101", type=EntityType.ASSET, tenant="t", name="pump P-101"),),
    )
    ask(filled, stub, "What happened to P-101 on 4 March 2026?")
    told = " ".join(shown(stub.requests[-1]).values())
    assert "Round 1" in told and "WO-7" in told
    assert "soup" not in told
