"""Whole-picture attributes from an image encoder, by the decision rule of its checkpoint's card.

For each attribute: score = mean cosine(image, prompts) - mean cosine(image, negatives), and it is there when
score > threshold. Prompts, negatives, threshold and the figures measured on held-out pictures stand in the card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from PIL.Image import Image

from ingest.ports import Detection
from retrieval.errors import EncoderUnavailable
from retrieval.ports import ImageEncoder
from retrieval.types import Vector

ABLE_AVERAGE_PRECISION = 0.8


class Attribute(msgspec.Struct, frozen=True):
    """One entry of the card's "attributes". Further fields of the card are allowed and not used."""

    label: str
    prompts: tuple[str, ...]
    negatives: tuple[str, ...]
    threshold: float
    average_precision: float
    miss_rate: float
    aliases: tuple[str, ...] = ()


class ZeroShotTagger:
    """The Detector port over an ImageEncoder and a card.

    `able` holds the attributes whose average precision on held-out pictures is at least `ABLE_AVERAGE_PRECISION`, with the
    card's miss rate. The weaker ones are in `weak` (label → average precision): they are neither reported nor claimed.
    Boxes are always None.
    """

    def __init__(self, encoder: ImageEncoder, card: dict[str, Any]) -> None:
        """Raises EncoderUnavailable when the card does not hold attributes as above."""
        try:
            found = msgspec.convert(card.get("attributes"), tuple[Attribute, ...])
        except msgspec.ValidationError as error:
            raise EncoderUnavailable(f"the card of {encoder.space} has no usable attributes: {error}") from error
        self.name = f"zero-shot {encoder.space}"
        self._encoder = encoder
        self._used = [each for each in found if each.average_precision >= ABLE_AVERAGE_PRECISION]
        self.able = {each.label: each.miss_rate for each in self._used}
        self.weak = {each.label: each.average_precision for each in found if each not in self._used}
        known = {each.label for each in found}
        self.aliases = {word: each.label for each in found for word in each.aliases if word not in known}
        self._directions: Vector | None = None

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """One list a picture, best margin over the threshold first; a detection's score is score minus threshold."""
        if not images or not self._used:
            return [[] for _ in images]
        return self.tag(self._encoder.encode_images(images))

    def tag(self, vectors: Vector) -> list[list[Detection]]:
        """The same for vectors the encoder has made already, shape (n, dim)."""
        if not self._used:
            return [[] for _ in vectors]
        margins = vectors @ self._prompt_directions().T - np.array([each.threshold for each in self._used])
        return [self._present(row) for row in margins]

    def _present(self, margins: Vector) -> list[Detection]:
        best_first = np.argsort(-margins, kind="stable")
        return [Detection(self._used[at].label, float(margins[at])) for at in best_first if margins[at] > 0]

    def _prompt_directions(self) -> Vector:
        """Shape (attributes, dim): mean prompt vector minus mean negative vector, whose inner product is the score."""
        if self._directions is None:
            encode = self._encoder.encode_texts
            rows = [encode(each.prompts).mean(axis=0) - encode(each.negatives).mean(axis=0) for each in self._used]
            self._directions = np.asarray(np.stack(rows), np.float32)
        return self._directions
