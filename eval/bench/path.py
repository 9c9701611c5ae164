"""Everything but the models: from a question's first byte sent to a server on loopback, to its prompt read by the model's stub.

The client's clock starts before it writes the request and the stub's stops after it has read the whole prompt, so that both sides of
HTTP, the budget, retrieval, the context with its pictures, and the request through langchain-openai are in it; the encoders are
stand-ins that cost next to nothing. A question whose answer is ours to give (nothing observed, nothing recorded, two sources at odds)
asks no model: it is timed until its answer has come, which is longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from eval.bench.plant import ASKED_AT
from eval.bench.questions import Asked
from eval.bench.talking import Client, now
from eval.stub import Sent
from retrieval.times import iso

Progress = Callable[[int, int, str], None]
_SAID = '{"claims": [], "insufficient": true}'


class Timed(NamedTuple):
    """One question: how long until the model was asked (or, unasked, until the answer), in milliseconds, and the verdict."""

    asked: Asked
    ms: float
    modelled: bool
    verdict: str
    degraded: bool


class Arrivals:
    """The stub's side: notes when a prompt has been read, and says at once that it knows nothing."""

    def __init__(self) -> None:
        self._at: list[float] = []

    def __call__(self, body: dict[str, Any]) -> Iterable[Sent]:
        self._at.append(now())
        return [_SAID]

    def taken(self) -> float | None:
        """When the first prompt since the last call came; None when none did."""
        first = self._at[0] if self._at else None
        self._at.clear()
        return first


def ask_all(url: str, arrivals: Arrivals, asked: Sequence[Asked], progress: Progress) -> list[Timed]:
    """Ask one after the other over one connection."""
    client, found = Client(url), []
    try:
        for n, one in enumerate(asked, 1):
            found.append(_timed(client, arrivals, one))
            progress(n, len(asked), one.kind)
    finally:
        client.close()
    return found


def _timed(client: Client, arrivals: Arrivals, one: Asked) -> Timed:
    arrivals.taken()
    body = {"question": one.text, "asked_at": iso(ASKED_AT)}
    started = now()
    answer = client.post("/v1/ask", body)
    ended, arrived = now(), arrivals.taken()
    until = ended if arrived is None else arrived
    return Timed(one, (until - started) * 1e3, arrived is not None, answer["verdict"], bool(answer["degraded"]))
