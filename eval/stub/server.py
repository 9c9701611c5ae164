"""The stub's server, and the watch over those who hang up."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

from eval.stub.asked import prompt
from eval.stub.reply import Reply, error, send
from eval.stub.said import Cut, Script
from eval.stub.scripts import probed
from prompts import load

NAME: Final = "Qwen/Qwen2.5-VL-7B-Instruct"


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
                send(self, 200, {"object": "list", "data": [about | {"max_model_len": stub.context}]})
            elif self.path == "/version" and stub.version:
                send(self, 200, {"version": stub.version})
            else:
                send(self, 404, error("Not Found", 404))

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
                Reply(stub, self, body, gone).give(probed if probe else stub.script)
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
