"""Answers through a model behind an OpenAI-compatible endpoint on loopback: what becomes of its claims."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from app.answer import brief
from app.answer.context import prompts_in_force
from app.answer.desk import Finding, cite
from app.answer.modelled import DECISIVE, judge
from app.ports import Ask, Event
from app.verify.port import Exhibit
from eval.stub import (
    StubModel,
    claims,
    cutting,
    images,
    prompt,
    saying,
    shown,
)
from retrieval.types import (
    CharSpan,
    Claim,
    Coverage,
    Evidence,
    Interval,
    Kind,
    Layer,
    Sighting,
    Support,
    Verdict,
)

T0 = 1_772_588_460_000_000  # 2026-03-04T01:41:00Z, 02:41 in Madrid
ASKED = 1_772_784_000_000_000
MINUTE = 60_000_000
QUESTION = "Why was the vibration of pump P-101 high?"
PROMPTS = prompts_in_force()
HIGH = "The vibration of pump P-101 was at 7.1 mm/s."


def test_honest_claims_are_supported_and_cited(
    filled: Any, stub: StubModel, answerer: Any, labels_by_word: Any
) -> None:
    of = labels_by_word(filled, stub)
    stub.script = claims(
        (f"The vibration of pump P-101 was at 7.1 mm/s at 02:41 [{of['A-17']}].", [of["A-17"]]),
        ("Bearing 6205 of pump P-101 was worn.", [of["bearing"]]),
    )
    heard: list[Event] = []
    answer = answerer(filled, stub).answer(Ask(question=QUESTION, asked_at=ASKED), filled.me, heard.append)
    assert [(c.support, c.why) for c in answer.claims] == [(Support.SUPPORTED, "")] * 2
    assert answer.claims[0].text == "The vibration of pump P-101 was at 7.1 mm/s at 02:41."
    assert answer.verdict is Verdict.ANSWERED and answer.degraded == ()
    assert answer.model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert answer.prompts == PROMPTS.ids and set(PROMPTS.ids) >= {"answer-rules@v2", "answer-question@v2"}
    assert answer.usage is not None and answer.usage[1] > 10
    assert [c.citations[0].source.rsplit("/", 1)[1] for c in answer.claims] == ["alerts.jsonl", "notes.md"]
    assert [e.evidence for e in answer.timeline] and {"evidence", "total"} <= set(answer.timings_ms)
    assert [e.name for e in heard] == ["plan", "evidence", "claim", "claim"]


def test_each_claim_is_told_when_it_is_whole(filled: Any, stub: StubModel, answerer: Any, labels_by_word: Any) -> None:
    of = labels_by_word(filled, stub)
    told = threading.Event()

    def script(body: dict[str, Any]) -> Iterable[str]:
        yield '{"claims": [' + json.dumps({"text": HIGH, "evidence": [of["A-17"]]})
        # the second claim is not written before the first has reached the listener
        assert told.wait(10)
        yield (
            ', {"text": "Bearing 6205 of pump P-101 was worn.", "evidence": ["'
            + of["bearing"]
            + '"]}], "insufficient": false}'
        )

    stub.script = script

    def listen(event: Event) -> None:
        if event.name == "claim":
            told.set()

    answer = answerer(filled, stub).answer(Ask(question=QUESTION, asked_at=ASKED), filled.me, listen)
    assert [c.support for c in answer.claims] == [Support.SUPPORTED] * 2


@pytest.mark.parametrize(
    ("said", "cited"),
    [
        (HIGH, ["E99"]),
        (HIGH, ["A-17", "E99"]),
        (HIGH, []),
        ("The vibration of pump P-101 was at 9.9 mm/s.", ["A-17"]),
        ("The vibration of pump P-101 was at 7.1 m/s.", ["A-17"]),
        ("The vibration limit of pump P-101 was 5 %.", ["A-17"]),
        ("The vibration of pump P-101 was high at 03:41.", ["A-17"]),
        ("The vibration of pump P-102 was high.", ["A-17"]),
        # the figure stands in other evidence than the one cited
        ("Bearing 6205 of pump P-101 was worn.", ["A-17"]),
        ("Two alerts of pump P-101 vibration.", ["A-17"]),
        ("Seals of pump P-101 were stolen by the night watchman.", ["A-17"]),
        # a frame bears what is seen in it, and no denial
        ("The operator was drunk and caused the fire.", ["CAM-07"]),
        ("Nobody was beside pump P-101 all night.", ["CAM-07"]),
    ],
)
def test_what_does_not_stand_in_its_evidence_is_unsupported(
    filled: Any, stub: StubModel, said: str, cited: list[str], ask: Any, labels_by_word: Any
) -> None:
    of = labels_by_word(filled, stub)
    stub.script = claims((HIGH, [of["A-17"]]), (said, [of.get(word, word) for word in cited]))
    answer = ask(filled, stub)
    assert answer.claims[0].support is Support.SUPPORTED
    assert answer.claims[1].support is not Support.SUPPORTED and answer.claims[1].why
    assert answer.verdict is Verdict.PARTIAL


def test_nothing_supported_leaves_the_brief(filled: Any, stub: StubModel, ask: Any) -> None:
    own = filled.ask(QUESTION)
    stub.script = claims(("The pump ran at 999 rpm.", ["E1"]))
    answer = ask(filled, stub)
    assert answer.verdict is own.verdict
    assert answer.claims[: len(own.claims)] == own.claims
    assert [c.support for c in answer.claims[len(own.claims) :]] == [Support.UNSUPPORTED]
    assert any("evidence brief answers" in line for line in answer.degraded)


@pytest.mark.parametrize("own", list(Verdict))
def test_the_model_never_says_more_than_the_brief_could_look_at(house: Any, own: Verdict) -> None:
    exhibit = Exhibit("E1", house.piece("a.md", Kind.PASSAGE, CharSpan(0, 9), "x"), "")
    claim = Claim("x", Support.SUPPORTED, ())
    wrong = Claim("y", Support.UNSUPPORTED, ())
    mine = Claim("z", Support.SUPPORTED, ())
    whole = judge([claim], [exhibit], Finding(own, (mine,)))
    mixed = judge([claim, wrong], [exhibit], Finding(own, (mine,)))
    if own in DECISIVE:
        assert (whole.verdict, whole.claims) == (own, (mine, claim))
        assert (mixed.verdict, mixed.claims) == (own, (mine, claim, wrong))
    else:
        assert whole.verdict is (Verdict.PARTIAL if own is Verdict.PARTIAL else Verdict.ANSWERED)
        assert mixed.verdict is Verdict.PARTIAL


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        # nothing here can answer these: no model is asked
        ("What happened to pump P-999 yesterday?", False),
        ("What did the camera see on 31 February 2026?", False),
        ("What will happen to P-101 tomorrow?", False),
        # these a model may try, but a true claim about something else is no answer
        ("Who is the president of France?", True),
        ("What is the melting point of the impeller alloy?", True),
    ],
)
def test_a_true_claim_beside_the_question_is_no_answer(
    filled: Any, stub: StubModel, question: str, asked: bool, answerer: Any
) -> None:
    stub.script = claims((HIGH, ["E1"]))
    heard: list[Event] = []
    answer = answerer(filled, stub).answer(Ask(question=question, asked_at=ASKED), filled.me, heard.append)
    assert answer.verdict is Verdict.INSUFFICIENT
    assert bool(stub.requests) is asked
    assert answer.model == "evidence-brief.v1"
    assert not asked or any("model: " in line for line in answer.degraded)


def test_two_sources_that_differ_in_a_figure_are_a_conflict(house: Any) -> None:
    one, other = (house.piece(f"{n}.md", Kind.PASSAGE, CharSpan(0, 9), n) for n in "ab")
    exhibits = [Exhibit("E1", one, ""), Exhibit("E2", other, "")]

    def verdict(first: str, second: str, of: Evidence = other) -> Verdict:
        told = [Claim(text, Support.SUPPORTED, (cite(e, ""),)) for text, e in ((first, one), (second, of))]
        return judge(told, exhibits, Finding(Verdict.ANSWERED)).verdict

    assert verdict("P-101 stood still for 30 minutes.", "P-101 stood still for 45 minutes.") is Verdict.CONFLICT
    assert verdict("P-101 stood still for 30 minutes.", "P-101 stood still for 30 minutes.") is Verdict.ANSWERED
    assert verdict("P-101 stood still for 30 minutes.", "P-102 stood still for 45 minutes.") is Verdict.ANSWERED
    assert verdict("At 04:01 it read 3 mm/s.", "At 05:01 it read 9 mm/s.") is Verdict.ANSWERED
    # one source may give two figures
    assert verdict("It held 30 l.", "It held 45 l.", one) is Verdict.ANSWERED


def test_what_was_broken_off_is_paid_for(filled: Any, stub: StubModel, ask: Any) -> None:
    stub.script = cutting('{"claims": [{"text": "The pump was')
    answer = ask(filled, stub)
    assert answer.usage is not None and answer.usage[0] > 100 and answer.usage[1] > 2
    stub.script = claims(*((f"The vibration was {n} mm/s.", ["E1"]) for n in range(30)))
    answer = ask(filled, stub)
    assert answer.usage is not None and answer.usage[1] > 100


def test_one_that_finds_nothing_does_not_take_the_briefs_answer_away(filled: Any, stub: StubModel, ask: Any) -> None:
    own = filled.ask(QUESTION)
    answer = ask(filled, stub)
    assert own.claims and (answer.verdict, answer.claims) == (own.verdict, own.claims)
    assert any("does not answer" in line for line in answer.degraded)


def test_a_context_too_small_for_any_evidence_is_said(filled: Any, ask: Any) -> None:
    with StubModel(claims((HIGH, ["E1"])), context=1024) as small:
        answer = ask(filled, small)
        assert small.requests == [] and any("1024 tokens" in line for line in answer.degraded)


def test_no_model_is_asked_where_sources_contradict_each_other(
    filled: Any, stub: StubModel, monkeypatch: pytest.MonkeyPatch, ask: Any
) -> None:
    monkeypatch.setattr(brief, "investigate", lambda desk: Finding(Verdict.CONFLICT))
    stub.script = claims((HIGH, ["E1"]))
    answer = ask(filled, stub)
    assert (answer.verdict, answer.claims, stub.requests) == (Verdict.CONFLICT, (), [])


def test_injected_text_gives_no_foreign_address(filled: Any, stub: StubModel, ask: Any, labels_by_word: Any) -> None:
    of = labels_by_word(filled, stub)
    stub.script = claims(
        ("Pump P-101 bearing 6205 was worn, see http://evil.example/steal?q=plan.", [of["bearing"]]),
        ("![x](https://evil.example/pixel.png) vibration of pump P-101 high", [of["A-17"]]),
    )
    answer = ask(filled, stub)
    assert all(c.support is not Support.SUPPORTED for c in answer.claims[-2:])
    assert "evil.example" not in msgspec.json.encode(answer).decode()


def test_no_more_than_twelve_claims_are_taken(filled: Any, stub: StubModel, ask: Any, labels_by_word: Any) -> None:
    of = labels_by_word(filled, stub)
    stub.script = claims(*[(HIGH, [of["A-17"]])] * 40)
    answer = ask(filled, stub)
    assert len(answer.claims) == 12 and answer.degraded == ()


def test_figures_the_brief_computed_may_be_said(house: Any, stub: StubModel, ask: Any) -> None:
    t = [T0 + n * MINUTE for n in range(10)]
    uri, spans = "file:///site/press.csv", Interval(t[0], t[-1] + MINUTE)
    common = {"source": uri, "subject": f"{uri}#vibration", "tenant": "t", "valid": spans}
    house.put(
        house.window("press.csv", "vibration", t, [1.0, 2.5, 9.75, *[2.0] * 7], text="vibration: 10 samples"),
        coverage=[
            Coverage(layer=Layer.RECORDED, **common),
            Coverage(layer=Layer.EXAMINED, by="series.v1", interval_s=60.0, **common),
        ],
    )
    question = "What was the maximum vibration of the press?"
    ask(house, stub, question)
    label = next(name for name, text in shown(stub.requests[-1]).items() if "Computed:" in text)
    stub.script = claims(("The maximum of the vibration was 9.75.", [label]))
    answer = ask(house, stub, question)
    assert [(c.support, c.why) for c in answer.claims] == [(Support.SUPPORTED, "")]
    urls = [p["image_url"]["url"] for p in stub.requests[-1]["messages"][-1]["content"] if p["type"] == "image_url"]
    assert urls and all(url.startswith("data:image/png;base64,") for url in urls)


@pytest.mark.parametrize(
    ("said", "support", "sighting"),
    [
        ('{"answer": "yes"}', Support.SUPPORTED, Sighting.CONFIRMED),
        ('{"answer": "no"}', Support.UNSUPPORTED, Sighting.REJECTED),
        ('{"answer": "unclear"}', Support.SUPPORTED, Sighting.UNVERIFIED),
        ("nonsense", Support.SUPPORTED, Sighting.UNVERIFIED),
    ],
)
def test_a_second_look_can_only_take_support_away(
    filled: Any, stub: StubModel, said: str, support: Support, sighting: Sighting, answerer: Any, labels_by_word: Any
) -> None:
    of = labels_by_word(filled, stub)
    claimed = claims(("CAM-07 sees two persons.", [of["CAM-07"]]), (HIGH, [of["A-17"]]))
    stub.script = lambda body: (saying(said) if "Look at the picture" in prompt(body) else claimed)(body)
    heard: list[Event] = []
    answer = answerer(filled, stub, looks=2).answer(Ask(question=QUESTION, asked_at=ASKED), filled.me, heard.append)
    assert (answer.claims[0].support, answer.claims[0].sighting) == (support, sighting)
    assert (answer.claims[1].support, answer.claims[1].sighting) == (Support.SUPPORTED, None)
    assert [e.name for e in heard if e.name in ("claim", "sighting")] == ["claim", "claim", "sighting"]
    assert "look@v1" in answer.prompts
    look = stub.requests[-1]
    assert images(look) == 1 and "CAM-07 sees two persons." in prompt(look)
    # the narrow question sees the frame and the statement, and nothing of the other evidence
    assert "A-17" not in prompt(look)
