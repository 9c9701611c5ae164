"""Encoders without weights: deterministic, quick, and near for what is alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from retrieval.types import Vector

_WORD = re.compile(r"\w+")
# rough sRGB of colour names, so that a text can find a picture by its colours
_COLOURS = {
    "red": (200, 30, 30),
    "orange": (240, 140, 20),
    "yellow": (230, 220, 40),
    "green": (30, 150, 50),
    "blue": (30, 60, 200),
    "purple": (130, 40, 160),
    "white": (250, 250, 250),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "black": (5, 5, 5),
    "brown": (120, 70, 30),
}


def _unit(rows: Vector) -> Vector:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Vector = (rows / np.maximum(norms, 1e-12)).astype(np.float32)
    return scaled


class HashTextEncoder:
    """Bag of hashed words: each word has a fixed random direction, a text is the sum of its words' directions."""

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim
        self.space = f"text:hash-{dim}"

    def encode(self, texts: Sequence[str]) -> Vector:
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return _unit(np.stack([self._tokens(text).sum(axis=0) for text in texts]))

    def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
        return [self._tokens(text) for text in texts]

    def _tokens(self, text: str) -> Vector:
        words = _WORD.findall(text.lower())
        if not words:
            return np.zeros((0, self.dim), np.float32)
        return _unit(np.stack([self._direction(word) for word in words]))

    def _direction(self, word: str) -> Vector:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)


class HashImageEncoder:
    """Colour histograms, 4 levels a channel (dim 64); a text becomes the histogram of the colours it names."""

    dim = 64
    space = "image:colours-4"

    def encode_images(self, images: Sequence[Image]) -> Vector:
        if not images:
            return np.zeros((0, self.dim), np.float32)
        pixels = [np.asarray(image.convert("RGB").resize((64, 64))).reshape(-1, 3) for image in images]
        return _unit(np.stack([self._histogram(each) for each in pixels]))

    def encode_texts(self, texts: Sequence[str]) -> Vector:
        """A text that names no colour is the zero vector: it is as near to every picture."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return _unit(np.stack([self._named(text) for text in texts]))

    def _named(self, text: str) -> Vector:
        colours = [_COLOURS[word] for word in _WORD.findall(text.lower()) if word in _COLOURS]
        return self._histogram(np.array(colours, np.uint8).reshape(-1, 3))

    def _histogram(self, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Vector:
        levels = (pixels // 64).astype(np.int64)
        codes = levels[:, 0] * 16 + levels[:, 1] * 4 + levels[:, 2]
        return np.bincount(codes, minlength=self.dim).astype(np.float32)
