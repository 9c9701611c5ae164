"""An OpenAI-compatible chat server on loopback that does what a script says: to test, to break and to time what talks to it."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

from eval.obedient import obey
from prompts import load

# text to send, the parts of a delta other than text (tool calls), or bytes put on the wire as they are
Sent = str | dict[str, Any] | bytes
Script = Callable[[dict[str, Any]], Iterable[Sent]]
NAME: Final = "Qwen/Qwen2.5-VL-7B-Instruct"
_LOGPROB = -0.0625
_IMAGE_TOKENS = 64
_SHOWN = re.compile(r"^(E\d+)\n<evidence>\n(.*?)\n</evidence>", re.S | re.M)


class Cut(Exception):
    """The connection is dropped where the reply stands."""


class Fail(Exception):
    """Raised before the first piece: the request is answered with this HTTP status and body."""

    def __init__(self, status: int, body: str | bytes = "", **headers: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = body.encode() if isinstance(body, str) else body


class Finish(Exception):
    """The reply ends here, for a reason other than "stop", e.g. "length"."""


class StubModel:
    """The server, from `with` to its end. `requests` and `headers` grow as they come in; `script` may be exchanged at any time.

    `rate` is in pieces a second, None = as fast as it goes: piece n leaves n / rate seconds after the request came, however long
    the others took. `cut` counts requests that the client broke off, `open` those under way. Probes (prompts/probe) are answered by
    the stub itself and kept in `probes`, so that scripts see questions only; with `probes=False` they are requests as any other.
    `schema=False` refuses a response_format, `lists=False` has no /models, `version=None` no /version.
    """

    def __init__(
        self,
        script: Script,
        rate: float | None = None,
        context: int = 32768,
        images: int = 8,
        schema: bool = True,
        *,
        name: str = NAME,
        port: int = 0,
        **more: Any,
    ) -> None:
        self.script, self.rate, self.context, self.images, self.schema = script, rate, context, images, schema
        self.name = name
        self.own_probes: bool = more.pop("probes", True)
        self.logprobs: bool = more.pop("logprobs", True)
        self.lists: bool = more.pop("lists", True)
        self.version: str | None = more.pop("version", "0.14.1")
        if more:
            raise TypeError(f"no such behaviour: {', '.join(more)}")
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.probes: list[dict[str, Any]] = []
        self.open = self.cut = self.sent_bytes = 0
        self.lock = threading.Lock()
        self.probe_text = load("probe", 1).text
        self.watch = _Watch(self)
        self._port = port

    def __enter__(self) -> StubModel:
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.watch.start()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="stub", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.watch.stop()
        self._server.hang_up()

    def count(self, by: int) -> None:
        with self.lock:
            self.open += by


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._taken: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._taken.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """A server that is gone has no connections left."""
        for connection in list(self._taken):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is counted, not printed."""


class _Watch:
    """Notices at once, and in one thread for all, when a client hangs up; whoever waits in `wait` wakes."""

    def __init__(self, stub: StubModel) -> None:
        self._stub, self._poll = stub, select.epoll()
        self._events: dict[int, threading.Event] = {}
        self._ends = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="stub-watch", daemon=True).start()

    def stop(self) -> None:
        """End it, and every request that is still under way."""
        self._ends = True
        with self._stub.lock:
            for gone in self._events.values():
                gone.set()

    def add(self, number: int) -> threading.Event:
        gone = threading.Event()
        with self._stub.lock:
            self._events[number] = gone
            self._poll.register(number, select.EPOLLRDHUP | select.EPOLLONESHOT)
        return gone

    def remove(self, number: int) -> None:
        with self._stub.lock:
            if self._events.pop(number, None):
                self._poll.unregister(number)

    def _run(self) -> None:
        while not self._ends:
            for number, _ in self._poll.poll(0.2):
                self.hung_up(number)
        self._poll.close()

    def hung_up(self, number: int) -> None:
        """Count it, once, if a reply on this connection is still under way."""
        with self._stub.lock:
            gone = self._events.get(number)
            if gone and not gone.is_set():
                gone.set()
                self._stub.cut += 1


