"""Captions by a real vLLM, whose weights are random: its schema is kept to or the frame fails, and either way the run goes on."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from app.enrich import asking
from app.enrich.asking import Describer
from app.enrich.captioner import Captioner, Summary, Wish
from app.gallery import Gallery
from app.model.guard import Guarded
from prompts import load
from retrieval.types import Evidence, Filter, FrameAt, Interval, Kind

pytestmark = pytest.mark.vllm

T0 = 1_772_588_460_000_000  # 2026-03-04T01:41:00Z
SECOND = 1_000_000
MOMENTS = 3
Record = Callable[[str, object], None]


def bounded(kind: type[Any]) -> dict[str, Any]:
    """The schema of a caption with texts that noise can end."""
    word = {"type": "string", "pattern": "^[a-z]{3,8}( [a-z]{3,8}){1,3}$"}
    fields = {
        "caption": word,
        "objects": {"type": "array", "items": word, "minItems": 1, "maxItems": 2},
        "readable_text": {"type": "string", "maxLength": 8},
        "sure": {"type": "boolean"},
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


@pytest.fixture
def clip(house: Any) -> list[Evidence]:
    frames = []
    for n, colour in enumerate(("red", "lime", "blue")):
        picture = io.BytesIO()
        Image.new("RGB", (2000, 1000), colour).save(picture, "PNG")
        media = house.blobs.put("t", picture.getvalue(), "image/png")
        valid = Interval(T0 + n * SECOND, T0 + (n + 1) * SECOND)
        place = FrameAt(1000 * n, 1000 * n + 1000)
        frames.append(
            house.piece("gate.mp4", Kind.FRAME, place, f"CAM-07 {n}", media=media, valid=valid, data={"moment": n + 1})
        )
    house.put(*frames)
    return frames


def run(house: Any, server: Any, wish: Wish, max_tokens: int = 256) -> Summary:
    gallery = Gallery(house.blobs, house.folder / "charts")
    describer = Describer(Guarded(server.chat(max_tokens)), gallery, load("caption", 1), 120.0, 1.0)
    return Captioner(house.catalog, house.encoder, describer).run(house.me, wish)


def test_frames_are_captioned_within_a_budget_and_gone_on_with(
    server: Any, house: Any, clip: list[Evidence], monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    monkeypatch.setattr(asking, "schema_of", bounded)
    before = server.metric("prompt_tokens")
    first = run(house, server, Wish(frames=1))
    record_property("seconds, tokens of one caption", (first.seconds, first.prompt_tokens, first.completion_tokens))
    assert (first.captioned, first.failed, first.left) == (1, 0, MOMENTS - 1), first
    # the server counted the picture too, and told what it counted; its probes came on top
    assert first.prompt_tokens > 256 and server.metric("prompt_tokens") - before >= first.prompt_tokens
    second = run(house, server, Wish(at_once=2))
    assert (second.already, second.captioned, second.failed, second.left) == (1, MOMENTS - 1, 0, 0), second
    made = house.catalog.scan(Filter(kinds=(Kind.PASSAGE,)), house.me)
    assert {e.data["frame"] for e in made} == {frame.id for frame in clip}
    assert all(e.text.startswith(f"caption by {server.name}, not checked") for e in made)


def test_noise_without_bounds_fails_its_frames_alone(server: Any, house: Any, clip: list[Evidence]) -> None:
    made = run(house, server, Wish(), max_tokens=64)
    assert made.captioned + made.failed == MOMENTS and made.stopped == ""
    assert len(house.catalog.scan(Filter(kinds=(Kind.PASSAGE,)), house.me)) == made.captioned
