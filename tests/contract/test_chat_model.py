"""Every ChatModel: scripted in memory, langchain-openai against a server on loopback, and either behind queue and breaker."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from app.model.fakes import ScriptedModel
from app.model.guard import Guarded
from app.model.openai_chat import OpenAIChat
from app.model.port import ChatModel, Course, Part, Picture
from app.model.probe import Place
from eval.stub import Fail, StubModel
from retrieval.errors import ModelUnavailable

Texts = Callable[[], Iterator[str]]
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
PICTURE = Picture(b"\x89PNG not looked at", "image/png")
WORDS = '{"claims": [{"text": "Température 7,1 °C — ✓", "evidence": ["E1"]}], "insufficient": false}'


class Bench(NamedTuple):
    """A model, how to set what it says next, and how often it was asked and broken off."""

    model: ChatModel
    say: Callable[[Texts], None]
    asked: Callable[[], int]
    cut: Callable[[], int]

    def ask(self, seconds: float = 10.0, parts: Sequence[Part] = ("?",)) -> str:
        return "".join(p.text for p in self.model.stream(parts, SCHEMA, Course(time.monotonic() + seconds)))

    def eventually_asked(self, times: int) -> bool:
        return _eventually(self.asked, times)

    def eventually_cut(self, times: int) -> bool:
        return _eventually(self.cut, times)


def _eventually(count: Callable[[], int], times: int) -> bool:
    until = time.monotonic() + 5
    while count() != times and time.monotonic() < until:
        time.sleep(0.005)
    return count() == times


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """langchain-openai takes seconds to import on a busy machine; time limits below are about asking."""
    import langchain_openai  # noqa: F401


class Broken(Exception):
    """What a script raises to fail."""


def scripted() -> Iterator[Bench]:
    model = ScriptedModel(lambda parts, schema: [])

    def say(texts: Texts) -> None:
        def script(parts: Sequence[Part], schema: dict[str, Any]) -> Iterator[str]:
            try:
                yield from texts()
            except Broken:
                raise ModelUnavailable("the model's endpoint answered with HTTP status 500") from None

        model.script = script

    yield Bench(model, say, lambda: len(model.asked), lambda: model.cut)


def served() -> Iterator[Bench]:
    with StubModel(lambda body: []) as stub:

        def say(texts: Texts) -> None:
            def script(body: dict[str, Any]) -> Iterator[str]:
                try:
                    yield from texts()
                except Broken:
                    raise Fail(500, "upstream secret") from None

            stub.script = script

        yield Bench(OpenAIChat(Place(stub.url, stub.name)), say, lambda: len(stub.requests), lambda: stub.cut)


@pytest.fixture(params=["scripted", "served", "scripted, guarded", "served, guarded"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    for made in scripted() if request.param.startswith("scripted") else served():
        yield made._replace(model=Guarded(made.model, failures=1000)) if "guarded" in request.param else made


def words() -> Iterator[str]:
    yield from (WORDS[n : n + 3] for n in range(0, len(WORDS), 3))


def forever() -> Iterator[str]:
    yield "a word"
    while True:
        time.sleep(0.005)
        yield ""


def test_the_reply_comes_whole_in_pieces_with_usage_last(bench: Bench) -> None:
    bench.say(words)
    pieces = list(bench.model.stream(["?"], SCHEMA, Course(time.monotonic() + 10)))
    assert "".join(p.text for p in pieces) == WORDS and json.loads(WORDS)
    assert len(pieces) > 10
    assert [n for n, p in enumerate(pieces) if p.usage] == [len(pieces) - 1]
    usage = pieces[-1].usage
    assert usage is not None and usage.completion_tokens == len(pieces) - 1
    chances = [c for p in pieces for c in p.logprobs]
    assert len(chances) == len(pieces) - 1 and all(c <= 0 for c in chances)


def test_text_and_pictures_may_be_mixed(bench: Bench) -> None:
    bench.say(words)
    assert bench.ask(parts=["before", PICTURE, "between", PICTURE, "after"]) == WORDS


def test_capabilities_stay_the_same(bench: Bench) -> None:
    able = bench.model.capabilities()
    assert able == bench.model.capabilities()
    assert able.context > 0 and able.images > 0 and able.schema and able.logprobs
    assert able.name == bench.model.name
    assert bench.asked() == 0


def test_a_probe_finds_the_same_and_is_no_question(bench: Bench) -> None:
    assert bench.model.probe() == bench.model.capabilities() == bench.model.probe()
    assert bench.asked() == 0


def test_a_model_may_be_closed_and_asked_again(bench: Bench) -> None:
    bench.say(words)
    for _ in range(2):
        assert bench.ask() == WORDS
        bench.model.close()
        bench.model.close()


def test_closing_ends_the_request(bench: Bench) -> None:
    bench.say(forever)
    pieces = bench.model.stream(["?"], SCHEMA, Course(time.monotonic() + 30))
    assert next(pieces).text == "a word"
    pieces.close()  # type: ignore[attr-defined]
    assert bench.eventually_cut(1)
    bench.say(words)
    assert bench.ask() == WORDS


@pytest.mark.parametrize("said", [0, 1])
def test_withdrawing_ends_the_request(bench: Bench, said: int) -> None:
    bench.say(lambda: (piece for n, piece in enumerate(forever()) if said or n))
    stop = threading.Event()
    pieces = bench.model.stream(["?"], SCHEMA, Course(time.monotonic() + 30, stop))
    for _ in range(said):
        next(pieces)
    threading.Thread(target=lambda: (bench.eventually_asked(1), stop.set()), daemon=True).start()
    with pytest.raises(ModelUnavailable, match="withdrawn"):
        next(pieces)
    assert bench.eventually_cut(1)


def test_time_ends_the_request(bench: Bench) -> None:
    bench.say(forever)
    bench.model.capabilities()
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match="in time"):
        bench.ask(0.2)
    assert time.monotonic() - started < 0.7
    assert bench.eventually_cut(1)


def test_without_time_nothing_is_asked(bench: Bench) -> None:
    bench.say(words)
    with pytest.raises(ModelUnavailable):
        bench.ask(0.0)
    assert bench.asked() == 0


def test_a_stream_that_is_never_read_asks_nothing(bench: Bench) -> None:
    bench.say(words)
    bench.model.stream(["?"], SCHEMA, Course(time.monotonic() + 10))
    assert bench.asked() == 0


def test_a_failure_is_typed_and_told_in_our_words(bench: Bench) -> None:
    def broken() -> Iterator[str]:
        raise Broken
        yield ""

    bench.say(broken)
    with pytest.raises(ModelUnavailable) as told:
        bench.ask()
    assert str(told.value) == "the model's endpoint answered with HTTP status 500"
    bench.say(words)
    assert bench.ask() == WORDS


def test_many_at_once_do_not_mix(bench: Bench) -> None:
    bench.say(words)
    replies: list[str] = []
    threads = [threading.Thread(target=lambda: replies.append(bench.ask())) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert replies == [WORDS] * 12


def test_two_may_be_read_in_turns_on_one_thread(bench: Bench) -> None:
    bench.say(words)
    one, two = (bench.model.stream(["?"], SCHEMA, Course(time.monotonic() + 10)) for _ in range(2))
    taken = [(a.text, b.text) for a, b in zip(one, two, strict=True)]
    assert ["".join(texts) for texts in zip(*taken, strict=True)] == [WORDS, WORDS]
