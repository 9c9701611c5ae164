"""Answering as a LangChain runnable: a question in, the native answer out, claim by claim where it is streamed."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import msgspec
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from app.http.errors import Unfit
from app.http.pictures import pictures_in
from app.ports import Ask, Event, Service
from app.unwire import ask_in
from app.wire import AskFields, answer_json, as_json, claim_out
from retrieval.errors import BadQuery
from retrieval.types import Answer, Claim, Micros, Principal

Question: TypeAlias = str | PromptValue | dict[str, Any]
_Step: TypeAlias = "Told | Exception | None"


class Told(dict[str, Any]):
    """A piece of a streamed answer: {"claims": [one]}, and at the end the whole answer. Pieces add up to the whole answer."""

    def __add__(self, other: dict[str, Any]) -> Told:
        if "verdict" in other:
            return Told(other)
        return Told({"claims": [*self.get("claims", ()), *other.get("claims", ())]})


class WatchfloorAnswer(Runnable[Question, dict[str, Any]]):
    """Answers questions as `principal`.

    Input is the question (a text or a prompt), or the fields of POST /v1/ask: {question, asked_at, as_of, deadline_s, conversation,
    about, pictures} with times in RFC 3339 and pictures as data: URIs; output is the answer as JSON, as that route gives it.

    Streamed, it yields each claim once it is verified ({"claims": [claim]}; look at its `support`), and last the whole answer, which
    is what counts. Closing the stream stops the question. Raises BadQuery for other fields and for values out of range, and what
    Service.ask raises.
    """

    def __init__(self, service: Service, principal: Principal, now: Callable[[], Micros] | None = None) -> None:
        self._service, self._principal = service, principal
        self._now = now or (lambda: time.time_ns() // 1000)

    def invoke(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return self._call_with_config(self._whole, input, config, **kwargs)

    def stream(
        self, input: Question, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[dict[str, Any]]:
        yield from self._transform_stream_with_config(iter([input]), self._pieces, config, **kwargs)

    async def astream(
        self, input: Question, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[dict[str, Any]]:
        async def given() -> AsyncIterator[Question]:
            yield input

        async for piece in self._atransform_stream_with_config(given(), self._apieces, config, **kwargs):
            yield piece

    def _whole(self, question: Question) -> dict[str, Any]:
        return answer_json(self._service.ask(self._ask_of(question), self._principal))

    def _pieces(self, questions: Iterator[Question]) -> Iterator[dict[str, Any]]:
        asked = _Asked(self._run, self._ask_of(next(questions)))
        try:
            while (told := asked.next()) is not None:
                yield told
        finally:
            asked.stop.set()

    async def _apieces(self, questions: AsyncIterator[Question]) -> AsyncIterator[dict[str, Any]]:
        asked = _Asked(self._run, self._ask_of(await anext(questions)))
        try:
            while (told := await asyncio.to_thread(asked.next)) is not None:
                yield told
        finally:
            asked.stop.set()

    def _run(self, ask: Ask, listen: Callable[[Event], None], stop: threading.Event) -> Answer:
        return self._service.ask(ask, self._principal, listen, stop)

    def _ask_of(self, question: Question) -> Ask:
        fields = _fields(question)
        try:
            pictures = pictures_in(fields.pictures, "pictures")
        except Unfit as error:
            raise BadQuery(error.detail) from None
        return ask_in(fields.question, fields, self._now(), pictures=pictures)


class _Asked:
    """A question under way in a thread of its own, and what it tells."""

    def __init__(self, run: Callable[[Ask, Callable[[Event], None], threading.Event], Answer], ask: Ask) -> None:
        self.stop = threading.Event()
        self._steps: queue.SimpleQueue[_Step] = queue.SimpleQueue()
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._work, run, ask), name="ask", daemon=True).start()

    def next(self) -> Told | None:
        """The next piece, waited for; None at the end. Raises what the question raises."""
        step = self._steps.get()
        if isinstance(step, Exception):
            raise step
        return step

    def _work(self, run: Callable[[Ask, Callable[[Event], None], threading.Event], Answer], ask: Ask) -> None:
        try:
            self._steps.put(Told(answer_json(run(ask, self._listen, self.stop))))
        except Exception as error:  # noqa: BLE001 - the edge of a worker thread: it is raised by the reader
            self._steps.put(error)
        self._steps.put(None)

    def _listen(self, event: Event) -> None:
        if event.name == "claim" and isinstance(event.data, Claim):
            self._steps.put(Told({"claims": [as_json(claim_out(event.data))]}))


def _fields(question: Question) -> AskFields:
    text = question.to_string() if isinstance(question, PromptValue) else question
    try:
        return msgspec.convert({"question": text} if isinstance(text, str) else text, AskFields)
    except msgspec.ValidationError as error:
        raise BadQuery(f"the question: {error}") from None
