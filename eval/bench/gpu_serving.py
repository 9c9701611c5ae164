"""A vision-language model behind vLLM: what a fixed prompt and frames that come again save, by the same server asked both ways.

`cache_salt` keeps a request's prefix from being shared, and pictures that never came before have nothing to reuse: so one server answers as
it does with its caches and as it would without them.
"""

from __future__ import annotations

import base64
import io
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from eval.bench.children import tell
from eval.bench.gpu_work import Bar, Goal, Skipped, Work
from eval.bench.talking import Client

AT_ONCE = 8
_PICTURES, _COMING_AGAIN = 5, 4
_TOKENS = 64
_RULES = "You look at frames of a plant's cameras and say in one sentence what changed. Cite frames by their label. "
_PROMPT = _RULES * 40


class Reply(NamedTuple):
    """Milliseconds to the first token, and how many there were."""

    first_ms: float
    tokens: int


def vlm(work: Work) -> Goal:
    """Tokens a second and time to the first one, with reuse and without. Raises Skipped."""
    if work.model_url is None:
        raise Skipped("no --model-url: it takes the OpenAI-compatible endpoint of a vLLM with a vision-language model")
    model = _model(work.model_url)
    _round(work, model, "warm", reuse=True)
    tell(0, 2, "without reuse")
    off = _round(work, model, "off", reuse=False)
    tell(1, 2, "with reuse")
    on = _round(work, model, "on", reuse=True)
    figures = {"model": model, "at_once": AT_ONCE, "asks": work.asks, "off": off, "on": on}
    figures["our service before it"] = "not measured here: `bench answer` measures it with a model of fixed speed"
    return Goal(
        figures,
        {
            "tokens/s with reuse over without": Bar(1.15, on["tokens_per_s"] / off["tokens_per_s"]),
            "first token with reuse over without": Bar(0.72, on["first_p50_ms"] / off["first_p50_ms"], at_most=True),
        },
    )


def _model(url: str) -> str:
    import httpx

    try:
        return str(httpx.get(f"{url.rstrip('/')}/models", timeout=10).raise_for_status().json()["data"][0]["id"])
    except (httpx.HTTPError, ValueError, LookupError) as error:
        raise Skipped(f"{url} does not tell its models: {error}") from error


def _round(work: Work, model: str, name: str, reuse: bool) -> dict[str, float]:
    bodies = [body(model, name, n, reuse) for n in range(work.asks)]
    assert work.model_url is not None
    url, began = work.model_url, time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda one: _asked(url, one), bodies))
    wall = time.perf_counter() - began
    first = [reply.first_ms for reply in replies]
    return {"tokens_per_s": sum(r.tokens for r in replies) / wall, "first_p50_ms": statistics.median(first)}


def body(model: str, name: str, number: int, reuse: bool) -> dict[str, Any]:
    """A question about five frames; with `reuse` four of them, and the prompt, are those of the question before."""
    fresh = [[number, n, crc32(name.encode())] for n in range(_PICTURES)]
    shown = [[n] for n in range(_COMING_AGAIN)] + fresh[_COMING_AGAIN:] if reuse else fresh
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _picture(seed)}} for seed in shown]
    parts.append({"type": "text", "text": f"Question {number}: what is different in the last frame?"})
    asked = {
        "model": model,
        "messages": [{"role": "system", "content": _PROMPT}, {"role": "user", "content": parts}],
        "max_tokens": _TOKENS,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return asked if reuse else asked | {"cache_salt": f"{name}-{number}"}


def _picture(seed: list[int]) -> str:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 255, (28, 40, 3), np.uint8).repeat(12, 0).repeat(12, 1)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _asked(url: str, asked: dict[str, Any]) -> Reply:
    client, began, first, tokens = Client(url), time.perf_counter(), 0.0, 0
    try:
        for line in client.stream("/chat/completions", asked):
            if not line.startswith(b"data: {"):
                continue
            piece = json.loads(line[6:])
            if not first and any(choice.get("delta", {}).get("content") for choice in piece.get("choices") or []):
                first = (time.perf_counter() - began) * 1e3
            tokens = (piece.get("usage") or {}).get("completion_tokens", tokens)
    finally:
        client.close()
    return Reply(first, tokens)
