"""Answers worded by a real vLLM, whose weights are random: none of its noise is stated as fact, and the brief is there when it fails."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from app.answer import modelled
from app.answer.context import Showing, prompts_in_force
from app.answer.modelled import ModelAnswerer, Patience
from app.gallery import Gallery
from app.model.guard import Guarded
from app.ports import Ask, Event
from app.verify.port import Instruments
from app.verify.verifier import ClaimVerifier
from retrieval.types import Answer, CharSpan, FrameAt, Interval, Kind, RowKey, Support

pytestmark = pytest.mark.vllm

T0 = 1_772_588_460_000_000  # 2026-03-04T01:41:00Z
ASKED = 1_772_784_000_000_000
MINUTE = 60_000_000
QUESTION = "Why was the vibration of pump P-101 high?"
LATE_S = 0.5
Record = Callable[[str, object], None]


def frame(house: Any, n: int) -> Any:
    picture = io.BytesIO()
    Image.new("RGB", (2000, 1000), ("red", "lime", "blue")[n]).save(picture, "PNG")
    media = house.blobs.put("t", picture.getvalue(), "image/png")
    valid = Interval(T0 + n * MINUTE, T0 + n * MINUTE + 5_000_000)
    words = "CAM-07 sees: person ×2; vibration of pump P-101 high"
    return house.piece(f"cam{n}.mp4", Kind.FRAME, FrameAt(0, 5000), words, media=media, valid=valid)


@pytest.fixture
def filled(house: Any) -> Any:
    alert = "Alert A-17 (high): vibration of pump P-101 at 7.1 mm/s, limit 5 mm/s, 8 %"
    house.put(
        house.piece("alerts.jsonl", Kind.ALERT, RowKey("alerts", "A-17", 1), alert, valid=Interval(T0, T0 + MINUTE)),
        house.piece("notes.md", Kind.PASSAGE, CharSpan(0, 9), "The vibration was high because bearing 6205 was worn."),
        *(frame(house, n) for n in range(3)),
    )
    return house


class Desk:
    """An answerer over a house, and what it asks its questions through."""

    def __init__(self, house: Any, chat: Any, max_tokens: int = 256) -> None:
        self.house, self.model = house, Guarded(chat)
        showing = Showing(Gallery(house.blobs, house.folder / "charts"), prompts_in_force(), 4, max_tokens)
        verifier = ClaimVerifier(Instruments(house.find_entities, lambda evidence: None, house.zone))
        self._answerer = ModelAnswerer(house.brief, self.model, showing, verifier, Patience(60.0))

    def ask(self, question: str = QUESTION, stop: threading.Event | None = None, **given: Any) -> Answer:
        self.heard: list[Event] = []
        asked = Ask(question=question, asked_at=ASKED, **given)
        return self._answerer.answer(asked, self.house.me, self.heard.append, stop)


def wording(text: dict[str, Any], most: int) -> Callable[[type[Any]], dict[str, Any]]:
    """What takes the place of schema_of: the schema of a reply with 2 to `most` claims, whose texts are bounded."""
    cited = {"type": "array", "items": {"type": "string", "enum": ["E1", "E2"]}, "minItems": 1, "maxItems": 2}
    claim = {"type": "object", "properties": {"text": {"type": "string", **text}, "evidence": cited}}
    claims = {"type": "array", "items": {**claim, "required": ["text", "evidence"]}, "minItems": 2, "maxItems": most}
    reply = {"claims": claims, "insufficient": {"type": "boolean", "const": False}}
    return lambda kind: {"type": "object", "properties": reply, "required": list(reply)}


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first claim does not end before its tokens do."""
    monkeypatch.setattr(modelled, "schema_of", wording({"minLength": 20_000}, 2))


@pytest.mark.parametrize(
    "question",
    [QUESTION, "What was the vibration of pump P-101?", "Who replaced the bearing?", "Was anybody beside P-101?"],
)
def test_noise_is_never_stated_as_fact(server: Any, filled: Any, question: str, record_property: Record) -> None:
    own, shown = filled.ask(question), server.metric("prompt_tokens")
    desk = Desk(filled, server.chat())
    desk.model.capabilities()
    begun = time.monotonic()
    answer = desk.ask(question)
    record_property("seconds, verdict, degraded", (round(time.monotonic() - begun, 2), answer.verdict, answer.degraded))
    assert server.metric("prompt_tokens") > shown, "the model was not asked"
    supported = [claim for claim in answer.claims if claim.support is Support.SUPPORTED]
    assert set(supported) <= set(own.claims)
    assert desk.model.state().level == "ok"
    assert sum(line.startswith("model: ") for line in answer.degraded) <= 1


