"""The Service over HTTP: what the command line uses while a server runs on the same data directory."""

from __future__ import annotations

import json
import mimetypes
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from app.cli.remote_governance import RemoteGovernance
from app.cli.remote_jobs import RemoteJobs
from app.http.pictures import as_data_uri
from app.http.requests import Hits
from app.http.serve import Serving, read_serving
from app.jobs.job import Job
from app.ports import (
    Advance,
    Ask,
    Check,
    Conversation,
    Event,
    Found,
    IngestSummary,
    Media,
    Notified,
    Samples,
    SourceReport,
)
from app.unwire import answer_in, claim_in, conversation_in, evidence_in, hit_in, samples_in
from app.wire import WireAnswer, WireClaim, WireConversation, WireEvidence, WireSamples, as_json
from app.wire_moments import WireMoment, moment_in
from retrieval import errors
from retrieval.errors import (
    ConversationNotFound,
    EvidenceNotFound,
    InputError,
    OverBudget,
    StoreBusy,
    UpstreamError,
    WatchfloorError,
)
from retrieval.moment import Moment
from retrieval.ports import Explained
from retrieval.times import iso
from retrieval.types import Answer, Evidence, Hit, Principal, Query

T = TypeVar("T")
_START_S = 60.0
_TIMEOUT = httpx.Timeout(None, connect=5.0)


def find_server(data_dir: Path, patience_s: float = _START_S, instance: str = "local") -> RemoteService | None:
    """The server of this data directory and instance, or None when none runs.

    One that is still starting is waited for. Raises StoreBusy when its process lives but does not answer.
    """
    serving = read_serving(data_dir, instance)
    deadline = time.monotonic() + patience_s
    while serving is not None:
        if answers(serving):
            return RemoteService(serving)
        if time.monotonic() > deadline:
            raise StoreBusy(
                f"process {serving.pid} serves {data_dir} but does not answer at {serving.url}; stop it first"
            )
        time.sleep(0.2)
        serving = read_serving(data_dir, instance)
    return None


def answers(serving: Serving) -> bool:
    """Whether the server that wrote serve.json is the one that answers there."""
    try:
        with httpx.Client(trust_env=False) as client:
            reply = client.get(f"{serving.url}/v1/health/live", timeout=2.0).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(reply, dict) and reply.get("instance") == serving.instance


class _Behind(msgspec.Struct):
    state: str
    detail: str


class _Model(msgspec.Struct):
    """What of a model in the server's list tells what answers."""

    watchfloor: _Behind


