"""A model that is dead, hangs, lies about its length or never ends: typed errors in time, memory that stays, users that are spared.

Figures of the fault tests 9 and API10: an error within the deadline + 0.5 s, less than 64 MiB of memory more; the breaker opens after at
most 5 failures and then answers within 50 ms; the first success comes at most 5 s after the endpoint is back.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.model.guard import Guarded
from app.model.openai_chat import OpenAIChat
from app.model.port import Course, Part, Picture
from app.model.probe import Place
from eval.memory import PeakMemory, own
from eval.stub import (
    NAME,
    Cut,
    Fail,
    Script,
    StubModel,
    cutting,
    dripping,
    endless,
    garbage,
    gigabyte,
    hanging,
    invalid_json,
    other_schema,
    saying,
)
from retrieval.errors import ModelBusy, ModelUnavailable

DEADLINE_S = 0.5
LATE_S = 0.5
MEMORY = 64 * 2**20
SCHEMA = {"type": "object"}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Importing and first use take time and memory of their own."""
    with StubModel(saying("hello")) as stub:
        model = chat(stub.url)
        for _ in range(3):
            assert ask(model, 60.0) == "hello"


def chat(url: str) -> OpenAIChat:
    return OpenAIChat(Place(url, NAME, probe_s=2.0))


def ask(model: Any, seconds: float = 5.0, parts: tuple[Part, ...] = ("?",)) -> str:
    return "".join(p.text for p in model.stream(parts, SCHEMA, Course(time.monotonic() + seconds)))


def refused_in_time(model: Any, parts: tuple[Part, ...] = ("?",), deadline_s: float = DEADLINE_S) -> str:
    with PeakMemory(own) as memory, pytest.raises(ModelUnavailable) as told:
        # tidying up before memory is measured takes longer the more tests ran before
        started = time.monotonic()
        ask(model, deadline_s, parts)
    assert time.monotonic() - started < deadline_s + LATE_S
    assert memory.more < MEMORY
    return str(told.value)


def failing(status: int) -> Script:
    def script(body: dict[str, Any]) -> Iterator[str]:
        raise Fail(status, "x")
        yield ""

    return script


def cut_at_once(body: dict[str, Any]) -> Iterator[str]:
    raise Cut
    yield ""


def repeating(data: bytes, every_s: float = 0.0) -> Script:
    def script(body: dict[str, Any]) -> Iterator[bytes | str]:
        while True:
            yield data
            # an empty piece lets the server look whether anybody is still there
            yield ""
            time.sleep(every_s)

    return script


