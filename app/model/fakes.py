"""A chat model in memory, with the behaviour of a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from app.model.endpoint import failure
from app.model.port import Capabilities, Course, Part, Piece, Usage
from retrieval.errors import ModelUnavailable

# what it was shown and the schema it was asked to fit → pieces of text; "" gives it a moment to see whether it is still wanted
Script = Callable[[Sequence[Part], dict[str, Any]], Iterable[str]]
ABLE = Capabilities(name="scripted", context=32768, images=8, schema=True, logprobs=True)
_LOGPROB = -0.0625


class ScriptedModel:
    """Says what its script says. `asked` holds what it was shown; `cut` counts replies that were broken off, `probed` probes.

    A script fails by raising ModelUnavailable. `able` may be an error to be raised instead.
    """

    def __init__(self, script: Script, able: Capabilities | ModelUnavailable = ABLE) -> None:
        self.script, self.able = script, able
        self.name = able.name if isinstance(able, Capabilities) else ABLE.name
        self.asked: list[tuple[Part, ...]] = []
        self.cut = self.probed = 0
        self.closed = False
        self._lock = threading.Lock()

    def capabilities(self) -> Capabilities:
        """As given. Raises ModelUnavailable where that was given."""
        if isinstance(self.able, ModelUnavailable):
            raise self.able
        return self.able

    def probe(self) -> Capabilities:
        """As `capabilities`; counted."""
        self.probed += 1
        return self.capabilities()

    def stream(self, parts: Sequence[Part], schema: dict[str, Any], course: Course) -> Iterator[Piece]:
        """The script's pieces, one token each. Raises ModelUnavailable when the script does, or the course is over."""
        able = self.capabilities()
        _look(course)
        self.asked.append(tuple(parts))
        logprobs, said, whole = (_LOGPROB,) if able.logprobs else (), 0, False
        try:
            for text in self.script(parts, schema):
                _look(course)
                if text:
                    said += 1
                    yield Piece(text, logprobs)
            whole = True
        finally:
            with self._lock:
                self.cut += not whole
        yield Piece("", usage=Usage(sum(_size(part) for part in parts), said))

    def close(self) -> None:
        self.closed = True


def saying(text: str, size: int = 4) -> Script:
    """This text, in pieces of so many characters."""
    return lambda parts, schema: [text[n : n + size] for n in range(0, len(text), size)]


def _look(course: Course) -> None:
    if course.left() <= 0:
        raise failure(ModelUnavailable(), course)


def _size(part: Part) -> int:
    return len(part) // 4 if isinstance(part, str) else 64