class RemoteService:
    """The Service port, spoken to a running server. The server decides who asks; `principal` only names the tenant."""

    def __init__(self, serving: Serving) -> None:
        self._client = httpx.Client(base_url=serving.url, timeout=_TIMEOUT, trust_env=False)
        self._token = serving.token
        self._scratch = tempfile.TemporaryDirectory(prefix="watchfloor-")

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Answer through the server. A `stop` that is set ends the reply between two events; the server then stops too.

        Raises InputError for earlier turns, which the route does not take: the server remembers a conversation itself.
        """
        body = _body(ask)
        if listen is None:
            return answer_in(self._call("POST", "/v1/ask", WireAnswer, json=body))
        answer: Answer | None = None
        for event in map(_step_in, self._events("/v1/ask", body)):
            if stop is not None and stop.is_set():
                raise UpstreamError("the question was withdrawn")
            listen(event)
            if event.name == "answer":
                answer = event.data
        if answer is None:
            raise UpstreamError("the server ended its reply before the answer; ask again")
        return answer

    def conversations(self, principal: Principal, limit: int = 50) -> list[Conversation]:
        reply = self._call("GET", f"/v1/conversations?limit={limit}", dict[str, list[WireConversation]])
        return [conversation_in(talk) for talk in reply["conversations"]]

    def conversation(self, conversation_id: str, principal: Principal) -> Conversation:
        return conversation_in(self._call("GET", _talk_path(conversation_id), WireConversation))

    def forget_conversation(self, conversation_id: str, principal: Principal) -> None:
        self._send("DELETE", _talk_path(conversation_id))

    def search(self, query: Query, principal: Principal) -> list[Hit]:
        return self.find(query, principal).hits

    def find(self, query: Query, principal: Principal) -> Found:
        found = self._call("POST", "/v1/search", Hits, json=_search_body(query))
        return Found([hit_in(hit, principal.tenant) for hit in found.hits], tuple(found.degraded))

    def explain(self, query: Query, principal: Principal) -> list[Explained]:
        found = self._call("POST", "/v1/search", Hits, json=_search_body(query) | {"explain": True})
        return [Explained(**as_json(each)) for each in found.explain or []]

    def evidence(self, evidence_id: str, principal: Principal) -> Evidence:
        return evidence_in(self._call("GET", _path(evidence_id), WireEvidence))

    def moment(self, evidence_id: str, principal: Principal, label: str | None = None) -> Moment:
        wire = self._call("GET", f"{_path(evidence_id)}/moment{_labelled(label)}", WireMoment)
        return moment_in(wire, principal.tenant)

    def clip(self, evidence_id: str, principal: Principal, label: str | None = None) -> Media:
        return self._file(f"{_path(evidence_id)}/clip{_labelled(label)}")

    def media(self, evidence_id: str, principal: Principal) -> Media:
        return self._file(f"{_path(evidence_id)}/media")

    def _file(self, place: str) -> Media:
        response = self._send("GET", place)
        kind = response.headers["content-type"].split(";")[0]
        name = response.headers["etag"].strip('"') + (mimetypes.guess_extension(kind) or "")
        path = Path(self._scratch.name) / name
        path.write_bytes(response.content)
        return Media(path, kind, response.headers.get("watchfloor-note", ""))

    def samples(self, evidence_id: str, principal: Principal) -> Samples:
        return samples_in(self._call("GET", f"{_path(evidence_id)}/samples", WireSamples))

    def ingest(
        self, paths: Sequence[Path], principal: Principal, progress: Callable[[Advance], None] | None = None
    ) -> IngestSummary:
        summary: IngestSummary | None = None
        for event in self._events("/v1/ingest/local", {"paths": [str(path.resolve()) for path in paths]}):
            if event.name == "summary":
                summary = msgspec.convert(event.data, IngestSummary)
            elif progress:
                report = event.data.pop("report")
                progress(Advance(**event.data, report=report and msgspec.convert(report, SourceReport)))
        if summary is None:
            raise UpstreamError("the server ended its reply before the summary; run the ingest again")
        return summary

    @property
    def jobs(self) -> RemoteJobs:
        return RemoteJobs(self._call)

    @property
    def governance(self) -> RemoteGovernance:
        return RemoteGovernance(self._call)

    def work(self, stop: threading.Event, ended: Callable[[Job], None] | None = None, *, lasting: bool = True) -> None:
        _held()

    def feedback(self, answer_id: str, accepted: bool, principal: Principal, note: str = "") -> None:
        body = {"answer": answer_id, "accepted": accepted, "note": note}
        self._call("POST", "/v1/feedback", dict[str, Any], json=body)

    def stats(self, principal: Principal) -> dict[str, Any]:
        return self._call("GET", "/v1/stats", dict[str, Any])

    def look(self) -> None:
        """The server looks by itself."""

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]:
        return self._call("GET", f"/v1/quality?since={since_s}", dict[str, Any])

    def forget_source(self, name: str, principal: Principal) -> None:
        self._call("POST", "/v1/quality/forget", dict[str, Any], json={"source": name})

    def checks(self) -> list[Check]:
        response = self._client.get("/v1/health")
        return msgspec.convert(response.json()["checks"], list[Check])

    def model_check(self) -> Check:
        behind = self._call("GET", "/v1/models/watchfloor", _Model).watchfloor
        return Check("model", behind.state, behind.detail)

    def notified(self, body: bytes, principal: Principal) -> Notified:
        try:
            told = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            raise InputError(f"the notification is not valid json: {problem}") from problem
        return self._call("POST", "/v1/notifications/s3", Notified, json=told)

    def release(self, principal: Principal, paths: Sequence[Path]) -> int:
        _held()

    def reindex(self) -> dict[str, int]:
        _held()

    def reconcile(self) -> dict[str, dict[str, int]]:
        _held()

    def snapshot(self) -> dict[str, int]:
        _held()

    def keep(self, stop: threading.Event) -> None:
        _held()

    def close(self) -> None:
        self._client.close()
        self._scratch.cleanup()

    # --- speaking

    def _call(self, method: str, path: str, kind: type[T], json: Any = None, *, signed: bool = False) -> T:
        return msgspec.json.decode(self._send(method, path, json, signed=signed).content, type=kind)

    def _send(self, method: str, path: str, body: Any = None, *, signed: bool = False) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._token}"} if signed else None
        with _told():
            given = None if body is None else as_json(body)
            response = self._client.request(method, path, json=given, headers=headers)
        if response.is_error:
            raise_reply(response)
        return response

    def _events(self, path: str, body: dict[str, Any]) -> Iterator[Event]:
        headers = {"accept": "text/event-stream", "authorization": f"Bearer {self._token}"}
        with _told(), self._client.stream("POST", path, json=body, headers=headers) as response:
            if response.is_error:
                response.read()
                raise_reply(response)
            for event in read_events(response.iter_lines()):
                if event.name == "error":
                    raise error_in(event.data)
                yield event


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """Lines of a text/event-stream → events with their JSON."""
    name, data = "message", ""
    for line in lines:
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data += line[6:]
        elif not line and data:
            yield Event(name, json.loads(data))
            name, data = "message", ""


def _step_in(event: Event) -> Event:
    """A step as the server sends it → as every Service tells it."""
    if event.name in ("claim", "sighting"):
        return Event(event.name, claim_in(msgspec.convert(event.data, WireClaim)))
    return Event("answer", answer_in(msgspec.convert(event.data, WireAnswer))) if event.name == "answer" else event


def raise_reply(response: httpx.Response) -> NoReturn:
    """Raise the failure that a reply carries; of a budget that is spent, with when to ask again."""
    try:
        body = json.loads(response.content)
    except ValueError:
        raise UpstreamError("the server sent a failure that is not JSON; look at its log") from None
    error = error_in(body)
    after = response.headers.get("retry-after", "")
    if isinstance(error, OverBudget) and after.isdecimal():
        error.retry_after_s = float(after)
    raise error


def error_in(body: Any) -> WatchfloorError:
    """{"error": {"code", "message"}} → the same failure as a local one."""
    fields = body.get("error", {}) if isinstance(body, dict) else {}
    code, message = str(fields.get("code", "internal")), str(fields.get("message", "the server failed"))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WatchfloorError)]
    found = next((kind for kind in kinds if kind.code == code), None)
    if found is None:
        found = InputError if code in {"too_large", "forbidden", "not_found"} else UpstreamError
    return found(message)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise UpstreamError(f"the server did not answer ({type(error).__name__}); is it still running?") from error


def _body(ask: Ask) -> dict[str, Any]:
    """A question as the native route takes it. Raises InputError for what has no place there."""
    if ask.before:
        raise InputError(
            "a running server takes no earlier turns with a question; name the conversation they belong to"
        )
    body: dict[str, Any] = {"question": ask.question, "asked_at": iso(ask.asked_at), "deadline_s": ask.deadline_s}
    body |= {"as_of": None if ask.as_of is None else iso(ask.as_of), "conversation": ask.conversation}
    body |= {"about": ask.about, "pictures": [as_data_uri(data) for data in ask.pictures]}
    return body


def _talk_path(conversation_id: str) -> str:
    if re.fullmatch(r"[\w-]{1,200}", conversation_id, re.ASCII) is None:
        raise ConversationNotFound(f"no conversation {conversation_id[:60]!r} is yours")
    return f"/v1/conversations/{conversation_id}"


def _labelled(label: str | None) -> str:
    return "" if label is None else f"?label={quote(label)}"


def _search_body(query: Query) -> dict[str, Any]:
    """The query as the route takes it. Raises InputError for what the route cannot take."""
    filter_ = query.filter
    if filter_.sources or query.channels or query.pictures:
        raise InputError(
            "a running server takes no filter by source or channel and no picture to search by; stop it first"
        )
    body: dict[str, Any] = {
        "text": query.text,
        "k": query.k,
        "kinds": filter_.kinds,
        "entities": filter_.entities,
    }
    if filter_.window is not None:
        body |= {"start": iso(filter_.window.t0), "end": iso(filter_.window.t1)}
    if filter_.as_of is not None:
        body["as_of"] = iso(filter_.as_of)
    return body


def _path(evidence_id: str) -> str:
    if re.fullmatch(r"[\w-]{1,200}", evidence_id, re.ASCII) is None:
        raise EvidenceNotFound(f"no evidence {evidence_id[:60]!r} is visible to you")

    return f"/v1/evidence/{evidence_id}"


def _held() -> NoReturn:
    raise StoreBusy("the running server holds the indexes; stop it, then try again")