FAULTS: dict[str, tuple[Script, str]] = {
    "hangs": (hanging(), "in time"),
    "drips": (dripping(0.02), "in time"),
    "drips comments": (repeating(b":\n", 0.02), "in time"),
    "drips bytes of a line": (repeating(b"x", 0.02), "in time"),
    "never ends": (endless(), "longer than"),
    "never ends, in comments": (repeating(b": and so on\n\n" * 100), "longer than"),
    "a gigabyte in a line": (gigabyte(), "longer than"),
    "500": (failing(500), "HTTP status 500"),
    "503": (failing(503), "HTTP status 503"),
    "cuts": (cutting(), "broke off"),
    "cuts before a word": (cut_at_once, "broke off"),
    "not JSON, not UTF-8": (garbage(), "no chat completion"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_typed_in_time_and_within_memory(name: str) -> None:
    with StubModel(saying("hello")) as stub:
        model = chat(stub.url)
        assert ask(model) == "hello"
        stub.script, words = FAULTS[name]
        # what is too long is found out by reading that much: a busy machine needs its time for it
        deadline_s = 10 * DEADLINE_S if words == "longer than" else DEADLINE_S
        assert words in refused_in_time(model, deadline_s=deadline_s)
        until = time.monotonic() + 2
        while stub.open and time.monotonic() < until:
            time.sleep(0.01)
        assert stub.open == 0, "the endpoint is left working for nobody"
        # what lies in the buffers of sockets was sent too, but nothing near a gigabyte
        assert stub.sent_bytes < 32 * 2**20
        stub.script = saying("hello")
        assert ask(model) == "hello"


@pytest.mark.parametrize("script", [invalid_json(), other_schema()])
def test_another_schema_is_text_for_its_reader_to_refuse(script: Script) -> None:
    with StubModel(script) as stub:
        assert ask(chat(stub.url), DEADLINE_S)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_as_harmless_while_finding_out_what_the_endpoint_can_do(name: str) -> None:
    with StubModel(FAULTS[name][0], probes=False) as stub:
        refused_in_time(chat(stub.url))


class Raw:
    """A server that does as it is told with a connection, below HTTP."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Raw:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return


def drip_header(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-long: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def endless_header(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-more: " + b"y" * 1000 + b"\r\n")


def never_read(connection: socket.socket) -> None:
    time.sleep(3)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def huge_error(connection: socket.socket) -> None:
    connection.recv(2**16)
    connection.sendall(b"HTTP/1.1 500 Oh\r\ncontent-length: 1073741824\r\n\r\n")
    for _ in range(1024):
        connection.sendall(b"x" * 2**20)


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" * 10)


@pytest.mark.parametrize("serve", [drip_header, endless_header, never_read, reset, huge_error, nonsense])
def test_faults_below_http(serve: Callable[[socket.socket], None]) -> None:
    with Raw(serve) as server:
        refused_in_time(chat(server.url))
        # the same once it is past its probes: a prompt too large for the buffers of sockets
        past = OpenAIChat(Place(server.url, NAME))
        past._found = warmed()
        refused_in_time(past, (Picture(b"p" * 8 * 2**20, "image/png"),) if serve is never_read else ("?",))


def warmed() -> Any:
    with StubModel(saying("hello")) as stub:
        model = chat(stub.url)
        model.capabilities()
        return model._found


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert "cannot be reached" in refused_in_time(chat(f"http://127.0.0.1:{held.getsockname()[1]}/v1"))


@pytest.mark.parametrize("name", ["dead", "500", "hangs", "cuts", "not JSON, not UTF-8"])
def test_the_breaker_spares_users_and_lets_the_endpoint_back_in(name: str) -> None:
    with StubModel(saying("hello")) as stub:
        port = stub.port
        # once as it is by default; the others need not take as long
        model = Guarded(chat(stub.url)) if name == "dead" else Guarded(chat(stub.url), cool_down_s=0.5)
        assert ask(model) == "hello"
        stub.script = FAULTS.get(name, FAULTS["500"])[0]
        if name == "dead":
            stub.__exit__(None, None, None)
        opened = failures_until_open(model)
        assert opened <= 5
        assert model.state().level == "failed"
        asked = len(stub.requests)
        told = spared(model)
        assert "tried again in" in told and told == told.strip()
        assert len(stub.requests) == asked
        stub.script = saying("hello")
    with StubModel(saying("hello"), port=port):
        assert until_success(model) < 5.0
        assert model.state().level == "ok"


def test_a_trial_that_hangs_puts_nobody_off_for_long() -> None:
    """Whatever time questions have: the endpoint comes back while a trial with a long deadline hangs on it."""
    with StubModel(saying("hello")) as stub:
        model = Guarded(chat(stub.url))
        assert ask(model) == "hello"
        stub.script = hanging()
        failures_until_open(model)
        with ThreadPoolExecutor(1) as pool:
            trial = pool.submit(until_success, model, 15.0)
            while not stub.open:
                time.sleep(0.01)
            stub.script = saying("hello")
            # the trial itself still hangs: its script was taken when it came
            assert stub.open == 1 and until_success(model, 15.0) < 5.0
            assert trial.result() < 10.0
        assert model.state().level == "ok"


def failures_until_open(model: Guarded) -> int:
    for n in range(10):
        if model.state().level == "failed":
            return n
        with pytest.raises(ModelUnavailable):
            ask(model, 0.6)
    return 10


def spared(model: Guarded) -> str:
    """What calls are told while the breaker is open: each within 50 ms."""
    told = ""
    for call in (lambda: ask(model), model.capabilities) * 5:
        started = time.monotonic()
        with pytest.raises(ModelUnavailable) as error:
            call()
        assert time.monotonic() - started < 0.05
        told = str(error.value)
    return told


def until_success(model: Guarded, deadline_s: float = 5.0) -> float:
    started = time.monotonic()
    while time.monotonic() - started < 10:
        try:
            if ask(model, deadline_s) == "hello":
                return time.monotonic() - started
        except ModelUnavailable:
            time.sleep(0.02)
    return 10.0


def test_a_hundred_at_once_before_a_hanging_endpoint() -> None:
    """At most eight are with it, those beyond the queue are turned away at once, all are told in time, and memory stays."""
    with StubModel(saying("hello")) as stub:
        model = Guarded(chat(stub.url), concurrency=8, queue=32)
        assert ask(model) == "hello"
        stub.script = hanging()
        ends: list[tuple[type[Exception], float]] = []

        def call() -> None:
            started = time.monotonic()
            try:
                ask(model, DEADLINE_S)
            except ModelUnavailable as error:
                ends.append((type(error), time.monotonic() - started))

        with PeakMemory(own) as memory:
            threads = [threading.Thread(target=call) for _ in range(100)]
            for thread in threads:
                thread.start()
            # looked at before time is up: the endpoint hears of an end a moment later than the queue
            most, until = 0, time.monotonic() + 0.6 * DEADLINE_S
            while time.monotonic() < until:
                most = max(most, stub.open)
                time.sleep(0.005)
            for thread in threads:
                thread.join(10)
        assert most == 8 and len(ends) == 100
        assert all(seconds < DEADLINE_S + LATE_S for _, seconds in ends)
        assert sum(kind is ModelBusy for kind, _ in ends) >= 60
        assert memory.more < MEMORY
