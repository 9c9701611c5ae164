"""The retriever and the runnable inside LangChain chains."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from PIL import Image
from pydantic import ValidationError

from app.chain import WatchfloorAnswer, WatchfloorRetriever
from app.fakes import MemoryService
from app.ports import Ask, Event
from retrieval.errors import BadQuery, QuestionTooLong
from retrieval.types import (
    Answer,
    CharSpan,
    Evidence,
    Filter,
    FrameAt,
    Interval,
    Kind,
    Principal,
    Provenance,
    Support,
)

ME = Principal("plant")
NOW = 1_772_611_200_000_000


def piece(name: str, kind: Kind, text: str, **more: Any) -> Evidence:
    locator = FrameAt(5000, 10000) if kind is Kind.FRAME else CharSpan(0, len(text))
    fields = {"source": f"file:///site/{name}", "kind": kind, "locator": locator, "text": text, **more}
    return Evidence(id=f"ev_{name}", tenant="plant", provenance=Provenance("test"), **fields)


class Paused(MemoryService):
    """Tells its first claim, then waits until it is let go on or nobody waits any more."""

    def ready(self) -> None:
        self.go, self.stopped = threading.Event(), threading.Event()

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        self.asked = ask
        answer = super().ask(ask, principal)
        if listen is not None and stop is not None and answer.claims:
            listen(Event("plan", {}))
            listen(Event("claim", answer.claims[0]))
            while not self.go.wait(0.01):
                if stop.is_set():
                    self.stopped.set()
                    break
        return answer


@pytest.fixture
def service(tmp_path: Path) -> Paused:
    made = Paused(
        tmp_path,
        [
            piece("smoke", Kind.FRAME, "smoke near pump P-3", valid=Interval(NOW - 10_000_000, NOW)),
            piece("log", Kind.PASSAGE, "the pump was changed"),
            piece("secret", Kind.PASSAGE, "secret pump", labels=("hr",)),
        ],
    )
    made.ready()
    return made


def test_evidence_comes_as_documents(service: Paused) -> None:
    found = WatchfloorRetriever(service=service, principal=ME).invoke("smoke pump")
    assert [(d.id, d.page_content) for d in found] == [
        ("ev_smoke", "smoke near pump P-3"),
        ("ev_log", "the pump was changed"),
    ]
    assert found[0].metadata == {
        "evidence": "ev_smoke",
        "kind": "frame",
        "source": "file:///site/smoke",
        "score": 2.0,
        "locator": {"type": "frame", "ms": 5000, "end_ms": 10000},
        "valid": {"start": "2026-03-04T07:59:50Z", "end": "2026-03-04T08:00:00Z"},
        "channels": {"words": 1},
    }
    assert found[1].metadata["valid"] is None
    json.dumps([d.metadata for d in found])


def test_filters_and_the_asker_are_fixed(service: Paused) -> None:
    passages = WatchfloorRetriever(service=service, principal=ME, k=5, filter=Filter(kinds=(Kind.PASSAGE,)))
    assert [d.id for d in asyncio.run(passages.ainvoke("smoke pump"))] == ["ev_log"]
    with pytest.raises(ValidationError):
        passages.principal = Principal("plant", labels=("hr",))
    with pytest.raises(ValidationError):
        WatchfloorRetriever(service=service, principal=ME, k=0)
    everything = WatchfloorRetriever(service=service, principal=Principal("plant", labels=("hr",)))
    assert len(everything.invoke("pump")) == 3
    assert "Paused" not in repr(passages)


def test_a_question_gives_the_answer(service: Paused) -> None:
    service.go.set()
    answering = WatchfloorAnswer(service, ME, lambda: NOW)
    answer = answering.invoke("smoke pump")
    assert answer["verdict"] == "answered" and answer["claims"][0]["support"] == Support.SUPPORTED.value
    assert asyncio.run(answering.ainvoke("smoke pump"))["claims"] == answer["claims"]
    assert service.asked.asked_at == NOW
    answering.invoke({"question": "pump", "asked_at": "2026-03-04T07:00:00Z", "deadline_s": 3, "about": ["ev_log"]})
    assert (service.asked.asked_at, service.asked.deadline_s) == (NOW - 3_600_000_000, 3)
    assert service.asked.about == ("ev_log",)


def test_fields_are_those_of_the_native_route(service: Paused) -> None:
    service.go.set()
    answering = WatchfloorAnswer(service, ME, lambda: NOW)
    picture = io.BytesIO()
    Image.new("RGB", (4, 3), "lime").save(picture, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    answering.invoke({"question": "pump", "pictures": [uri], "conversation": "new"})
    assert service.asked.pictures == (picture.getvalue(),) and service.asked.conversation == "new"
    for wrong in ({"deadline_s": 0}, {"deadline_s": 9e9}, {"pictures": ["http://h/x.png"]}, {"pictures": [uri] * 5}):
        with pytest.raises(BadQuery):
            answering.invoke({"question": "pump", **wrong})


def test_claims_are_streamed_as_they_are_verified(service: Paused) -> None:
    stream = WatchfloorAnswer(service, ME).stream("smoke pump")
    first = next(stream)
    assert first["claims"][0]["text"] == "smoke near pump P-3" and "verdict" not in first
    service.go.set()
    (last,) = stream
    assert last["verdict"] == "answered" and first + last == last


def test_closing_a_stream_stops_the_question(service: Paused) -> None:
    stream = WatchfloorAnswer(service, ME).stream("pump")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert service.stopped.wait(5)


def test_the_async_stream_too(service: Paused) -> None:
    async def first_of() -> Any:
        stream = WatchfloorAnswer(service, ME).astream("pump")
        async for told in stream:
            await stream.aclose()  # type: ignore[attr-defined]
            return told

    assert asyncio.run(first_of())["claims"] and service.stopped.wait(5)

    async def every() -> list[Any]:
        return [told async for told in WatchfloorAnswer(service, ME).astream("pump")]

    service.go.set()
    assert [len(told["claims"]) for told in asyncio.run(every())] == [1, 1]


def test_they_compose(service: Paused) -> None:
    service.go.set()
    answering = WatchfloorAnswer(service, ME)
    chain = (
        {"thing": RunnablePassthrough()}
        | PromptTemplate.from_template("{thing} near?")
        | answering
        | RunnableLambda(lambda answer: [claim["text"] for claim in answer["claims"]])
    )
    assert chain.invoke("smoke") == ["smoke near pump P-3"]
    assert asyncio.run(chain.ainvoke("smoke")) == ["smoke near pump P-3"]
    assert list(chain.stream("smoke")) == [["smoke near pump P-3"]]
    assert [len(answer["claims"]) for answer in answering.batch(["smoke", "nothing"])] == [1, 0]
    found = WatchfloorRetriever(service=service, principal=ME) | RunnableLambda(len)
    assert found.invoke("pump") == 2


@pytest.mark.parametrize("wrong", [{"text": "pump"}, {"question": 3}, {"question": "pump", "tenant": "other"}, 7])
def test_other_input_is_refused(service: Paused, wrong: Any) -> None:
    with pytest.raises(BadQuery):
        WatchfloorAnswer(service, ME).invoke(wrong)
    with pytest.raises(BadQuery):
        list(WatchfloorAnswer(service, ME).stream(wrong))


def test_failures_are_raised_in_streams_too(service: Paused) -> None:
    with pytest.raises(QuestionTooLong):
        list(WatchfloorAnswer(service, ME).stream("x" * 100_000))


def test_nobody_else_loads_langchain() -> None:
    code = "import sys, app.http.app, app.wiring; print(any(name.startswith('langchain') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
