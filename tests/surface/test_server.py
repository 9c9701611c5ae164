"""A real granian server on loopback: streaming, limits, and the same Service contract through the remote client."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.cli.remote import RemoteService, error_in, find_server, raise_reply
from app.fakes import MemoryService
from app.http.serve import SERVE_FILE, Serving, announced, free_port, loopback, read_serving
from app.ports import Ask, Event, Found, Service, Turn
from retrieval.errors import (
    BadSettings,
    EvidenceNotFound,
    InputError,
    ModelUnavailable,
    OverBudget,
    QuestionTooLong,
    StoreBusy,
    UpstreamError,
)
from retrieval.types import Filter, Interval, Kind, Principal, Query, Verdict


@pytest.fixture(params=["memory", "remote"])
def any_service(
    request: pytest.FixtureRequest, service: MemoryService, granian: Callable[[Service], str], options: Any
) -> Iterator[Service]:
    """The contract below holds for a service, and for the same service through a server."""
    if request.param == "memory":
        yield service
        return
    remote = RemoteService(Serving(os.getpid(), 0.0, granian(service), options.instance, options.token))
    yield remote
    remote.close()


def test_ask_tells_its_steps(any_service: Service, principal: Principal) -> None:
    heard: list[Event] = []
    asked = Ask(question="smoke near pump", asked_at=1_772_600_000_000_000)
    answer = any_service.ask(asked, principal, heard.append)
    assert answer.verdict is Verdict.ANSWERED and answer.as_of == asked.asked_at
    assert [event.name for event in heard] == ["plan", "evidence", "claim", "answer"]
    again = any_service.ask(asked, principal)
    assert again.claims == answer.claims and again.timeline == answer.timeline and again.coverage == answer.coverage


def test_ask_refuses_long_questions(any_service: Service, principal: Principal) -> None:
    for listen in (None, lambda event: None):
        with pytest.raises(QuestionTooLong):
            any_service.ask(Ask(question="x" * 100_000, asked_at=0), principal, listen)


def test_search_filters(any_service: Service, principal: Principal, ids: dict[str, str]) -> None:
    every = any_service.search(Query(text="pump temperature"), principal)
    assert {hit.evidence.id for hit in every} == {ids["frame"], ids["page"], ids["window"]}
    only = Filter(kinds=(Kind.WINDOW,), window=Interval(1_772_589_600_000_000, 1_772_600_000_000_000))
    (hit,) = any_service.search(Query(text="temperature", filter=only), principal)
    assert hit.evidence.locator == any_service.evidence(hit.evidence.id, principal).locator
    assert hit.channels == {"words": 1}


def test_search_says_what_was_left_out_over_any_way(
    any_service: Service, service: MemoryService, principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any_service.find(Query(text="pump"), principal).degraded == ()
    told = Found([], ("image: no encoder of pictures is configured",))
    monkeypatch.setattr(service, "find", lambda query, principal: told)
    assert any_service.find(Query(text="pump"), principal) == told


def test_evidence_and_media_open(any_service: Service, principal: Principal, ids: dict[str, str]) -> None:
    frame = any_service.evidence(ids["frame"], principal)
    assert frame.kind is Kind.FRAME and frame.valid is not None
    media = any_service.media(ids["frame"], principal)
    assert media.media_type == "image/jpeg" and media.path.read_bytes().startswith(b"\xff\xd8")
    samples = any_service.samples(ids["window"], principal)
    assert samples.v == [60.0, 61.0, 75.0, 91.5] and len(samples.t) == 4
    for wrong in (ids["secret"], "ev_" + "0" * 40, "../../etc/passwd"):
        with pytest.raises(EvidenceNotFound):
            any_service.evidence(wrong, principal)
    with pytest.raises(EvidenceNotFound):
        any_service.samples(ids["frame"], principal)


def test_ingest_reports_every_source(any_service: Service, principal: Principal, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("valve V-9 leaked")
    (folder / "b.bin").write_bytes(b"\x00")
    seen: list[Any] = []
    first = any_service.ingest([folder], principal, seen.append)
    assert (first.ingested, first.unchanged, len(first.rejected)) == (1, 0, 1)
    assert first.rejected[0]["code"] == "unknown_type"
    assert [step.report.status for step in seen] == ["ingested", "rejected"]
    again = any_service.ingest([folder], principal)
    assert (again.ingested, again.unchanged) == (0, 1)


def test_feedback_and_stats(any_service: Service, principal: Principal) -> None:
    answer = any_service.ask(Ask(question="pump", asked_at=0), principal)
    any_service.feedback(answer.id, False, principal, "wrong pump")
    assert any_service.stats(principal)["rejected"] == 1
    with pytest.raises(EvidenceNotFound):
        any_service.feedback("an_none", True, principal)
    assert any_service.checks()[0].name == "store"


# --- the wire itself


def test_events_arrive_while_the_answer_is_made(
    service: MemoryService, granian: Callable[[Service], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    plan_seen = threading.Event()
    finish = service._answer

    def wait(ask: Any, hits: Any) -> Any:
        assert plan_seen.wait(10), "the plan was held back until the end"
        return finish(ask, hits)

    monkeypatch.setattr(service, "_answer", wait)
    url = granian(service)
    accept = {"accept": "text/event-stream"}
    with httpx.stream("POST", f"{url}/v1/ask", json={"question": "pump"}, headers=accept, trust_env=False) as reply:
        names = []
        for line in reply.iter_lines():
            if line.startswith("event: "):
                names.append(line[7:])
                if names[-1] == "plan":
                    plan_seen.set()
    assert names[-1] == "answer"


def test_a_large_upload_is_refused_before_it_is_sent(
    service: MemoryService, granian: Callable[[Service], str], options: Any
) -> None:
    where = urlsplit(granian(service))
    head = (
        f"POST /v1/ingest HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 10000000000\r\n\r\n--b\r\n"
    )
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as line:
        line.sendall(head.encode())
        assert line.recv(65536).startswith(b"HTTP/1.1 413")
    assert not list((options.data_dir / "uploads").glob("*"))


def test_a_chunked_upload_is_cut_off(service: MemoryService, granian: Callable[[Service], str], options: Any) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 10_000

    url = granian(service)
    head = {"content-type": "multipart/form-data; boundary=b"}
    # the server may hang up while the rest is being sent
    with httpx.Client(trust_env=False) as client, contextlib.suppress(httpx.WriteError):
        assert client.post(f"{url}/v1/ingest", content=body(), headers=head).status_code == 413
    assert not list((options.data_dir / "uploads").glob("*"))


# --- the process


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", ""])
def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(BadSettings, match="access control"):
        loopback(host)


def test_loopback_addresses_are_taken() -> None:
    assert [loopback(host) for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2")] == [
        "127.0.0.1",
        "127.0.0.1",
        "::1",
        "127.0.0.2",
    ]


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=str(port)):
            free_port("127.0.0.1", port)


def test_serve_file_is_private_and_goes_away(tmp_path: Path) -> None:
    with announced(tmp_path, "http://127.0.0.1:1") as serving:
        assert read_serving(tmp_path) == serving
        assert (tmp_path / SERVE_FILE).stat().st_mode & 0o077 == 0
    assert read_serving(tmp_path) is None


def test_a_left_over_serve_file_is_not_believed(tmp_path: Path) -> None:
    for text in ("{", json.dumps({"pid": os.getpid(), "started": 1.0, "url": "u", "instance": "i", "token": "t"})):
        (tmp_path / SERVE_FILE).write_text(text)
        assert read_serving(tmp_path) is None
        assert find_server(tmp_path) is None


def test_a_server_that_hangs_is_named(tmp_path: Path) -> None:
    with announced(tmp_path, "http://127.0.0.1:9"), pytest.raises(StoreBusy, match="does not answer"):
        find_server(tmp_path, patience_s=0.3)


def test_failures_come_back_as_themselves() -> None:
    assert isinstance(error_in({"error": {"code": "model_unavailable", "message": "m"}}), ModelUnavailable)
    assert isinstance(error_in({"error": {"code": "internal", "message": "m"}}), UpstreamError)
    assert isinstance(error_in([]), UpstreamError)


@pytest.mark.parametrize(("header", "seconds"), [({"retry-after": "17"}, 17.0), ({}, 1.0), ({"retry-after": "x"}, 1.0)])
def test_a_spent_budget_says_when_to_ask_again(header: dict[str, str], seconds: float) -> None:
    body = {"error": {"code": "over_budget", "message": "enough"}}
    with pytest.raises(OverBudget, match="enough") as caught:
        raise_reply(httpx.Response(429, json=body, headers=header))
    assert caught.value.retry_after_s == seconds


def test_the_remote_service_refuses_what_it_cannot_send() -> None:
    remote = RemoteService(Serving(os.getpid(), 0.0, "http://127.0.0.1:9", "i", "t"))
    earlier = Ask(question="Why?", asked_at=0, before=(Turn(question="What happened?", asked_at=0),))
    for listen in (None, lambda event: None):
        with pytest.raises(InputError, match="earlier turns"):
            remote.ask(earlier, Principal("plant"), listen)
    with pytest.raises(InputError, match="picture"):
        remote.search(Query(text="smoke", pictures=(b"x",)), Principal("plant"))
    remote.close()


def test_servers_of_one_data_directory_are_told_apart(tmp_path: Path) -> None:
    with announced(tmp_path, "http://127.0.0.1:1") as own, announced(tmp_path, "http://127.0.0.1:2", "left") as left:
        assert read_serving(tmp_path) == own and read_serving(tmp_path, "left") == left
        assert read_serving(tmp_path, "right") is None and find_server(tmp_path, instance="right") is None
        assert {path.name for path in tmp_path.iterdir()} == {SERVE_FILE, "serve-left.json"}
    assert not list(tmp_path.iterdir())


_SERVE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from app.fakes import MemoryService
sys.modules["app.wiring"] = SimpleNamespace(build=lambda settings: MemoryService(settings.data_dir))
from app.cli.main import main
main()
"""


def test_serve_as_a_process_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SERVE, "--data-dir", str(tmp_path), "serve", "--port", "0", "--json"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            where = json.loads(process.stdout.readline() or process.stderr.read())
            remote = find_server(tmp_path)
            assert remote is not None and where["pid"] == process.pid
            assert remote.checks()[0].state == "ok"
            remote.close()
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            assert process.wait(15) == 0, process.stderr.read()
            assert time.monotonic() - started < 10
        finally:
            process.kill()
    assert not (tmp_path / SERVE_FILE).exists()
