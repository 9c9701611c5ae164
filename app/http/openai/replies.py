"""Chat completions and their chunks, as OpenAI describes them."""

from __future__ import annotations

import uuid
from typing import Any

from app.http.openai.prose import Prose
from app.http.openai.wanted import MODEL
from app.wire import answer_json
from retrieval.types import Answer, Micros


class Completion:
    """One reply, whole or in chunks. `own_url` is where evidence is opened, and ends in "/"."""

    def __init__(self, own_url: str, now: Micros) -> None:
        self._own_url = own_url
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": now // 1_000_000, "model": MODEL}
        self.prose = Prose()

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The reply in one piece."""
        self.prose.close(answer)
        message = {
            "role": "assistant",
            "content": self.prose.text,
            "refusal": None,
            "annotations": self.prose.annotations(self._own_url),
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        reply = {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage_json(answer)}
        return {**reply, "watchfloor": answer_json(answer)}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """A piece of the reply."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}

    def last(self, answer: Answer) -> dict[str, Any]:
        """The chunk that ends the message: its annotations, and the whole answer."""
        final = self.chunk({"annotations": self.prose.annotations(self._own_url)}, "stop")
        return {**final, "watchfloor": answer_json(answer)}

    def usage(self, answer: Answer) -> dict[str, Any]:
        """The chunk behind the last, for those who asked for it."""
        return {**self.chunk({}), "choices": [], "usage": usage_json(answer)}


def usage_json(answer: Answer) -> dict[str, int]:
    """Tokens of the model that took part, as its server counts them; 0 where none did, since then nothing is made of tokens."""
    prompt, completion = answer.usage or (0, 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
