"""HTTP to one trusted address whose replies are not trusted: they are cut when too long, too late, packed, or no longer wanted.

All of a request's reading and writing happens on the thread that asks, in short waits, so that nothing it does outlives its course.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from app.model.port import Course
from retrieval.errors import ModelUnavailable

# how long one wait lasts before the course is looked at again, in seconds
_WAIT_S = 0.05
_SENT_AT_ONCE = 2**16
# servers drop idle connections after 5 s (uvicorn); one that is about to be dropped is not used
_IDLE_S = 2.0
_LAST = b"data: [DONE]"
# what openai tells of the machine, and of an organisation in the environment
_UNTOLD = (b"openai-", b"x-stainless-")
# the endpoint is there, but this request is not to its liking
_REFUSALS = (400, 413, 422)


class ReplyTooLong(httpx.TransportError):
    """The reply has more bytes than anything sensible would."""


class ModelRefused(ModelUnavailable):
    """The endpoint works, but could not answer this request as it stands; another one may go well."""


class Line:
    """One request's hold on the network: its course, and the connection it uses."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self._used: httpcore.NetworkStream | None = None

    def wait_s(self) -> float:
        """How long to wait now. Raises httpx.ReadTimeout when the course is over."""
        left = self.course.left()
        if left <= 0:
            raise httpx.ReadTimeout("the course is over")
        return min(left, _WAIT_S)

    def uses(self, stream: httpcore.NetworkStream) -> None:
        self._used = stream

    def hang_up(self) -> None:
        """Close the connection, so that the endpoint stops working for nobody."""
        if self._used is not None:
            self._used.close()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """What is sent and read inside, in this context, is part of this request."""
        before = _LINE.set(self)
        try:
            yield
        finally:
            _LINE.reset(before)


_LINE: ContextVar[Line] = ContextVar("line")


class _Stream(httpcore.NetworkStream):
    """A connection that is read and written in short waits, while the course of the request on it lasts."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        line = _LINE.get()
        line.uses(self)
        while True:
            with contextlib.suppress(httpcore.ReadTimeout):
                return self._inner.read(max_bytes, line.wait_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        line = _LINE.get()
        line.uses(self)
        at: socket.socket = self._inner.get_extra_info("socket")
        rest = memoryview(buffer)
        while rest:
            at.settimeout(line.wait_s())
            try:
                rest = rest[at.send(rest[:_SENT_AT_ONCE]) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        line = _LINE.get()
        line.wait_s()
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, line.course.left()))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        """Connect in a thread of its own: looking up a name cannot be interrupted."""
        line = _LINE.get()
        left = line.course.left()
        made: Future[httpcore.NetworkStream] = Future()

        def connect() -> None:
            try:
                made.set_result(httpcore.SyncBackend().connect_tcp(host, port, left, local_address, socket_options))
            except BaseException as error:  # noqa: BLE001 - the edge of a thread: it is raised again where the result is awaited
                made.set_exception(error)

        threading.Thread(target=connect, name="model-connect", daemon=True).start()
        try:
            return _Stream(_awaited(made, line))
        except httpx.ReadTimeout:
            made.add_done_callback(_unwanted)
            raise


def _awaited(made: Future[httpcore.NetworkStream], line: Line) -> httpcore.NetworkStream:
    while True:
        with contextlib.suppress(TimeoutError):
            return made.result(line.wait_s())


def _unwanted(made: Future[httpcore.NetworkStream]) -> None:
    if made.exception() is None:
        made.result().close()


class _Body(httpx.SyncByteStream):
    """A body that ends with an error once it has more than `most` bytes."""

    def __init__(self, reply: httpcore.Response, most: int) -> None:
        self._reply, self._most = reply, most

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        with _translated():
            chunks = iter(self._reply.iter_stream())
            for chunk in chunks:
                taken += len(chunk)
                if taken > self._most:
                    raise ReplyTooLong(f"more than {self._most} bytes")
                if chunk.rstrip().endswith(_LAST):
                    _end(chunks)
                yield chunk

    def close(self) -> None:
        self._reply.close()


def _end(chunks: Iterator[bytes]) -> None:
    """Readers of events stop at the last one: what ends the body is taken off the connection, so that it can be used again."""
    with contextlib.suppress(httpx.ReadTimeout), Line(_LINE.get().course.within(_WAIT_S)).open():
        next(chunks, None)


class Bounded(httpx.BaseTransport):
    """A transport that never hands on more than `most` bytes of a body, and nothing once the course of the open Line is over."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            keepalive_expiry=_IDLE_S,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with _translated():
            assert isinstance(request.stream, httpx.SyncByteStream)
            kept = [(name, value) for name, value in request.headers.raw if not name.lower().startswith(_UNTOLD)]
            sent = httpcore.Request(request.method, target, headers=kept, content=request.stream)
            reply = self._pool.handle_request(sent)
        headers = httpx.Headers(reply.headers)
        # a few packed bytes may unpack to gigabytes; we asked for none
        if headers.get("content-encoding", "identity") != "identity":
            reply.close()
            raise ReplyTooLong("packed")
        return httpx.Response(reply.status, headers=headers, stream=_Body(reply, self._most))

    def close(self) -> None:
        self._pool.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """httpcore's errors as httpx's."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except httpcore.ConnectError as error:
        raise httpx.ConnectError(str(error)) from error
    except httpcore.UnsupportedProtocol as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise httpx.ReadError(str(error)) from error


def bounded_client(most_bytes: int) -> httpx.Client:
    """A client that follows no redirects (they would carry evidence elsewhere) and reads no proxies from the environment.

    It works inside `Line.open` only, whose course is its one time limit.
    """
    return httpx.Client(
        transport=Bounded(most_bytes),
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity"},
    )


def failure(error: BaseException, course: Course) -> ModelUnavailable:
    """What an httpx error, or one raised from it, means to a user, in our words."""
    if course.stop.is_set():
        return ModelUnavailable("the question was withdrawn")
    found = [cause for cause in _causes(error) if isinstance(cause, httpx.HTTPError | httpx.InvalidURL)]
    if any(isinstance(cause, ReplyTooLong) for cause in found):
        return ModelUnavailable("the model's reply is longer than any answer (more than 1 MiB, or packed)")
    if course.left() <= 0 or any(isinstance(cause, httpx.TimeoutException) for cause in found):
        return ModelUnavailable("the model did not answer in time")
    if any(isinstance(cause, httpx.ReadError) for cause in found):
        return ModelUnavailable("the model's endpoint broke off its reply")
    if found:
        return ModelUnavailable("the model's endpoint cannot be reached")
    return ModelUnavailable(f"the model's endpoint sent what is no chat completion ({type(error).__name__})")


def refusal(status: int) -> ModelUnavailable:
    """What an HTTP status that is no success means. The endpoint's own words are not passed on: they may hold addresses or keys."""
    kind = ModelRefused if status in _REFUSALS else ModelUnavailable
    return kind(f"the model's endpoint answered with HTTP status {status}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
