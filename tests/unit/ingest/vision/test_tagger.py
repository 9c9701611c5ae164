"""Detections as text, and the zero-shot tagger's decision rule."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from ingest.ports import Detection
from ingest.vision import ZeroShotTagger, counts, detections_text
from retrieval.errors import EncoderUnavailable
from retrieval.fakes import HashImageEncoder

BOX = (0.0, 0.0, 0.5, 0.5)


def entry(label: str, precision: float = 0.95, threshold: float = 0.2, **more: Any) -> dict[str, Any]:
    return {
        "label": label,
        "prompts": [label, f"a {label} thing"],
        "negatives": ["black"],
        "threshold": threshold,
        "average_precision": precision,
        "miss_rate": 0.1,
        "prevalence": 0.5,
        **more,
    }


CARD = {
    "attributes": [entry("red", aliases=["crimson"]), entry("blue", aliases=["red"]), entry("green", precision=0.6)]
}


def picture(colour: str) -> Image.Image:
    return Image.new("RGB", (16, 16), colour)


def test_detections_as_text_and_counts() -> None:
    found = [
        Detection("truck", 0.6, BOX),
        Detection("person", 0.9, BOX),
        Detection("person", 0.8, BOX),
        Detection("smoke", 0.1),
    ]
    assert counts(found) == {"person": 2, "smoke": 1, "truck": 1}
    assert detections_text(found) == "sees: person ×2, smoke, truck ×1"
    assert detections_text([]) == ""


def test_what_is_there_is_reported_with_its_margin() -> None:
    tagger = ZeroShotTagger(HashImageEncoder(), CARD)
    red, blue, black = tagger.detect([picture("#c81e1e"), picture("#1e3cc8"), picture("black")])
    assert [each.label for each in red] == ["red"]
    assert red[0].score == pytest.approx(1.0 - 0.2)
    assert [each.label for each in blue] == ["blue"]
    assert black == []


def test_weak_attributes_are_neither_claimed_nor_reported() -> None:
    tagger = ZeroShotTagger(HashImageEncoder(), CARD)
    assert tagger.able == {"red": 0.1, "blue": 0.1}
    assert tagger.weak == {"green": 0.6}
    assert tagger.detect([picture("#1e9632")]) == [[]]


def test_an_alias_never_shadows_a_label() -> None:
    assert ZeroShotTagger(HashImageEncoder(), CARD).aliases == {"crimson": "red"}


def test_nothing_to_look_at() -> None:
    assert ZeroShotTagger(HashImageEncoder(), CARD).detect([]) == []
    assert ZeroShotTagger(HashImageEncoder(), {"attributes": []}).tag(np.zeros((2, 64), np.float32)) == [[], []]


@pytest.mark.parametrize("card", [{}, {"attributes": [{"label": "x"}]}, {"attributes": [entry("x", threshold="high")]}])
def test_a_card_that_does_not_fit_is_refused(card: dict[str, Any]) -> None:
    with pytest.raises(EncoderUnavailable, match="attributes"):
        ZeroShotTagger(HashImageEncoder(), card)
