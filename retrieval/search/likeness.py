"""How much frames look like what words say: for telling where in a clip something begins and ends."""

from __future__ import annotations

import numpy as np

from retrieval.ports import CatalogReader, ImageEncoder, VectorIndex
from retrieval.types import Filter, Principal

_MOST = 20_000


class Likeness:
    """Compares words with every frame that passes a filter, by the image encoder's space. Without an encoder nothing is alike."""

    def __init__(self, vectors: VectorIndex, encoder: ImageEncoder | None, catalog: CatalogReader) -> None:
        self._vectors, self._encoder, self._catalog = vectors, encoder, catalog

    def scores(self, words: str, filter_: Filter, principal: Principal) -> dict[str, float]:
        """Evidence id → inner product of L2-normalised vectors, in [-1, 1], of the frames visible to the principal.

        Of more than 20,000 that pass only the 20,000 most alike.
        """
        if self._encoder is None:
            return {}
        query = np.asarray(self._encoder.encode_texts([words])[0], np.float32)
        found = self._vectors.search(self._encoder.space, query, _MOST, filter_, principal)
        shown = self._catalog.shown([int(row) for row in found.rows], principal, filter_.as_of)
        pairs = zip(found.rows.tolist(), found.scores.tolist(), strict=True)
        return {shown[row]: float(score) for row, score in pairs if row in shown}
