"""Encoders that cost next to nothing, so that what is measured is everything but the models."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL.Image import Image

from retrieval.types import Vector

_WORD = re.compile(r"\w+")
_DIRECTIONS = 4096
_SEED = 20260601


class QuickText:
    """Bag of hashed words, as retrieval.fakes.HashTextEncoder, with the words' directions drawn once. 384-d as all-MiniLM-L6-v2."""

    dim = 384
    space = "text:bench-384"

    def __init__(self) -> None:
        rng = np.random.default_rng(_SEED)
        self._directions = unit(rng.standard_normal((_DIRECTIONS, self.dim)).astype(np.float32))
        self._vector = lru_cache(65536)(self._summed)

    def encode(self, texts: Sequence[str]) -> Vector:
        return np.stack([self._vector(text) for text in texts]) if texts else np.zeros((0, self.dim), np.float32)

    def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
        return [self._directions[_hashes(text)] for text in texts]

    def _summed(self, text: str) -> Vector:
        # the text's own direction keeps texts of the same words apart
        own = self._directions[zlib.crc32(text.encode()) % _DIRECTIONS]
        return unit(self._directions[_hashes(text)].sum(axis=0) + own)


class QuickImages:
    """Random directions, the same for the same bytes or words. 512-d as CLIP ViT-B/32."""

    dim = 512
    space = "image:bench-512"

    def encode_images(self, images: Sequence[Image]) -> Vector:
        return self._drawn([zlib.crc32(image.tobytes()) for image in images])

    def encode_texts(self, texts: Sequence[str]) -> Vector:
        return self._drawn([zlib.crc32(text.encode()) for text in texts])

    def _drawn(self, seeds: Sequence[int]) -> Vector:
        rows = [np.random.default_rng(seed).standard_normal(self.dim, np.float32) for seed in seeds]
        return unit(np.stack(rows)) if rows else np.zeros((0, self.dim), np.float32)


def unit(rows: Vector) -> Vector:
    """Rows of length 1, float32."""
    scaled: Vector = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def _hashes(text: str) -> list[int]:
    return [_hash(word) for word in _WORD.findall(text.lower())] or [0]


@lru_cache(65536)
def _hash(word: str) -> int:
    return zlib.crc32(word.encode()) % _DIRECTIONS
