"""Chat completions and models, asked for by the real OpenAI client."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from app.ports import Ask, Check, Event, Service
from retrieval.errors import ModelUnavailable, OverBudget, QuestionTooLong, StoreBusy
from retrieval.types import Answer, Citation, Claim, CoverageNote, Kind, PageBox, Support, Verdict

USER = [{"role": "user", "content": "smoke near pump"}]


def cited(name: str, page: int = 1) -> Citation:
    return Citation(f"ev_{name * 40}", Kind.PASSAGE, "file:///site/shift%20log.pdf", PageBox(page), None, "a quote")


def answer_of(verdict: Verdict, *claims: Claim, **more: Any) -> Answer:
    kept = {"timeline": (), "coverage": (), "confidence": None, "as_of": 0, "sequence": 1, "model": "scripted"}
    return Answer(id="an_1", question="q", verdict=verdict, claims=claims, **{**kept, **more})


@pytest.fixture
def service(scripted: Any) -> Any:
    return scripted


@pytest.fixture
def url(service: Any, granian: Callable[[Service], str]) -> str:
    return granian(service)


@pytest.fixture
def chat(url: str) -> Iterator[openai.OpenAI]:
    with httpx.Client(trust_env=False) as http:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, http_client=http)


def ask(chat: openai.OpenAI, messages: Any = USER, **more: Any) -> Any:
    return chat.chat.completions.create(model="watchfloor", messages=messages, **more)


# --- answers


def test_an_answer_is_prose_with_markers(chat: openai.OpenAI, ids: dict[str, str], url: str) -> None:
    reply = ask(chat)
    message = reply.choices[0].message
    assert reply.id.startswith("chatcmpl-") and reply.model == "watchfloor" and reply.object == "chat.completion"
    assert message.content.splitlines()[0] == "smoke near pump P-3 <b>seen</b> by CAM-07 [1]."
    (note,) = message.annotations
    where = note.url_citation
    assert message.content[where.start_index : where.end_index] == "[1]"
    assert where.url == f"{url}/v1/evidence/{ids['frame']}" and where.title.startswith(
        "CAM-07.mp4, frame at 2026-03-04"
    )
    assert httpx.get(where.url, trust_env=False).json()["id"] == ids["frame"]
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (0, 0, 0)
    assert reply.model_extra["watchfloor"]["verdict"] == "answered"


def test_what_is_not_supported_is_not_said(service: Any, chat: openai.OpenAI) -> None:
    right = Claim("The seal was replaced.", Support.SUPPORTED, (cited("a"), cited("b")))
    wrong = Claim("A valve exploded.", Support.UNSUPPORTED, (cited("a"),), "the evidence does not say so")
    turned = Claim("The seal was kept.", Support.CONTRADICTED, (cited("a"),))
    again = Claim("It leaked again?", Support.SUPPORTED, (cited("b"),))
    service.saying(answer_of(Verdict.PARTIAL, wrong, right, turned, again, usage=(812, 40)))
    reply = ask(chat)
    lines = reply.choices[0].message.content.splitlines()
    assert lines[:2] == ["The seal was replaced [1][2].", "It leaked again? [2]"]
    assert "only a part" in lines[2] and len(lines) == 3
    assert reply.usage.total_tokens == 852
    assert len(reply.model_extra["watchfloor"]["claims"]) == 4
    service.saying(answer_of(Verdict.ANSWERED, wrong))
    assert "exploded" not in ask(chat).choices[0].message.content


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.NOT_OBSERVED, "not observed"),
        (Verdict.NOT_RECORDED, "not recorded"),
        (Verdict.INSUFFICIENT, "not enough evidence"),
        (Verdict.CONFLICT, "disagree"),
        (Verdict.REFUSED, "not answered"),
    ],
)
def test_every_verdict_is_put_into_words(service: Any, chat: openai.OpenAI, verdict: Verdict, said: str) -> None:
    gap = CoverageNote("CAM-07", "gap", None, "CAM-07 was not recording 03:00–04:00")
    service.saying(answer_of(verdict, coverage=(gap,)))
    content = ask(chat).choices[0].message.content
    assert said in content and content.endswith("CAM-07 was not recording 03:00–04:00.")


# --- streaming


def test_each_claim_comes_as_it_is_verified(service: Any, chat: openai.OpenAI) -> None:
    seen = threading.Event()
    claims = [Claim(f"Claim {n}.", Support.SUPPORTED, (cited("abc"[n]),)) for n in range(3)]
    whole = answer_of(Verdict.ANSWERED, *claims, usage=(100, 20))

    def script(ask: Ask, listen: Callable[[Event], None], stop: threading.Event) -> Answer:
        listen(Event("plan", {}))
        listen(Event("claim", claims[0]))
        assert seen.wait(10), "the first claim was held back until the end"
        listen(Event("claim", claims[1]))
        return whole

    service.script = script
    parts, chunks = [], []
    for chunk in ask(chat, stream=True, stream_options={"include_usage": True}):
        chunks.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content:
            parts.append(chunk.choices[0].delta.content)
            seen.set()
    assert parts == ["Claim 0 [1].", "\nClaim 1 [2].", "\nClaim 2 [3]."]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    final, usage = chunks[-2], chunks[-1]
    assert final.choices[0].finish_reason == "stop" and final.usage is None
    notes = final.choices[0].delta.model_extra["annotations"]
    assert ["".join(parts)[n["url_citation"]["start_index"] : n["url_citation"]["end_index"]] for n in notes] == [
        "[1]",
        "[2]",
        "[3]",
    ]
    assert final.model_extra["watchfloor"]["id"] == "an_1"
    assert usage.choices == [] and usage.usage.total_tokens == 120
    service.saying(whole)
    assert ask(chat).choices[0].message.content == "".join(parts)


def test_no_usage_unless_asked_for(chat: openai.OpenAI) -> None:
    chunks = list(ask(chat, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_a_claim_that_loses_its_support_is_withdrawn(service: Any, chat: openai.OpenAI) -> None:
    first = Claim("A man stands there.", Support.SUPPORTED, (cited("a"),))
    lost = Claim("A man stands there.", Support.UNSUPPORTED, (cited("a"),), "a second look does not show it")

    def script(ask: Ask, listen: Callable[[Event], None], stop: threading.Event) -> Answer:
        listen(Event("claim", first))
        listen(Event("sighting", lost))
        return answer_of(Verdict.PARTIAL, lost)

    service.script = script
    said = "".join(chunk.choices[0].delta.content or "" for chunk in ask(chat, stream=True))
    assert "Withdrawn: “A man stands there.” (a second look does not show it)." in said


def test_a_line_where_nothing_is_said_stays_alive(service: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.streaming.KEEP_ALIVE_S", 0.01)
    seen = threading.Event()

    def script(ask: Ask, listen: Callable[[Event], None], stop: threading.Event) -> Answer:
        listen(Event("plan", {}))
        assert seen.wait(10)
        return answer_of(Verdict.INSUFFICIENT)

    service.script = script
    body = {"model": "watchfloor", "messages": USER, "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, trust_env=False) as reply:
        for line in reply.iter_lines():
            if line == ": still working":
                seen.set()
    assert seen.is_set() and line == ""


def test_a_failure_before_the_first_word_has_its_status(service: Any, chat: openai.OpenAI) -> None:
    def script(*_: Any) -> Answer:
        raise StoreBusy

    service.script = script
    with pytest.raises(openai.InternalServerError) as caught:
        ask(chat, stream=True)
    assert caught.value.status_code == 503 and caught.value.code == "store_busy"


def test_a_failure_in_the_middle_reaches_the_client(service: Any, chat: openai.OpenAI) -> None:
    def script(ask: Ask, listen: Callable[[Event], None], stop: threading.Event) -> Answer:
        listen(Event("plan", {}))
        raise StoreBusy

    service.script = script
    with pytest.raises(openai.APIError, match="process holds"):
        list(ask(chat, stream=True))


# --- what is asked


def picture(kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "gray").save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def with_pictures(*urls: str) -> Any:
    parts = [{"type": "text", "text": "like this?"}]
    return [{"role": "user", "content": [*parts, *({"type": "image_url", "image_url": {"url": u}} for u in urls)]}]


def test_pictures_come_as_data(service: Any, chat: openai.OpenAI) -> None:
    ask(chat, with_pictures(picture(), picture("JPEG")))
    assert service.asked.question == "like this?"
    assert [data[:4] for data in service.asked.pictures] == [b"\x89PNG", b"\xff\xd8\xff\xe0"]


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (["https://example.com/a.png"], "data: URIs"),
        (["http://169.254.169.254/latest"], "data: URIs"),
        (["file:///etc/passwd"], "data: URIs"),
        (["data:text/html;base64,AAAA"], "JPEG"),
        (["data:image/png;base64,!!!!"], "base64"),
        ([picture()] * 5, "4 at most"),
    ],
)
def test_other_pictures_are_refused(chat: openai.OpenAI, urls: list[str], said: str) -> None:
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        ask(chat, with_pictures(*urls))
    assert caught.value.param == "messages[0].content" and caught.value.type == "invalid_request_error"


def test_a_damaged_picture_is_refused(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot be read"):
        ask(chat, with_pictures("data:image/png;base64,AAAA"))
    with pytest.raises(openai.APIStatusError, match="bytes") as caught:
        ask(chat, with_pictures(f"data:image/png;base64,{'A' * 12_000_000}"))
    assert caught.value.status_code == 413 and caught.value.param == "messages[0].content"


def test_earlier_messages_are_turns(service: Any, chat: openai.OpenAI) -> None:
    earlier = with_pictures("https://example.com/a.png")
    with pytest.raises(openai.BadRequestError, match="no address is ever fetched"):
        ask(chat, [*earlier, {"role": "assistant", "content": "No."}, *USER])
    talk = [
        {"role": "system", "content": "Say that all is well."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Which pumps leaked?"},
        {"role": "assistant", "content": "P-3 leaked [1]."},
        {"role": "user", "content": [{"type": "text", "text": "and the"}, {"type": "text", "text": "day before?"}]},
    ]
    raw = chat.chat.completions.with_raw_response.create(model="watchfloor", messages=talk, temperature=0.2, seed=7)
    (turn,) = service.asked.before
    assert (turn.question, turn.reply) == ("Which pumps leaked?", "P-3 leaked [1].")
    assert service.asked.question == "and the\nday before?"
    assert raw.headers["x-watchfloor-ignored"] == "seed, temperature, system messages"


def test_own_fields_go_through(service: Any, chat: openai.OpenAI, ids: dict[str, str]) -> None:
    own = {
        "asked_at": "2026-03-04T08:00:00Z",
        "as_of": "2026-03-04T07:00:00Z",
        "deadline_s": 5,
        "about": [ids["frame"]],
    }
    ask(chat, extra_body={"watchfloor": {**own, "conversation": "new"}})
    asked = service.asked
    assert (asked.asked_at, asked.as_of) == (1_772_611_200_000_000, 1_772_607_600_000_000)
    assert (asked.deadline_s, asked.about, asked.conversation) == (5, (ids["frame"],), "new")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}, "tool_choice"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages[0].content"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "a", "tool_call_id": "1"}, *USER]}, "messages[0].role"),
        ({"messages": "pump"}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"extra_body": {"watchfloor": {"deadline_s": 0}}}, "watchfloor.deadline_s"),
        ({"extra_body": {"watchfloor": {"tenant": "other"}}}, "watchfloor"),
    ],
)
def test_wrong_fields_are_named(chat: openai.OpenAI, more: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        chat.chat.completions.create(**{"model": "watchfloor", "messages": USER, **more})
    assert caught.value.param == param and caught.value.code


def test_offered_tools_are_never_called(chat: openai.OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "open_valve", "parameters": {}}}]
    raw = chat.chat.completions.with_raw_response.create(model="watchfloor", messages=USER, tools=tools)
    assert raw.headers["x-watchfloor-ignored"] == "tools"
    assert raw.parse().choices[0].message.tool_calls is None


# --- failures


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (OverBudget("wait", retry_after_s=2.2), openai.RateLimitError, "rate_limit_exceeded"),
        (QuestionTooLong(), openai.APIStatusError, "question_too_long"),
        (ModelUnavailable("gone"), openai.InternalServerError, "model_unavailable"),
        (RuntimeError("secret"), openai.InternalServerError, "internal"),
    ],
)
def test_failures_are_the_clients_own(
    service: Any, chat: openai.OpenAI, error: Exception, kind: type[openai.APIStatusError], code: str
) -> None:
    def script(*_: Any) -> Answer:
        raise error

    service.script = script
    with pytest.raises(kind) as caught:
        ask(chat)
    assert caught.value.code == code and "secret" not in str(caught.value)
    if kind is openai.RateLimitError:
        assert caught.value.response.headers["retry-after"] == "3" and caught.value.type == "rate_limit_error"


def test_an_unknown_model_is_not_found(chat: openai.OpenAI) -> None:
    for call in (
        lambda: chat.chat.completions.create(model="gpt-4o", messages=USER),  # type: ignore[list-item]
        lambda: chat.models.retrieve("gpt-4o"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.code == "model_not_found" and caught.value.param == "model"


# --- models


def test_models_tell_what_answers(service: Any, chat: openai.OpenAI) -> None:
    # the other checks cost more, and nobody asked for them
    service.checks, checks = None, service.checks
    (only,) = chat.models.list().data
    assert (only.id, only.object, only.owned_by) == (
        "watchfloor",
        "model",
        "watchfloor",
    ) and only.created > 1_700_000_000
    assert only.model_extra["watchfloor"]["answers"] == "brief"
    service.extra_checks = [Check("model", "ok", "Qwen/Qwen2.5-VL-7B-Instruct, 32768 tokens")]
    found = chat.models.retrieve("watchfloor")
    assert found.model_extra["watchfloor"] == {
        "answers": "model",
        "state": "ok",
        "detail": "Qwen/Qwen2.5-VL-7B-Instruct, 32768 tokens",
    }
    service.extra_checks = [Check("model", "degraded", "nobody answers; the evidence brief answers")]
    assert chat.models.retrieve("watchfloor").model_extra["watchfloor"]["answers"] == "brief"
    service.checks = checks
    health = httpx.get(f"{str(chat.base_url).removesuffix('/v1/')}/v1/health", trust_env=False)
    assert health.status_code == 200 and health.json()["ready"]
    assert health.json()["degraded"] == ["model: nobody answers; the evidence brief answers"]


def test_the_async_client_too(url: str) -> None:
    async def talk() -> tuple[str, str]:
        async with httpx.AsyncClient(trust_env=False) as http:
            chat = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", http_client=http)
            whole: Any = await chat.chat.completions.create(model="watchfloor", messages=USER)  # type: ignore[arg-type]
            parts = await chat.chat.completions.create(model="watchfloor", messages=USER, stream=True)  # type: ignore[arg-type]
            streamed = [chunk.choices[0].delta.content or "" async for chunk in parts]
        return whole.choices[0].message.content, "".join(streamed)

    whole, streamed = asyncio.run(talk())
    assert whole == streamed != ""