def test_claims_of_noise_are_told_as_unsupported(server: Any, filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelled, "schema_of", wording({"pattern": "^[a-z]{3,8}( [a-z]{3,8}){1,3}$"}, 3))
    desk, own = Desk(filled, server.chat()), filled.ask(QUESTION)
    answer = desk.ask()
    noise = answer.claims[len(own.claims) :]
    assert answer.claims[: len(own.claims)] == own.claims and answer.verdict is own.verdict
    assert 2 <= len(noise) <= 3 and not any(claim.support is Support.SUPPORTED for claim in noise)
    # each was told while the rest was still being written
    assert [event.data for event in desk.heard if event.name == "claim"][: len(noise)] == list(noise)
    assert answer.usage is not None and answer.usage[0] > 500 and answer.usage[1] > 10


def test_pictures_are_shown_as_many_as_the_server_takes(server: Any, filled: Any) -> None:
    """Three frames are on record and four would be shown: the server takes two, and they fit its context beside the words."""
    desk = Desk(filled, server.chat(), max_tokens=128)
    assert desk.model.capabilities().images == server.images
    before = server.metric("prompt_tokens")
    answer = desk.ask()
    # 256 tokens for each picture; rules, question and evidence take some 530: with one picture it were 790
    assert 2 * 256 + 400 < server.metric("prompt_tokens") - before < server.context - 128
    assert not any("HTTP status" in line for line in answer.degraded)


@pytest.mark.usefixtures("talkative")
def test_a_reply_cut_off_leaves_the_brief(server: Any, filled: Any) -> None:
    answer = Desk(filled, server.chat()).ask()
    own = filled.ask(QUESTION)
    assert (answer.claims, answer.verdict, answer.model) == (own.claims, own.verdict, own.model)
    assert answer.degraded == ("model: the model's answer was cut off at its token limit; the evidence brief answers",)


@pytest.mark.usefixtures("talkative")
def test_the_deadline_holds_and_ends_the_request(server: Any, filled: Any, record_property: Record) -> None:
    desk = Desk(filled, server.chat(max_tokens=1000), 1000)
    desk.model.capabilities()
    begun = time.monotonic()
    answer = desk.ask(deadline_s=1.0)
    took = time.monotonic() - begun
    record_property("seconds with a deadline of 1", round(took, 3))
    assert took < 1.0 + LATE_S
    assert answer.degraded == ("model: the model did not answer in time; the evidence brief answers",)
    record_property("seconds until nothing ran there", round(server.until(lambda: server.busy() == 0, 5), 3))


@pytest.mark.usefixtures("talkative")
def test_a_withdrawn_question_ends_the_request(server: Any, filled: Any, record_property: Record) -> None:
    desk, stop = Desk(filled, server.chat(max_tokens=1000), 1000), threading.Event()
    desk.model.capabilities()
    asking = threading.Thread(target=desk.ask, kwargs={"stop": stop})
    asking.start()
    server.until(lambda: server.busy() == 1, 30)
    stop.set()
    record_property("seconds until nothing ran there", round(server.until(lambda: server.busy() == 0, 5), 3))
    asking.join(10)
    assert not asking.is_alive()


@pytest.mark.usefixtures("talkative")
def test_a_server_killed_in_mid_reply_leaves_the_brief_and_comes_back(
    server: Any, filled: Any, record_property: Record
) -> None:
    desk, deadline_s, own = Desk(filled, server.chat(max_tokens=400), 400), 20.0, filled.ask(QUESTION)
    desk.model.capabilities()
    said, begun = server.metric("generation_tokens"), time.monotonic()
    answers: list[tuple[Answer, float]] = []
    asking = threading.Thread(target=lambda: answers.append((desk.ask(deadline_s=deadline_s), time.monotonic())))
    asking.start()
    server.until(lambda: server.metric("generation_tokens") > said, 15)
    killed = time.monotonic()
    server.kill()
    asking.join(deadline_s + LATE_S)
    ((answer, ended),) = answers
    assert ended - begun < deadline_s + LATE_S
    record_property("seconds from SIGKILL to the brief's answer", round(ended - killed, 3))
    assert (answer.claims, answer.verdict) == (own.claims, own.verdict)
    assert answer.degraded == ("model: the model's endpoint broke off its reply; the evidence brief answers",)
    for _ in range(5):
        dead = desk.ask()
        assert dead.claims == own.claims and "cannot be reached" in dead.degraded[0]
    assert desk.model.state().level == "failed"
    record_property("seconds to start it again", round(server.start(), 1))
    record_property("seconds until it words an answer again", round(_worded_again(server, desk), 2))
    assert desk.model.state().level == "ok"


def _worded_again(server: Any, desk: Desk) -> float:
    """Ask until the model is asked again; the seconds until then. More tokens than the probes' show that it is."""
    before = server.metric("generation_tokens")
    back = threading.Thread(target=_ask_until, args=(desk, "token limit"))
    back.start()
    seconds: float = server.until(lambda: server.metric("generation_tokens") > before + 64, 60)
    back.join(60)
    assert not back.is_alive()
    return seconds


def _ask_until(desk: Desk, degraded: str) -> None:
    until = time.monotonic() + 60
    while not any(degraded in line for line in desk.ask().degraded) and time.monotonic() < until:
        time.sleep(0.1)
