"""Late interaction over a text encoder's own token vectors: every word of the query looks for its best match in a text.

score = mean over query tokens of the highest cosine with any token of the text (MaxSim of Khattab and Zaharia 2020, arXiv
2004.12832, divided by the query's length). No model beside the text encoder is needed.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.ports import TextEncoder
from retrieval.types import Vector

# rows of a product that OpenBLAS keeps on the caller's thread: on a busy machine its threads wait for one another, ten times as long
_ROWS = 12
_CACHE_BYTES = 256 << 20


class LateInteraction:
    """The Reranker port. Token vectors of texts are made when first needed and kept, by text hash."""

    def __init__(self, encoder: TextEncoder, cache_bytes: int = _CACHE_BYTES) -> None:
        """`cache_bytes`: how much memory the kept token vectors may take (a 200-token passage takes 300 kB at dim 384)."""
        self.name = f"late:{encoder.space}"
        self._encoder = encoder
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._forgotten = 0

    def forget(self) -> None:
        """Drop all token vectors that are kept."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
            self._forgotten += 1

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (n,), in [-1, 1]. A query or text without tokens scores 0."""
        asked = self._encoder.encode_tokens([query])[0]
        return max_sims(asked, self._vectors(texts))

    def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        with self._lock:
            begun = self._forgotten
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        made = self._encoder.encode_tokens(list(missing.values())) if missing else []
        # a copy: what the encoder gives may be a part of a whole batch
        fresh = {key: np.array(tokens, np.float32) for key, tokens in zip(missing, made, strict=True)}
        self._keep(fresh, begun)
        return [fresh[key] if key in fresh else found[key] for key in keys]

    def _keep(self, fresh: dict[bytes, Vector], begun: int) -> None:
        """Unless all was to be forgotten since they were begun."""
        with self._lock:
            for key, tokens in fresh.items() if begun == self._forgotten else ():
                if key not in self._kept:
                    self._kept[key] = tokens
                    self._bytes += tokens.nbytes
            while self._bytes > self._cache_bytes and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes


def max_sims(query: Vector, texts: Sequence[Vector]) -> NDArray[np.float32]:
    """For each text (n, dim) the mean over the rows of `query` (m, dim) of the best inner product with a row of it; 0 when one is empty.

    All texts are compared in one product: thirty small ones take several times as long.
    """
    scores = np.zeros(len(texts), np.float32)
    filled = [i for i, text in enumerate(texts) if len(text)]
    if not len(query) or not filled:
        return scores
    starts = np.cumsum([0, *(len(texts[i]) for i in filled[:-1])])
    tokens = np.concatenate([texts[i] for i in filled])  # (tokens of all, dim)
    parts = [tokens @ query[row : row + _ROWS].T for row in range(0, len(query), _ROWS)]
    best = np.maximum.reduceat(np.concatenate(parts, axis=1), starts, axis=0)  # (texts, m)
    scores[filled] = best.mean(axis=1)
    return scores
