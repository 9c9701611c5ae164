"""An HTTP client for one trusted address whose replies are not trusted: they are cut when too long, too late or packed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx


class ReplyTooLong(httpx.TransportError):
    """The reply has more bytes than anything sensible would."""


class _Metered(httpx.SyncByteStream):
    """A body that ends with an error once it has `most` bytes, or at `until` (monotonic seconds)."""

    def __init__(self, body: httpx.SyncByteStream, most: int, until: float) -> None:
        self._body, self._most, self._until = body, most, until

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for chunk in self._body:
            taken += len(chunk)
            if taken > self._most:
                raise ReplyTooLong(f"more than {self._most} bytes")
            if time.monotonic() > self._until:
                raise httpx.ReadTimeout("the reply trickles in")
            yield chunk

    def close(self) -> None:
        self._body.close()


class Metered(httpx.BaseTransport):
    """A transport that never hands on more than `most` bytes of a body, nor any after `within_s` seconds."""

    def __init__(self, inner: httpx.BaseTransport, most: int, within_s: float) -> None:
        self._inner, self._most, self._within_s = inner, most, within_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        until = time.monotonic() + self._within_s
        reply = self._inner.handle_request(request)
        # a few packed bytes may unpack to gigabytes; we asked for none
        if reply.headers.get("content-encoding", "identity") != "identity":
            reply.close()
            raise ReplyTooLong("packed")
        assert isinstance(reply.stream, httpx.SyncByteStream)
        body = _Metered(reply.stream, self._most, until)
        return httpx.Response(reply.status_code, headers=reply.headers, stream=body, extensions=reply.extensions)

    def close(self) -> None:
        self._inner.close()


def bounded_client(timeout_s: float, most_bytes: int) -> httpx.Client:
    """A client that follows no redirects (they would carry evidence elsewhere) and reads no proxies from the environment."""
    transport = Metered(httpx.HTTPTransport(trust_env=False), most_bytes, timeout_s)
    return httpx.Client(
        transport=transport,
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity"},
    )
