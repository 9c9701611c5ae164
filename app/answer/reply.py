"""The model's reply: its schema, and its claims one by one while it is still being written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from app.model.port import Piece, Usage
from retrieval.errors import ModelUnavailable

_CLAIMS = re.compile(r'"claims"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_INSUFFICIENT = re.compile(r'"insufficient"\s*:\s*true')


class Worded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One claim as the model gives it."""

    text: str
    evidence: list[str]


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model answers with."""

    claims: list[Worded]
    insufficient: bool


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model's answer to a narrow question about one frame: yes, no or unclear."""

    answer: str


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a reply; its root is the object itself, as strict servers want it."""
    _, parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    root = parts.pop(kind.__name__)
    return {**root, "$defs": parts} if parts else root


class Reader:
    """Takes a reply piece by piece. What it read so far is in `text`, `logprobs` and `usage`."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = pieces
        self._decoder = json.JSONDecoder()
        self._at: int | None = None
        self.text = ""
        self.logprobs: list[float] = []
        self.usage: Usage | None = None

    def claims(self) -> Iterator[Worded]:
        """Each claim as soon as its last brace has come. Raises ModelUnavailable, also for what does not fit the schema."""
        for piece in self._pieces:
            self.text += piece.text
            self.logprobs += piece.logprobs
            self.usage = piece.usage or self.usage
            # nothing ends but with a brace
            if "}" in piece.text:
                yield from self._finished()
        yield from self._finished()
        self._check()

    @property
    def insufficient(self) -> bool:
        """Whether the model said that the evidence does not answer."""
        return bool(_INSUFFICIENT.search(self.text))

    def _finished(self) -> Iterator[Worded]:
        if self._at is None:
            begun = _CLAIMS.search(self.text)
            self._at = begun.end() if begun else None
        while self._at is not None:
            start = self._gap(self._at)
            if self.text[start : start + 1] != "{":
                return
            end = self._end(start)
            if end is None:
                return
            self._at = end
            yield _read(self.text[start:end], Worded)

    def _gap(self, at: int) -> int:
        found = _GAP.match(self.text, at)
        return found.end() if found else at

    def _end(self, start: int) -> int | None:
        """Where the object that begins at `start` ends; None while it has not come whole."""
        try:
            return self._decoder.raw_decode(self.text, start)[1]
        except json.JSONDecodeError:
            return None
        except RecursionError as error:
            raise _unfit() from error

    def _check(self) -> None:
        """The whole must fit too: alone, or inside other words."""
        found = re.search(r"\{.*\}", self.text, re.S)
        _read(found[0] if found else self.text, Reply)


def look_of(text: str) -> str:
    """yes, no or unclear. Raises ModelUnavailable for anything else."""
    found = re.search(r"\{.*\}", text, re.S)
    look: Look = _read(found[0] if found else text, Look)
    answer = look.answer.strip().lower()
    if answer not in ("yes", "no", "unclear"):
        raise _unfit()
    return answer


def _read(text: str, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _unfit() from error


def _unfit() -> ModelUnavailable:
    return ModelUnavailable("the model's answer does not fit the schema")
