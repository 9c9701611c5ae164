"""One reply of the stub as it is sent, piece by piece or whole."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from eval.stub.asked import images, most_tokens, prompt
from eval.stub.said import Cut, Fail, Finish, Script, Sent

if TYPE_CHECKING:
    from eval.stub.server import StubModel

_LOGPROB = -0.0625
_IMAGE_TOKENS = 64


class Reply:
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
        send(self.handler, status, body, **headers)

    def _refused(self) -> tuple[int, dict[str, Any]] | None:
        stub, body = self.stub, self.body
        if self.handler.path != "/v1/chat/completions":
            return 404, error("Not Found", 404)
        if body.get("model") != stub.name:
            return 404, error(f"The model `{body.get('model')}` does not exist.", 404)
        if images(body) > stub.images:
            return 400, error(f"At most {stub.images} image(s) may be provided in one prompt.", 400)
        if self.prompt_tokens + most_tokens(body) > stub.context:
            return 400, error(f"This model's maximum context length is {stub.context} tokens.", 400)
        if "response_format" in body and not stub.schema:
            return 400, error("response_format is not supported", 400)
        if body.get("logprobs") and not stub.logprobs:
            return 400, error("logprobs are not supported", 400)
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


def send(handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any] | bytes, **headers: str) -> None:
    """A whole reply: JSON, or bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def error(message: str, status: int) -> dict[str, Any]:
    """An error in OpenAI's shape, worded as vLLM does."""
    kind = "NotFoundError" if status == 404 else "BadRequestError"
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}
