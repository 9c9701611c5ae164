"""Whoever hangs up is not answered any further: the question's `stop` is set soon, whatever is being sent at the time."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.fakes import MemoryService
from app.http.app import create_app
from app.http.serve import Listener, free_port
from app.ports import Ask, Event, Service
from retrieval.types import Answer, Principal

SOON_S = 2.0
ASK = {"question": "pump"}
CHAT = {"model": "watchfloor", "messages": [{"role": "user", "content": "pump"}]}


class Patient(MemoryService):
    """Tells `first`, then waits until nobody waits any more. Events by question: it was begun, and its `stop` was set."""

    first: tuple[Event, ...]
    begun: dict[str, threading.Event]
    stopped: dict[str, threading.Event]

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        assert stop is not None
        for event in self.first:
            if listen:
                listen(event)
        self.begun[ask.question].set()
        if stop.wait(20):
            self.stopped[ask.question].set()
        return super().ask(ask, principal)


@pytest.fixture
def service(service: MemoryService) -> Patient:
    service.__class__ = Patient
    assert isinstance(service, Patient)
    service.first, service.begun, service.stopped = (), defaultdict(threading.Event), defaultdict(threading.Event)
    return service


def called(url: str, path: str, body: dict[str, Any], accept: str = "application/json") -> socket.socket:
    """A connection on which a question was asked."""
    where, content = urlsplit(url), json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
    line = socket.create_connection((where.hostname or "", where.port or 0), timeout=10)
    line.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return line


@pytest.mark.parametrize(
    ("path", "body", "accept"),
    [
        ("/v1/ask", ASK, "application/json"),
        ("/v1/ask", ASK, "text/event-stream"),
        ("/v1/chat/completions", CHAT, "application/json"),
        ("/v1/chat/completions", {**CHAT, "stream": True}, "text/event-stream"),
    ],
)
@pytest.mark.parametrize("first", [(), (Event("plan", {}),)], ids=["before anything is told", "in the middle"])
def test_hanging_up_stops_the_question(
    service: Patient,
    granian: Callable[[Service], str],
    path: str,
    body: dict[str, Any],
    accept: str,
    first: tuple[Event, ...],
) -> None:
    service.first = first
    line = called(granian(service), path, body, accept)
    assert service.begun["pump"].wait(10)
    if first and "stream" in accept:
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
    assert not service.stopped["pump"].is_set()
    line.close()
    assert service.stopped["pump"].wait(SOON_S)


def test_one_that_hangs_up_does_not_stop_another(service: Patient, granian: Callable[[Service], str]) -> None:
    url = granian(service)
    gone, stays = called(url, "/v1/ask", ASK), called(url, "/v1/ask", {"question": "valve"})
    assert service.begun["pump"].wait(10) and service.begun["valve"].wait(10)
    gone.close()
    assert service.stopped["pump"].wait(SOON_S) and not service.stopped["valve"].is_set()
    stays.close()
    assert service.stopped["valve"].wait(SOON_S)


def test_a_server_that_stops_does_not_wait_for_answers(service: Patient, options: Any, principal: Principal) -> None:
    port = free_port("127.0.0.1")
    listener = Listener(create_app(service, principal, options), "127.0.0.1", port)
    thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
    thread.start()
    listener.wait(10)
    line = called(f"http://127.0.0.1:{port}", "/v1/ask", ASK)
    assert service.begun["pump"].wait(10)
    listener.stop()
    assert service.stopped["pump"].wait(5)
    thread.join(10)
    assert not thread.is_alive()
    line.close()
