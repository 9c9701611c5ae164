"""What a message means, apart from which one it is and when: what its vector is made of, so that equal alarms are encoded once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from retrieval.ports import TextEncoder
from retrieval.search.remembering import Remembering
from retrieval.types import Vector

# texts of alarms a plant has; 6 MB at 384 dimensions
_REMEMBERED = 4096
_TIME = re.compile(
    r",?(?:\s+(?:from|to|until|since|at))?\s*\b\d{4}-\d{2}-\d{2}"
    r"(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?: ?(?:UTC|Z|[+-]\d{2}:?\d{2})\b)?"
)


def meaning(text: str, key: str, version: str) -> str:
    """The text of a message without its own id, its times and the field that orders it: these are found by words and by filters."""
    if key:
        text = re.sub(rf"(?<![\w-]){re.escape(key)}(?![\w-])\s?", "", text)
    if version:
        text = re.sub(rf"[;,]?\s*{re.escape(version)}: [^;]*", "", text)
    return " ".join(_TIME.sub("", text).split())


class TextVectors:
    """A text encoder that keeps the vectors of the last few thousand texts."""

    def __init__(self, encoder: TextEncoder, kept: int = _REMEMBERED) -> None:
        self._encoder, self._kept = encoder, Remembering(encoder, kept)
        self.space, self.dim = encoder.space, encoder.dim

    def encode(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim), float32, L2-normalised. Raises EncoderUnavailable."""
        return np.stack(self._kept.encode(texts)) if texts else np.zeros((0, self.dim), np.float32)

    def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
        """As the encoder gives them."""
        return self._encoder.encode_tokens(texts)
