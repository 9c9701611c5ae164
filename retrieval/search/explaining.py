"""How the searches of a question go: which plan the vector index takes, what each word is looked for as, and why."""

from __future__ import annotations

import msgspec

from retrieval.ports import Explained, ImageEncoder, TextEncoder, VectorIndex, WordIndex
from retrieval.types import Kind, Principal, Query


class Explainer:
    """Asks the index as the channels do: text among everything, pictures among frames."""

    def __init__(
        self,
        indexes: tuple[VectorIndex, WordIndex],
        text: TextEncoder | None,
        image: ImageEncoder | None,
        depth: int,
    ) -> None:
        """`depth`: how many rows a channel asks for at least."""
        self._vectors, self._words = indexes
        self._text, self._image, self._depth = text, image, depth

    def explain(self, query: Query, principal: Principal) -> list[Explained]:
        """One for each space that is searched for the query's text, then the words'. Raises EncoderUnavailable, BadQuery."""
        k, told = max(self._depth, query.k), list[Explained]()
        if self._text is not None and "text" in (query.channels or ("text",)):
            asked = self._text.encode([query.text])[0]
            told.append(self._vectors.explain(self._text.space, asked, k, query.filter, principal))
        frames = not query.filter.kinds or Kind.FRAME in query.filter.kinds
        if self._image is not None and frames and "image" in (query.channels or ("image",)):
            asked = self._image.encode_texts([query.text])[0]
            only_frames = msgspec.structs.replace(query.filter, kinds=(Kind.FRAME,))
            told.append(self._vectors.explain(self._image.space, asked, k, only_frames, principal))
        if "words" in (query.channels or ("words",)):
            told.append(self._words.explain(query.text, k, query.filter, principal))
        return told
