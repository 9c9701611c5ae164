"""Scripts for the stub: how a model may behave, well, badly and maliciously."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from eval.obedient import obey
from eval.stub.asked import labelled, prompt
from eval.stub.said import Cut, Script, Sent


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
    return lambda body: obey(prompt(body), labelled(body))


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


def probed(body: dict[str, Any]) -> Iterable[Sent]:
    """A probe's schema fixes every value: the only reply that fits it."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return [json.dumps({name: about["enum"][0] for name, about in schema.get("properties", {}).items()})]
