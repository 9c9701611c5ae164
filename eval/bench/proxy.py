"""What a model loses by being asked through us: throughput at sixteen questions at once, and time to its first word.

The stub speaks at a fixed speed: piece n of a reply leaves n / rate seconds after the request came. Its first piece is a whole claim,
because we tell nothing of a claim before it is whole and verified: the stub's first token and the first thing of ours that depends
on it are then the same words. Time to first token is that of our first `claim` event (/v1/ask), or of our first chunk with content
(/v1/chat/completions), less that of the first piece when the same prompt is sent to the stub directly. It holds everything that
stands before and behind the model: retrieval, context, verification, HTTP twice.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from eval.bench.plant import ASKED_AT
from eval.bench.questions import Asked
from eval.bench.talking import Client, now
from eval.stub import Sent, shown
from retrieval.times import iso

AT_ONCE = 16
PIECES, RATE = 240, 30.0
# a reply that is only waited for until its first piece
_SHORT = 3
_MODEL = "watchfloor"
_CLAIM_CHARS = 300


class Speaker:
    """The stub's script: a claim in the words of the first evidence shown, then `pieces` − 1 more pieces that say nothing.

    The last prompt is kept, to be sent directly; `count` is how many came."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.count, self.pieces = 0, PIECES

    def __call__(self, body: dict[str, Any]) -> Iterable[Sent]:
        self.body, self.count = body, self.count + 1
        label, text = next(iter(shown(body).items()), ("E1", "Nothing."))
        # the first line of what is shown says where it is from; the second is the evidence's own
        text = whole(text.partition("\n")[2].partition("\n")[0])
        claim = json.dumps({"text": text, "evidence": [label]}, ensure_ascii=False)
        yield f'{{"claims": [{claim}'
        for _ in range(self.pieces - 2):
            yield " "
        yield '], "insufficient": false}'


def whole(text: str, most: int = _CLAIM_CHARS) -> str:
    """The text, or its whole sentences within `most` characters: a claim that ends inside a word is not supported, and chat completions
    tell supported claims alone, so that their first token would be that of the reply's end."""
    head, stop, _ = text[:most].rpartition(". ")
    return text if len(text) <= most or not stop else f"{head}."


class Throughput(NamedTuple):
    """Replies a second, each of `PIECES` pieces, of so many at once."""

    direct: float
    ours: float


def throughput(stub_url: str, url: str, speaker: Speaker, asked: Sequence[Asked]) -> Throughput:
    """The stub asked directly, then the same number of questions through us; each of sixteen clients keeps one connection."""
    body, speaker.pieces = dict(speaker.body), PIECES
    direct = _wall(stub_url, [partial(_say, body)] * len(asked))
    ours = _wall(url, [partial(_ask, one) for one in asked])
    return Throughput(len(asked) / direct, len(asked) / ours)


def _wall(url: str, work: Sequence[Callable[[Client], object]]) -> float:
    """Seconds that all of the work takes, shared out evenly over sixteen clients."""

    def run(mine: Sequence[Callable[[Client], object]]) -> None:
        client = Client(url)
        try:
            for each in mine:
                each(client)
        finally:
            client.close()

    started = now()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, [work[n::AT_ONCE] for n in range(AT_ONCE)]))
    return now() - started


def _say(body: dict[str, Any], client: Client) -> None:
    """The stub's whole reply to a prompt."""
    deque(client.stream("/chat/completions", body), maxlen=0)


def _ask(one: Asked, client: Client) -> None:
    """Our whole answer to a question."""
    deque(client.stream("/v1/ask", native(one)), maxlen=0)


class FirstToken(NamedTuple):
    """Milliseconds to the first token of one question: directly, by /v1/ask, and by /v1/chat/completions."""

    direct: float
    native: float
    openai: float


def first_tokens(stub_url: str, url: str, speaker: Speaker, asked: Sequence[Asked]) -> list[FirstToken]:
    """One question after the other. What is told before the model speaks, or without it, does not count: such questions are left out."""
    speaker.pieces = _SHORT
    clients = Client(stub_url), Client(url), Client(url)
    found = []
    try:
        for one in asked:
            before = speaker.count
            ours = _until(clients[1].stream("/v1/ask", native(one)), lambda line: line.startswith(b"event: claim"))
            body = dict(speaker.body)
            if ours is None or speaker.count == before:
                continue
            chat = _until(clients[2].stream("/v1/chat/completions", openai(one)), _has_content)
            alone = _until(clients[0].stream("/chat/completions", body), _has_content)
            if chat is not None and alone is not None:
                found.append(FirstToken(alone, ours, chat))
    finally:
        for client in clients:
            client.close()
    return found


def _until(lines: Iterable[bytes], wanted: Callable[[bytes], bool]) -> float | None:
    """Milliseconds until the first such line; the rest is read so that the connection can be used again. None when there is none."""
    started, found = now(), None
    for line in lines:
        if found is None and wanted(line):
            found = (now() - started) * 1e3
    return found


def _has_content(line: bytes) -> bool:
    if not line.startswith(b"data: {"):
        return False
    choices = json.loads(line[6:]).get("choices") or [{}]
    return bool(choices[0].get("delta", {}).get("content"))


def native(one: Asked) -> dict[str, Any]:
    return {"question": one.text, "asked_at": iso(ASKED_AT)}


def openai(one: Asked) -> dict[str, Any]:
    return {"model": _MODEL, "stream": True, "messages": [{"role": "user", "content": one.text}]}