def _handler(stub: StubModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            about = {"id": stub.name, "object": "model", "created": 1, "owned_by": "vllm"}
            if self.path == "/v1/models" and stub.lists:
                _send(self, 200, {"object": "list", "data": [about | {"max_model_len": stub.context}]})
            elif self.path == "/version" and stub.version:
                _send(self, 200, {"version": stub.version})
            else:
                _send(self, 404, _error("Not Found", 404))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            probe = stub.own_probes and prompt(body).startswith(stub.probe_text)
            if probe:
                stub.probes.append(body)
            else:
                stub.requests.append(body)
                stub.headers.append({name.lower(): value for name, value in self.headers.items()})
            stub.count(+1)
            gone = stub.watch.add(self.connection.fileno())
            try:
                _Reply(stub, self, body, gone).give(_probed if probe else stub.script)
            except Cut:
                self.close_connection = True
            except OSError:
                stub.watch.hung_up(self.connection.fileno())
                self.close_connection = True
            finally:
                stub.watch.remove(self.connection.fileno())
                stub.count(-1)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    return Handler


class _Reply:
    """One reply as it is sent."""

    def __init__(
        self, stub: StubModel, handler: BaseHTTPRequestHandler, body: dict[str, Any], gone: threading.Event
    ) -> None:
        self.stub, self.handler, self.body, self.gone = stub, handler, body, gone
        self.begun = time.monotonic()
        self.prompt_tokens = len(prompt(body)) // 4 + _IMAGE_TOKENS * images(body)
        self.pieces = 0

    def give(self, script: Script) -> None:
        refused = self._refused()
        if refused:
            return self._answer(*refused)
        finish, started = "stop", False
        whole: list[Sent] = []
        try:
            for piece in self._paced(script(self.body)):
                if self.body.get("stream"):
                    started = started or self._start()
                    self._write(piece if isinstance(piece, bytes) else self._event(self._choice(piece)))
                else:
                    whole.append(piece)
                    if len(whole) >= (most_tokens(self.body) or 10**5):
                        raise Finish("length")
        except Finish as end:
            finish = str(end)
        except Fail as fail:
            return self._answer(fail.status, fail.body, **fail.headers)
        if self.body.get("stream"):
            self._end(finish, started)
        else:
            self._answer(200, self._whole(whole, finish))

    def _answer(self, status: int, body: dict[str, Any] | bytes, **headers: str) -> None:
        # a client may hang up once it has the whole reply: that breaks nothing off
        self.stub.watch.remove(self.handler.connection.fileno())
        _send(self.handler, status, body, **headers)

    def _refused(self) -> tuple[int, dict[str, Any]] | None:
        stub, body = self.stub, self.body
        if self.handler.path != "/v1/chat/completions":
            return 404, _error("Not Found", 404)
        if body.get("model") != stub.name:
            return 404, _error(f"The model `{body.get('model')}` does not exist.", 404)
        if images(body) > stub.images:
            return 400, _error(f"At most {stub.images} image(s) may be provided in one prompt.", 400)
        if self.prompt_tokens + most_tokens(body) > stub.context:
            return 400, _error(f"This model's maximum context length is {stub.context} tokens.", 400)
        if "response_format" in body and not stub.schema:
            return 400, _error("response_format is not supported", 400)
        if body.get("logprobs") and not stub.logprobs:
            return 400, _error("logprobs are not supported", 400)
        return None

    def _paced(self, pieces: Iterable[Sent]) -> Iterator[Sent]:
        """The pieces, each when its time has come; Cut once the client is gone. An empty piece only looks whether it is."""
        for piece in pieces:
            if self.stub.rate and piece:
                self.gone.wait(max(0.0, self.begun + self.pieces / self.stub.rate - time.monotonic()))
            if self.gone.is_set():
                raise Cut
            if piece:
                yield piece
                self.pieces += 1

    def _start(self) -> bool:
        self.handler.send_response(200)
        self.handler.send_header("content-type", "text/event-stream; charset=utf-8")
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()
        return True

    def _choice(self, piece: str | dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        delta = {"content": piece} if isinstance(piece, str) else piece
        if not self.pieces:
            delta = {"role": "assistant", **delta}
        logprobs = _logprobs([piece]) if self.body.get("logprobs") and finish is None else None
        return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}

    def _event(self, choice: dict[str, Any] | None, usage: dict[str, int] | None = None) -> bytes:
        made = self._head("chat.completion.chunk") | {"choices": [choice] if choice else []}
        if usage:
            made["usage"] = usage
        return b"data: " + json.dumps(made, ensure_ascii=False).encode() + b"\n\n"

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-stub", "object": kind, "created": 1, "model": self.stub.name}

    def _write(self, data: bytes) -> None:
        self.handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.stub.sent_bytes += len(data)

    def _end(self, finish: str, started: bool) -> None:
        if not started:
            self._start()
        self.stub.watch.remove(self.handler.connection.fileno())
        last = self._event(self._choice({}, finish))
        if self.body.get("stream_options", {}).get("include_usage"):
            last += self._event(None, self._usage())
        self._write(last + b"data: [DONE]\n\n")
        self.handler.wfile.write(b"0\r\n\r\n")

    def _usage(self) -> dict[str, int]:
        total = self.prompt_tokens + self.pieces
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.pieces, "total_tokens": total}

    def _whole(self, pieces: list[Sent], finish: str) -> dict[str, Any] | bytes:
        raw = [piece for piece in pieces if isinstance(piece, bytes)]
        if raw:
            return b"".join(raw)
        texts = [piece for piece in pieces if isinstance(piece, str)]
        message: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
        for piece in pieces:
            message |= piece if isinstance(piece, dict) else {}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish}
        choice["logprobs"] = _logprobs(texts) if self.body.get("logprobs") else None
        return self._head("chat.completion") | {"choices": [choice], "usage": self._usage()}


