"""The chat model behind any OpenAI-compatible endpoint (vLLM is the one we mean). LangChain's types stop at this file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from retrieval.errors import ModelUnavailable


class Picture(NamedTuple):
    """An image for the model: encoded bytes and their media type. It is always sent as bytes, never as an address."""

    data: bytes
    media_type: str


class ChatModel(Protocol):
    """One prompt with pictures in, text out."""

    name: str

    def complete(self, prompt: str, pictures: Sequence[Picture], schema: dict[str, Any]) -> str:
        """The model's text, asked to fit the JSON schema. Raises ModelUnavailable with a reason fit for a user."""


class OpenAIChat:
    """A chat model through langchain-openai."""

    def __init__(self, base_url: str, name: str, api_key: str | None, timeout_s: float, max_tokens: int = 1024) -> None:
        self.name = name
        self._made: Any = None
        self._given = {
            "base_url": base_url,
            "model": name,
            "api_key": api_key or "none",
            "timeout": timeout_s,
            "max_retries": 0,
            "temperature": 0.0,
            "max_tokens": max_tokens,
        }

    def _client(self) -> Any:
        # langchain-openai takes a second to import: only those who use a model pay for it
        if self._made is None:
            from langchain_openai import ChatOpenAI

            self._made = ChatOpenAI(**self._given)
        return self._made

    def complete(self, prompt: str, pictures: Sequence[Picture], schema: dict[str, Any]) -> str:
        """The model's text. The endpoint's own error text is not passed on: it may hold addresses or keys."""
        from langchain_core.messages import HumanMessage
        from openai import OpenAIError

        content: list[str | dict[str, Any]] = [{"type": "text", "text": prompt}]
        content += [{"type": "image_url", "image_url": {"url": data_uri(p)}} for p in pictures]
        response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        try:
            reply = self._client().invoke([HumanMessage(content=content)], response_format=response_format)
        except OpenAIError as error:
            raise ModelUnavailable(f"the model at the configured endpoint failed ({type(error).__name__})") from error
        if not isinstance(reply.content, str):
            raise ModelUnavailable("the model answered with something that is not text")
        return reply.content


def data_uri(picture: Picture) -> str:
    """A picture as a data: URI."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