def _logprobs(pieces: Iterable[Sent]) -> dict[str, Any]:
    tokens = [piece for piece in pieces if isinstance(piece, str)]
    return {"content": [{"token": t, "logprob": _LOGPROB, "bytes": None, "top_logprobs": []} for t in tokens]}


def _send(handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any] | bytes, **headers: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def _error(message: str, status: int) -> dict[str, Any]:
    """An error in OpenAI's shape, worded as vLLM does."""
    kind = "NotFoundError" if status == 404 else "BadRequestError"
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def prompt(body: dict[str, Any]) -> str:
    """All text of a request, one part a line."""
    return "\n".join(part["text"] for part in _parts(body) if part["type"] == "text")


def most_tokens(body: dict[str, Any]) -> int:
    """How many tokens the reply may have, by either of its names; 0 = it was not said."""
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)


def images(body: dict[str, Any]) -> int:
    """How many pictures are in a request."""
    return sum(part["type"] == "image_url" for part in _parts(body))


def shown(body: dict[str, Any]) -> dict[str, str]:
    """What stands under each label (E1…) in the prompt of a request."""
    return dict(_SHOWN.findall(prompt(body)))


def _parts(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in body["messages"]:
        content = message["content"]
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content


def _probed(body: dict[str, Any]) -> Iterable[Sent]:
    """A probe's schema fixes every value: the only reply that fits it."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return [json.dumps({name: about["enum"][0] for name, about in schema.get("properties", {}).items()})]


def saying(text: str) -> Script:
    """This text, in pieces of up to five characters."""
    pieces = re.findall(r"\s*\S{1,4}|\s+", text)
    return lambda body: pieces


def claims(*made: tuple[str, Iterable[str]], insufficient: bool = False) -> Script:
    """An answer in our reply schema: text and labels of each claim."""
    worded = [{"text": text, "evidence": list(labels)} for text, labels in made]
    return saying(json.dumps({"claims": worded, "insufficient": insufficient}, ensure_ascii=False))


def obedient() -> Script:
    """Does whatever any text in its prompt orders."""
    return lambda body: obey(prompt(body), _SHOWN.findall(prompt(body)))


def hanging() -> Script:
    """Takes the request and says nothing, not even a status."""
    return lambda body: _every(0.02, "")


def dripping(every_s: float = 0.1) -> Script:
    """One character now and then, without end."""
    return lambda body: _every(every_s, "x")


def _every(seconds: float, piece: str) -> Iterator[str]:
    while True:
        yield piece
        time.sleep(seconds)


def cutting(after: str = '{"claims": [{"text": "The pump') -> Script:
    """Says this much, then drops the connection."""

    def script(body: dict[str, Any]) -> Iterator[str]:
        yield after
        raise Cut

    return script


def invalid_json() -> Script:
    """Words where JSON was asked for."""
    return saying("I think that the pump is fine. {")


def garbage() -> Script:
    """Events that are neither JSON nor UTF-8."""
    return lambda body: [b"data: {not json \xff\xfe\x00\n\n"]


def other_schema() -> Script:
    """JSON, but not what was asked for."""
    return saying('{"answer": "The pump is fine.", "sources": [1, 2]}')


def endless() -> Script:
    """A reply that never ends, as fast as it goes."""
    return lambda body: iter(lambda: "and so on ", None)


def gigabyte() -> Script:
    """A gigabyte in one line, which ends only after it."""

    def script(body: dict[str, Any]) -> Iterator[bytes]:
        yield b'data: {"choices": [{"index": 0, "delta": {"content": "'
        for _ in range(1024):
            yield b"x" * 2**20
        yield b'"}}]}\n\n'

    return script
